/** The controls of the tools that find several objects: what to find, from which score on, and what is kept of it. */

import { t } from "../i18n/index.ts";
import type { FindingTool } from "../tools/finding.ts";
import type { ToolId } from "../tools/tool.ts";
import { button, setButton } from "../ui/controls.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import { finenessChoice, foundText, phraseField, thresholdSlider } from "../ui/finders.ts";
import type { Editor } from "./editor.ts";

export const FINDERS = ["text", "like", "everything", "salient"] as const satisfies readonly ToolId[];

type Finder = (typeof FINDERS)[number];

export function isFinder(tool: ToolId): tool is Finder {
  return (FINDERS as readonly ToolId[]).includes(tool);
}

export class FindBar {
  readonly element: HTMLElement;
  readonly #editor: Editor;
  readonly #focusStage: () => void;
  readonly #phrase: HTMLInputElement;

  constructor(editor: Editor, focusStage: () => void) {
    this.#editor = editor;
    this.#focusStage = focusStage;
    const { text, everything, salient } = editor.toolbox;
    this.#phrase = phraseField({ autocomplete: "off" }, (phrase) => void text.search(phrase), focusStage);
    const fineness = finenessChoice({ "aria-label": t("everything.fineness") });
    const groups: Record<Finder, HTMLElement> = {
      text: h(
        "span",
        { class: "group phrase" },
        this.#phrase,
        this.#go("text", t("text.go"), () => void text.search(this.#phrase.value)),
      ),
      like: h("span", { class: "group" }),
      everything: h(
        "span",
        { class: "group" },
        fineness,
        this.#go("everything", t("everything.go"), () => void everything.run(Number(fineness.value))),
      ),
      salient: h(
        "span",
        { class: "group" },
        this.#go("salient", t("salient.go"), () => void salient.run()),
      ),
    };
    const threshold = this.#threshold();
    const results = this.#results();
    this.element = h(
      "div",
      { class: "bar", attrs: { role: "toolbar", "aria-label": t("found.name"), "data-testid": "finding" } },
      ...Object.values(groups),
      threshold,
      results,
    );
    editor.toolbox.current.watch((tool) => {
      setAttribute(this.element, "hidden", !isFinder(tool));
      setAttribute(threshold, "hidden", tool !== "text" && tool !== "like");
      for (const [id, group] of Object.entries(groups)) setAttribute(group, "hidden", id !== tool);
    });
  }

  /** Put the focus to where the tool begins, if it begins here. */
  focus(): void {
    if (this.#editor.toolbox.current.value !== "text") return;
    this.#phrase.focus();
    this.#phrase.select();
  }

  #go(tool: Finder, text: string, begin: () => void): HTMLElement {
    const finder: FindingTool = this.#editor.toolbox[tool];
    const go = button({ name: text, text, kind: "primary", testid: `${tool}-go`, press: begin });
    finder.busy.watch((busy) => setButton(go, { disabled: busy }));
    return go;
  }

  #threshold(): HTMLElement {
    const { slider, shown } = thresholdSlider(this.#editor.settings.threshold);
    return h("span", { class: "group threshold" }, h("span", { class: "soft" }, t("text.threshold")), slider, shown);
  }

  /** How many were found, and what is done with them. */
  #results(): HTMLElement {
    const { toolbox } = this.#editor;
    const does = (name: string, testid: string, press: (finder: FindingTool) => void): HTMLElement =>
      button({ name, text: name, testid, press: () => this.#finder !== null && press(this.#finder) });
    const told = h("span", { class: "soft numbers", attrs: { role: "status", "data-testid": "found-count" } });
    const stop = does(t("cancel"), "find-stop", (finder) => finder.stop());
    const accept = does(t("found.acceptAll"), "accept-all", ({ proposals }) => {
      proposals.acceptAll();
      this.#focusStage();
    });
    const clear = does(t("found.clear"), "find-clear", ({ proposals }) => proposals.clear());
    const show = (): void => {
      if (this.#finder === null) return;
      const { busy, proposals } = this.#finder;
      const { found, shown } = proposals.state.value;
      setAttribute(stop, "hidden", !busy.value);
      setAttribute(accept, "hidden", busy.value || shown.length === 0);
      setAttribute(clear, "hidden", busy.value || found.length === 0);
      setText(told, busy.value ? t("prompt.busy") : found.length === 0 ? "" : foundText(proposals.state.value));
    };
    for (const id of FINDERS) {
      toolbox[id].busy.subscribe(show);
      toolbox[id].proposals.state.subscribe(show);
    }
    toolbox.current.watch(show);
    return h("span", { class: "group" }, told, stop, accept, clear);
  }

  /** The tool that is used, if it finds objects. */
  get #finder(): FindingTool | null {
    const { toolbox } = this.#editor;
    const { value: tool } = toolbox.current;
    return isFinder(tool) ? toolbox[tool] : null;
  }
}
