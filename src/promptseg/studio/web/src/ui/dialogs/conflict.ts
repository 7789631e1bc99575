/** Two pages changed the same objects: which versions are kept, asked once for all of them. Nothing is lost before the person has said so. */

import type { StageImage } from "../../canvas/stage.ts";
import { bitmapOf } from "../../canvas/bitmaps.ts";
import { plural, t } from "../../i18n/index.ts";
import type { Conflict } from "../../model/pending.ts";
import type { Choice } from "../../model/queue.ts";
import type { Box, StudioObject } from "../../model/types.ts";
import { differingParts } from "../../model/versions.ts";
import { button, setButton } from "../controls.ts";
import { h } from "../dom.ts";
import { preview } from "../preview.ts";
import { say } from "../texts.ts";
import { openDialog } from "./dialog.ts";

export interface ConflictQuestion {
  /** Name of the image. */
  name: string;
  conflicts: readonly Conflict[];
  /** The image, for the pictures; null where it cannot be had. */
  image: Promise<StageImage | null>;
  colorOf: (object: StudioObject) => string;
  /** Called once, with a choice for each object by its uid. */
  answer: (choices: Record<string, Choice>) => void;
}

export function openConflict(question: ConflictQuestion): void {
  const { name, conflicts, answer } = question;
  const choices = new Map<string, Choice>();
  let isAnswered = false;
  const rows = conflicts.map((conflict, index) => new Row(question, conflict, index, (choice) => choose(conflict.uid, choice)));
  const choose = (uid: string, choice: Choice): void => {
    choices.set(uid, choice);
    setButton(keep, { disabled: choices.size < conflicts.length });
  };
  const forAll = (choice: Choice, text: string): HTMLElement =>
    button({ name: text, text, kind: "plain", testid: `all-${choice}`, press: () => rows.forEach((row) => row.choose(choice)) });
  const keep = button({
    name: t("conflict.keep"),
    text: t("conflict.keep"),
    kind: "primary",
    testid: "keep-chosen",
    press: () => {
      isAnswered = true;
      dialog.close();
      answer(Object.fromEntries(choices));
    },
  });
  setButton(keep, { disabled: true });
  const all = h(
    "div",
    { class: "row", attrs: { role: "group", "aria-label": t("conflict.forAll") } },
    h("span", { class: "soft grow" }, t("conflict.forAll")),
    forAll("mine", t("conflict.allMine")),
    forAll("theirs", t("conflict.allTheirs")),
  );
  const list = h("div", { class: "versions" }, ...rows.map(({ element }) => element));
  const dialog = openDialog({
    title: t("conflict.title"),
    testid: "conflict",
    mustChoose: true,
    closed: () => !isAnswered && openConflict(question), // Some browsers close any dialog.
    body: [
      h("p", {}, plural("conflict.told", conflicts.length, { name })),
      h("p", { class: "soft" }, t("conflict.more")),
      conflicts.length > 1 && all,
      list,
    ],
    footer: [keep],
  });
}

/** An object with its two versions, of which one is chosen. */
class Row {
  readonly element: HTMLElement;
  private readonly radios = new Map<Choice, HTMLInputElement>();

  constructor(
    private readonly question: ConflictQuestion,
    private readonly conflict: Conflict,
    index: number,
    private readonly chosen: (choice: Choice) => void,
  ) {
    const { mine, theirs } = conflict;
    const parts = differingParts(conflict).map((part) => say(`conflict.part.${part}`));
    const told = parts.length > 0 ? t("conflict.differs", { what: parts.join(", ") }) : "";
    const name = `${index + 1} ${(theirs ?? mine)?.label ?? t("objects.noLabel")}`;
    this.element = h(
      "fieldset",
      { class: "version-row", attrs: { "data-testid": "version-row", "data-uid": conflict.uid } },
      h("legend", {}, name, " ", h("span", { class: "soft small" }, told)),
      h("div", { class: "row" }, this.version("mine", t("conflict.mine"), mine), this.version("theirs", t("conflict.theirs"), theirs)),
    );
    this.drawWhenSeen();
  }

  /** Choose a version, as the person does. */
  choose(choice: Choice): void {
    this.radios.get(choice)!.checked = true;
    this.chosen(choice);
  }

  private version(choice: Choice, title: string, object: StudioObject | null): HTMLElement {
    const radio = h("input", {
      attrs: { type: "radio", name: `version-${this.conflict.uid}`, value: choice, "data-testid": `choose-${choice}` },
      on: { change: () => this.chosen(choice) },
    });
    this.radios.set(choice, radio);
    const told = object === null ? t("conflict.removed") : (object.label ?? t("objects.noLabel"));
    return h(
      "label",
      { class: "version" },
      h("span", { class: "row" }, radio, h("span", { class: "ellipsis" }, title)),
      h("span", { class: "preview", attrs: { "data-version": choice } }),
      h("span", { class: object === null ? "soft ellipsis" : "ellipsis" }, told),
    );
  }

  /** Thousands of objects may differ: pictures are made of those that are in sight. */
  private drawWhenSeen(): void {
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      observer.disconnect();
      this.draw();
    });
    observer.observe(this.element);
  }

  private draw(): void {
    const { image, colorOf } = this.question;
    const { mine, theirs } = this.conflict;
    const around = boxAround([mine, theirs]);
    if (around === null) return;
    for (const [choice, object] of Object.entries({ mine, theirs }))
      if (object !== null)
        this.element.querySelector(`[data-version=${choice}]`)?.replaceWith(preview(object.mask, colorOf(object), around, image));
  }
}

/** The box around several objects, so that their pictures can be compared. */
function boxAround(objects: readonly (StudioObject | null)[]): Box | null {
  const boxes = objects.flatMap((object) => (object === null ? [] : [bitmapOf(object.mask).box])).filter((box) => box !== null);
  const corner = (place: 0 | 1 | 2 | 3): number[] => boxes.map((box) => box[place]);
  if (boxes.length === 0) return null;
  return [Math.min(...corner(0)), Math.min(...corner(1)), Math.max(...corner(2)), Math.max(...corner(3))];
}
