/** What is shown in the place of an image that cannot be opened, or not now: why, and what to do. */

import { t } from "../i18n/index.ts";
import { button } from "./controls.ts";
import { fill, h } from "./dom.ts";
import { icon } from "./icons.ts";
import type { Failed, Workspace } from "./workspace.ts";

export class Unreadable {
  readonly element = h("div", { class: "welcome empty", attrs: { role: "alert", "data-testid": "unreadable" } });
  private shown: Failed | null = null;

  constructor(private readonly workspace: Workspace) {
    workspace.failed.watch((failed) => {
      const isSame = failed !== null && failed.why === this.shown?.why && failed.summary.key === this.shown.summary.key;
      this.shown = failed;
      if (isSame) return; // Tried again in vain: a button that is being pressed would be replaced, and the click lost.
      const hadFocus = this.element.contains(document.activeElement);
      this.element.hidden = failed === null;
      fill(this.element, ...(failed === null ? [] : this.told(failed)));
      if (hadFocus) (this.element.querySelector<HTMLElement>(".primary") ?? { focus: workspace.focusStage }).focus();
    });
  }

  private told({ summary, why }: Failed): Element[] {
    const { workspace } = this;
    const isOffline = why === null;
    const title = isOffline ? t("image.offline") : t("image.unreadable", { name: summary.name });
    const reasons = isOffline ? [t("image.opensLater", { name: summary.name })] : [why, t("image.unreadableFile")];
    const retry = button({
      name: t("retry"),
      text: t("retry"),
      kind: "primary",
      testid: "open-again",
      press: () => void workspace.reopen(),
    });
    const next = button({
      name: t("keys.images.next"),
      text: t("keys.images.next"),
      kind: "plain",
      action: "images.next",
      testid: "skip-unreadable",
      press: () => workspace.run("images.next"),
    });
    const isFolder = workspace.project.value?.kind !== "video" && workspace.images.value.length > 1;
    return [
      icon(isOffline ? "offline" : "warning"),
      h("h2", {}, title),
      ...reasons.map((reason) => h("p", {}, reason)),
      h("div", { class: "row" }, retry, isFolder && next),
    ];
  }
}
