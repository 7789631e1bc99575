/** Work that goes on in the background, at the corner of the image: the model that loads, suggestions. */

import { t } from "../i18n/index.ts";
import { Progress, button } from "./controls.ts";
import { h, setText } from "./dom.ts";

export class JobCard {
  readonly element: HTMLElement;
  private readonly progress: Progress;
  private readonly told = h("span", { class: "grow small numbers ellipsis" });

  constructor(text: string, testid: string, cancel: (() => void) | null = null) {
    this.progress = new Progress(text);
    setText(this.told, text);
    this.element = h(
      "div",
      { class: "job-card", attrs: { "data-testid": testid, role: "status" } },
      h("div", { class: "row" }, this.told, cancel && button({ icon: "close", name: t("cancel"), press: cancel })),
      this.progress.element,
    );
  }

  set(text: string, share: number | null): void {
    setText(this.told, text);
    this.progress.set(share);
  }
}
