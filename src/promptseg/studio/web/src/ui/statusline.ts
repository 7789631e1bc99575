/** The line below the image: what to do with the tool in use, where the pointer is, and the zoom. */

import type { Stage } from "../canvas/stage.ts";
import { t } from "../i18n/index.ts";
import type { Signal } from "../model/signal.ts";
import { button, setButton } from "./controls.ts";
import { h, setText } from "./dom.ts";
import { noticed } from "./noticed.ts";
import { say } from "./texts.ts";
import type { Workspace } from "./workspace.ts";

export class StatusLine {
  readonly element: HTMLElement;

  constructor(workspace: Workspace, stage: Stage, preview: Signal<boolean>) {
    const told = h("span", { class: "ellipsis grow" });
    const place = h("span", { class: "numbers soft place", attrs: { "aria-hidden": "true" } });
    const zoom = button({
      name: t("status.actualSize"),
      text: "100 %",
      class: "numbers",
      testid: "zoom",
      press: () => stage.viewport.zoomTo(1),
    });
    const zoomText = zoom.querySelector("span")!;
    const step = (action: string, text: string): HTMLElement =>
      button({ name: say(`keys.${action}`), text, action, press: () => workspace.run(action) });
    const previews = button({ icon: "preview", name: t("prompt.preview"), testid: "preview", press: () => preview.update((on) => !on) });
    preview.watch((on) => setButton(previews, { pressed: on }));
    this.element = h(
      "div",
      { class: "status" },
      told,
      place,
      previews,
      step("view.out", "−"),
      zoom,
      step("view.in", "+"),
      button({ icon: "fit", name: t("keys.view.fit"), action: "view.fit", testid: "fit", press: () => workspace.run("view.fit") }),
    );
    const tell = (): void => {
      const { value: isPreparing } = workspace.preparing.shown;
      const opening = opens.value ? workspace.whyClosed : null;
      setText(told, opening ?? (isPreparing ? t("prompt.preparing") : say(`status.${workspace.tool.value}`)));
    };
    const opens = noticed(workspace.opening);
    for (const signal of [workspace.tool, workspace.preparing.shown, opens]) signal.subscribe(tell);
    tell();
    const tellZoom = (): void => {
      const shown = workspace.open.value === null ? "100 %" : `${Math.round(stage.viewport.scale * 100)} %`;
      setText(zoomText, shown);
      setButton(zoom, { name: `${shown}. ${t("status.actualSize")}` });
    };
    stage.viewport.onChange(tellZoom);
    workspace.open.watch(tellZoom);
    stage.on("hover", ({ at: [x, y] }) => setText(place, `${Math.round(x)}, ${Math.round(y)}`));
    stage.on("leave", () => setText(place, ""));
  }
}
