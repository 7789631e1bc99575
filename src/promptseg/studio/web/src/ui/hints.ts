/** Three hints at first use, one after the other, beside what they are about. Once dismissed, they never come back by themselves. */

import { t } from "../i18n/index.ts";
import { button } from "./controls.ts";
import { h } from "./dom.ts";
import { recall, remember } from "./settings.ts";
import { placeBeside } from "./tooltips.ts";

export interface Hint {
  text: () => string;
  beside: () => HTMLElement | null | undefined;
  side: "right" | "left" | "below" | "above";
}

export class Hints {
  private shown: Element | null = null;

  constructor(private readonly hints: readonly Hint[]) {}

  /** Show them where nobody has seen them in this browser. */
  greet(): void {
    if (!recall<boolean>("hints", false)) this.show(0);
  }

  show(index: number): void {
    this.remove();
    const hint = this.hints[index];
    if (hint === undefined) {
      this.dismiss();
      return;
    }
    const target = hint.beside();
    if (!target) {
      this.show(index + 1);
      return;
    }
    const isLast = index === this.hints.length - 1;
    const next = t(isLast ? "hints.last" : "hints.next");
    const element = h(
      "aside",
      {
        class: "hint",
        attrs: { "aria-label": t("hints.name"), "data-testid": "hint" },
        on: {
          keydown: (event) => {
            if (event.key !== "Escape") return;
            event.stopPropagation();
            this.dismiss();
          },
        },
      },
      h("p", {}, hint.text()),
      h(
        "footer",
        {},
        h("span", { class: "small numbers" }, t("hints.count", { at: index + 1, of: this.hints.length })),
        h(
          "div",
          { class: "row" },
          !isLast && button({ name: t("hints.skip"), text: t("hints.skip"), testid: "skip-hints", press: () => this.dismiss() }),
          button({ name: next, text: next, testid: "next-hint", press: () => this.show(index + 1) }),
        ),
      ),
    );
    this.shown = element;
    document.body.append(element);
    placeBeside(element, target.getBoundingClientRect(), hint.side);
  }

  dismiss(): void {
    this.remove();
    remember("hints", true);
  }

  private remove(): void {
    this.shown?.remove();
    this.shown = null;
  }
}
