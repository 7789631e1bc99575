/** The controls above the image. */

import { plural, t } from "../i18n/index.ts";
import type { PromptSession, SessionState } from "../tools/session.ts";
import { TOOLS, type ToolId } from "../tools/tool.ts";
import { button, setButton } from "../ui/controls.ts";
import { fill, h, setAttribute, setText } from "../ui/dom.ts";
import { shownKeys } from "../ui/keys.ts";
import { say } from "../ui/texts.ts";
import type { Editor } from "./editor.ts";
import { FINDERS } from "./finding.ts";
import type { Link } from "./link.ts";

export class Bar {
  readonly element: HTMLElement;
  readonly #editor: Editor;
  readonly #link: Link;
  readonly #run: (action: string) => void;

  constructor(editor: Editor, link: Link, run: (action: string) => void) {
    this.#editor = editor;
    this.#link = link;
    this.#run = run;
    const groups = [
      this.#tools(),
      this.#session(),
      this.#brush(),
      this.#steps(),
      this.#label(),
      h("span", { class: "grow" }),
      this.#images(),
    ];
    this.element = h("div", { class: "bar", attrs: { role: "toolbar", "aria-label": t("tools.name") } }, ...groups);
  }

  #tools(): HTMLElement {
    const buttons = new Map<ToolId, HTMLButtonElement>(TOOLS.map((id) => [id, this.#button(id, `tool.${id}`, say(`keys.tool.${id}`))]));
    this.#editor.toolbox.current.watch((current) => {
      for (const [id, element] of buttons) setButton(element, { pressed: id === current });
    });
    // What needs more than most models have is there where the model has it.
    this.#link.watch("_model", ({ accepts }) => {
      for (const id of FINDERS) setAttribute(buttons.get(id)!, "hidden", accepts === undefined || this.#editor.missing(id) !== null);
    });
    return h("span", { class: "group" }, ...buttons.values());
  }

  /** What can be done with the mask that is being made. */
  #session(): HTMLElement {
    const { point, box } = this.#editor.toolbox;
    const session = (): PromptSession => (box.session.active ? box.session : point.session);
    const place = h("span", { class: "numbers", attrs: { "data-testid": "candidate" } });
    const next = button({ icon: "next", name: t("keys.prompt.candidate"), testid: "next-candidate", press: () => session().cycle(1) });
    const keep = button({ icon: "check", name: t("keys.prompt.accept"), kind: "primary", testid: "keep", press: () => session().accept() });
    const drop = button({ icon: "close", name: t("keys.prompt.cancel"), testid: "drop", press: () => session().drop() });
    const group = h("span", { class: "group", attrs: { hidden: true } }, place, next, keep, drop);
    const show = ({ phase, candidates, candidate }: SessionState): void => {
      setAttribute(group, "hidden", phase !== "draft");
      setText(place, candidates > 1 ? `${candidate + 1} / ${candidates}` : "");
      setAttribute(next, "hidden", candidates < 2);
    };
    for (const each of [point.session, box.session]) each.state.subscribe(() => show(session().state.value));
    for (const [element, keys] of [
      [next, "C"],
      [keep, "Enter"],
      [drop, "Esc"],
    ] as const)
      named(element, keys);
    return group;
  }

  #brush(): HTMLElement {
    const { brushRadius } = this.#editor.settings;
    const slider = h("input", {
      attrs: {
        type: "range",
        min: 0,
        max: 100,
        "aria-label": t("brush.size"),
        title: `${t("brush.size")} ([ ])`,
        "data-testid": "brush-size",
      },
      on: { input: () => brushRadius.set(radiusAt(Number(slider.value))) },
    });
    brushRadius.watch((radius) => (slider.value = String(placeOf(radius))));
    const group = h("span", { class: "group brush" }, slider);
    this.#editor.toolbox.current.watch((tool) => setAttribute(group, "hidden", tool !== "brush" && tool !== "eraser"));
    return group;
  }

  #steps(): HTMLElement {
    const undo = this.#button("undo", "undo", t("keys.undo"));
    const redo = this.#button("redo", "redo", t("keys.redo"));
    const trash = this.#button("trash", "objects.delete", t("keys.objects.delete"));
    this.#editor.steps.watch((steps) => {
      setButton(undo, { disabled: steps.undo === null });
      setButton(redo, { disabled: steps.redo === null });
    });
    this.#editor.selection.watch((uids) => setButton(trash, { disabled: uids.size === 0 }));
    return h("span", { class: "group" }, undo, redo, trash, this.#button("fit", "view.fit", t("keys.view.fit")));
  }

  #label(): HTMLElement {
    const list = h("datalist", { attrs: { id: "labels" } });
    const field = h("input", {
      class: "field",
      attrs: { list: "labels", placeholder: t("edit.label"), "aria-label": t("edit.label"), autocomplete: "off", "data-testid": "label" },
      on: {
        change: () => this.#editor.giveLabel(field.value.trim() || null),
        focus: () => field.select(),
      },
    });
    this.#editor.labels.watch((labels) => fill(list, ...labels.map(({ name }) => h("option", { attrs: { value: name } }))));
    this.#editor.label.watch((label) => (field.value = label ?? ""));
    const count = h("span", { class: "soft numbers", attrs: { "data-testid": "count" } });
    this.#editor.count.watch((many) => setText(count, plural("objects.count", many)));
    return h("span", { class: "group" }, field, list, count);
  }

  /** From one image to the next, where there are several. */
  #images(): HTMLElement {
    const name = h("span", { class: "soft ellipsis", attrs: { "data-testid": "image-name" } });
    const previous = this.#button("previous", "images.previous", t("keys.images.previous"));
    const next = this.#button("next", "images.next", t("keys.images.next"));
    const group = h("span", { class: "group" }, previous, name, next);
    this.#link.watch("_picture", ({ index }) => {
      const names = this.#link.get("_names");
      setAttribute(group, "hidden", names.length < 2);
      setText(name, `${names[index] ?? ""} (${index + 1}/${names.length})`);
      setButton(previous, { disabled: index === 0 });
      setButton(next, { disabled: index === names.length - 1 });
    });
    return group;
  }

  #button(icon: Parameters<typeof setButton>[1]["icon"] & string, action: string, name: string): HTMLButtonElement {
    const element = button({ icon, name, action, testid: action.replace(".", "-"), press: () => this.#run(action) });
    named(element, shownKeys(action));
    return element;
  }
}

/** Say what a button without text does where the pointer rests on it. */
function named(element: HTMLElement, keys: string | null): void {
  const name = element.getAttribute("aria-label") ?? "";
  element.title = keys === null ? name : `${name} (${keys})`;
}

const LEAST = 1;
const MOST = 300;

/** The radius at a place of the slider, 0 to 100: equal steps are equal factors. */
export function radiusAt(place: number): number {
  return LEAST * (MOST / LEAST) ** (place / 100);
}

export function placeOf(radius: number): number {
  return (100 * Math.log(Math.max(LEAST, Math.min(MOST, radius)) / LEAST)) / Math.log(MOST / LEAST);
}
