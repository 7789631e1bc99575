/** A job within a dialog: how far it is, and a button that ends it. */

import { t } from "../../i18n/index.ts";
import type { Job } from "../../model/types.ts";
import { Progress, button } from "../controls.ts";
import { h, setText } from "../dom.ts";

export class JobView {
  readonly element: HTMLElement;
  private readonly progress: Progress;
  private readonly told = h("span", { class: "grow small soft numbers", attrs: { role: "status" } });

  constructor(name: string, cancel: () => void) {
    this.progress = new Progress(name);
    this.element = h(
      "div",
      { class: "stack", attrs: { "data-testid": "job" } },
      this.progress.element,
      h(
        "div",
        { class: "row" },
        this.told,
        button({ name: t("cancel"), text: t("cancel"), kind: "plain", testid: "cancel-job", press: cancel }),
      ),
    );
  }

  show({ progress }: Job): void {
    const total = progress?.total ?? 0;
    this.progress.set(total > 0 ? progress!.done / total : null);
    setText(this.told, total > 0 ? t("job.progress", { done: progress!.done, total }) : t("job.starts"));
  }
}
