/** Parts of the controls of tools that find several objects. The page and the notebook's widget share them. */

import { plural, t } from "../i18n/index.ts";
import type { Signal } from "../model/signal.ts";
import type { ProposalsState } from "../tools/proposals.ts";
import { h, setText } from "./dom.ts";
import { say } from "./texts.ts";

/** Points a side of everything mode: coarse, usual, fine. */
const FINENESS = [16, 32, 64] as const;
/** Maximum number of characters of a phrase. */
const LONGEST_PHRASE = 1000;

/** The field of a phrase. Enter finds it, Escape leaves the field. */
export function phraseField(attributes: Record<string, string>, find: (phrase: string) => void, leave: () => void): HTMLInputElement {
  const field = h("input", {
    class: "field",
    attrs: {
      type: "text",
      placeholder: t("text.example"),
      "aria-label": t("text.phrase"),
      maxlength: LONGEST_PHRASE,
      enterkeyhint: "search",
      "data-testid": "phrase",
      ...attributes,
    },
    on: {
      keydown: (event) => {
        if (event.key === "Enter" && !event.isComposing && !event.shiftKey) find(field.value);
        if (event.key === "Escape") leave();
      },
    },
  });
  return field;
}

/** The choice of how finely everything mode looks. Its value is the number of points a side. */
export function finenessChoice(attributes: Record<string, string> = {}): HTMLSelectElement {
  return h(
    "select",
    { class: "field", attrs: { "data-testid": "fineness", ...attributes } },
    ...FINENESS.map((points) => h("option", { attrs: { value: points } }, say(`everything.points${points}`))),
  );
}

/** The slider of the score from which found objects are shown, and its value as text. */
export function thresholdSlider(threshold: Signal<number>): { slider: HTMLInputElement; shown: HTMLElement } {
  const shown = h("output", { class: "numbers" });
  const slider = h("input", {
    attrs: { type: "range", min: 0, max: 1, step: 0.01, "aria-label": t("text.threshold"), "data-testid": "threshold" },
    on: { input: () => threshold.set(Number(slider.value)) },
  });
  threshold.watch((value) => {
    slider.value = String(value);
    setText(shown, value.toFixed(2));
  });
  return { slider, shown };
}

/** How many objects were found, and how many more below the threshold. */
export function foundText({ found, shown }: ProposalsState): string {
  const below = found.length - shown.length;
  return plural("found.count", shown.length) + (below === 0 ? "" : ` ${t("found.below", { count: below })}`);
}
