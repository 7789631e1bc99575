/** How the objects agree with the truth, while one works, where the project has true masks. */

import { t } from "../i18n/index.ts";
import type { Bitmap } from "../model/mask.ts";
import { bitmapOf } from "../canvas/bitmaps.ts";
import type { ShownObject } from "../canvas/stage.ts";
import { Bitmap as Mask } from "../model/mask.ts";
import { agreement, bestIou, differences } from "./agreement.ts";
import { fill, h, setText } from "./dom.ts";
import type { Workspace } from "./workspace.ts";

export const MISSED = "#d55e00";
export const EXTRA = "#56b4e9";
/** Rows of true masks; more are only in the mean. */
const MOST_ROWS = 6;

export class TruthCard {
  readonly element: HTMLElement;
  private readonly mean = h("strong", { class: "numbers", attrs: { "data-testid": "mean-iou" } });
  private readonly draft = h("span", { class: "numbers", attrs: { "data-testid": "draft-iou" } }, "–");
  private readonly rows = h("ul", { class: "small numbers" });

  constructor(private readonly workspace: Workspace) {
    const legend = (kind: string, text: string): HTMLElement => h("span", { class: "legend small" }, h("i", { class: kind }), text);
    const legends = h("div", { class: "row" }, legend("missed", t("truth.missed")), legend("extra", t("truth.extra")));
    this.element = h(
      "section",
      { class: "truth-card stack", attrs: { "aria-label": t("truth.name"), "data-testid": "truth" } },
      h("div", { class: "row" }, h("span", { class: "grow" }, t("truth.image")), this.mean),
      this.rows,
      h("div", { class: "row small soft" }, h("span", { class: "grow" }, t("truth.draft")), this.draft),
      legends,
    );
    workspace.truthShown.watch((shown) => (legends.hidden = !shown));
    workspace.truth.watch(() => this.write());
    workspace.objects.subscribe(() => this.write());
  }

  /** The mask that is being made, or none. */
  setDraft(mask: Bitmap | null): void {
    if (this.element.hidden) return;
    const iou = mask === null ? null : bestIou(this.workspace.truth.value, mask);
    setText(this.draft, iou === null ? "–" : iou.toFixed(3));
  }

  /** What the stage shows above the objects: what they miss, and what is too much. */
  overlay(): ShownObject[] {
    const { truth, truthShown, open } = this.workspace;
    if (truth.value.length === 0 || !truthShown.value || open.value === null) return [];
    const { missed, extra } = differences(truth.value, this.masks(), Mask.empty(open.value.width, open.value.height));
    return [
      { uid: "truth-missed", bitmap: missed, color: MISSED },
      { uid: "truth-extra", bitmap: extra, color: EXTRA },
    ];
  }

  private masks(): Bitmap[] {
    return this.workspace.objects.value.filter((object) => !object.hidden).map((object) => bitmapOf(object.mask));
  }

  private write(): void {
    const { truth, objects, open } = this.workspace;
    this.element.hidden = truth.value.length === 0;
    if (this.element.hidden) return;
    const shown = objects.value.filter((object) => !object.hidden);
    const { pairs, mean } = agreement(truth.value, this.masks());
    setText(this.mean, mean === null ? "–" : mean.toFixed(3));
    const named = pairs.map((pair, index) => ({ ...pair, label: open.value?.truth[index]?.label ?? t("objects.noLabel") }));
    fill(
      this.rows,
      ...named.slice(0, MOST_ROWS).map(({ object, iou, label }) => {
        const number = object === null ? "–" : String(this.workspace.numberOf(shown[object]!.uid));
        return h(
          "li",
          { class: "row" },
          h("span", { class: "soft" }, number),
          h("span", { class: "grow ellipsis" }, label),
          iou.toFixed(3),
        );
      }),
      named.length > MOST_ROWS && h("li", { class: "soft" }, t("truth.more", { count: named.length - MOST_ROWS })),
    );
  }
}
