/** What is seen of the widget: a bar of controls, the image, and a line that says what happens. */

import { Stage } from "../canvas/stage.ts";
import { tilesOf } from "../canvas/tiles.ts";
import { t } from "../i18n/index.ts";
import type { Stop } from "../model/emitter.ts";
import { paletteColor } from "../model/colors.ts";
import { h, isTyping, setAttribute, setText } from "../ui/dom.ts";
import { actionOf } from "../ui/keys.ts";
import { TOOLS, type ToolId } from "../tools/tool.ts";
import { Bar } from "./bar.ts";
import { Editor } from "./editor.ts";
import { FindBar, isFinder } from "./finding.ts";
import type { Link, ModelState, Picture } from "./link.ts";
import { followTheme } from "./theme.ts";

export class View {
  readonly #host: HTMLElement;
  /** Where the image is. */
  readonly #area = h("div", { class: "area", attrs: { "data-testid": "stage" } });
  readonly #link: Link;
  readonly #stage: Stage;
  readonly #editor: Editor;
  readonly #finding: FindBar;
  readonly #status = h("div", { class: "status", attrs: { role: "status", "data-testid": "status" } });
  readonly #stops: Stop[] = [];
  #bitmap: ImageBitmap | null = null;
  #turn = 0;
  /** Whether the image that the editor is about is on the page. */
  #isShown = false;
  #hadFocus = false;

  constructor(el: HTMLElement, link: Link) {
    this.#host = h("div", { attrs: { "data-promptseg": true } });
    this.#link = link;
    const area = this.#area;
    this.#stage = new Stage(area, { label: t("stage.name"), wheel: false });
    this.#editor = new Editor(this.#stage, link);
    const bar = new Bar(this.#editor, link, (action) => this.#run(action));
    this.#finding = new FindBar(this.#editor, () => area.focus());
    const parts = [bar.element, this.#finding.element, area, this.#status];
    const root = h("div", { class: "widget", attrs: { role: "group", "aria-label": "promptseg" } }, ...parts);
    this.#attach(el, root);
    root.addEventListener("keydown", (event) => this.#key(event));
    link.watch("_height", (height) => area.style.setProperty("height", `${height}px`));
    link.watch("labels", (names) => {
      this.#editor.labels.set(
        names.map((name, place) => ({ name, color: paletteColor(place), key: place < 9 ? String(place + 1) : null })),
      );
      this.#editor.label.update((label) => (label !== null && names.includes(label) ? label : (names[0] ?? null)));
      this.#editor.redraw();
    });
    link.watch("_model", (model) => this.#showModel(model));
    link.watch("_picture", (picture) => void this.#show(picture));
    this.#editor.isTold.subscribe(() => this.#letIn());
    link.on("error", (text) => this.#editor.announce(text, true));
    this.#editor.notice.watch(({ text, isError }) => this.#say(text, isError));
  }

  /** Take the widget out of the page. */
  close(): void {
    this.#turn++;
    this.#host.remove();
    for (const stop of this.#stops) stop();
    void this.#editor.settle().finally(() => {
      this.#link.close();
      this.#stage.close();
      this.#bitmap?.close();
    });
  }

  /** Put the widget into a shadow root: neither its styles nor those of the notebook pass through. */
  #attach(el: HTMLElement, root: HTMLElement): void {
    const shadow = this.#host.attachShadow({ mode: "open" });
    const styles = h("style");
    this.#link.watch("_styles", (text) => setText(styles, text));
    shadow.append(styles, root);
    el.append(this.#host);
    this.#stops.push(followTheme(this.#host));
    // JupyterLab listens at the document, before anything in the widget does.
    const share = (event: KeyboardEvent): void => setAttribute(this.#host, "data-lm-suppress-shortcuts", !isForNotebook(event));
    addEventListener("keydown", share, { capture: true });
    this.#stops.push(() => removeEventListener("keydown", share, { capture: true }));
  }

  async #show(picture: Picture): Promise<void> {
    const turn = ++this.#turn;
    this.#isShown = false; // At once: while the old image is settled, a click would be meant for the new one.
    this.#letIn();
    await this.#editor.settle();
    if (turn !== this.#turn) return;
    this.#editor.open(picture.index);
    const { width, height, reduced, data, kind } = picture;
    try {
      const bitmap = await createImageBitmap(new Blob([data], { type: kind }));
      if (turn !== this.#turn) {
        bitmap.close();
        return;
      }
      this.#bitmap?.close();
      this.#bitmap = bitmap;
      this.#stage.setImage({ width, height, source: tilesOf(bitmap, { width, height }, reduced) });
      this.#stage.setLabel(t("stage.of", { name: this.#link.get("_names")[picture.index] ?? "" }));
      this.#editor.redraw();
      this.#isShown = true;
      this.#letIn();
    } catch (error) {
      this.#editor.announce(t("image.failed", { name: this.#link.get("_names")[picture.index] ?? "", why: String(error) }), true);
    }
  }

  #showModel({ state, error }: ModelState): void {
    if (error !== undefined) this.#editor.announce(error, true);
    else if (state === "loading") this.#editor.announce(t("models.loading"));
    else if (state === "encoding") this.#editor.announce(t("widget.encoding"));
    else this.#hint();
  }

  /** Let a person at the image once it is there with its objects: a change before that would be lost as they come. */
  #letIn(): void {
    const area = this.#area;
    if (this.#isOpen === !area.inert) return;
    if (!this.#isOpen) this.#hadFocus = area.matches(":focus-within");
    area.inert = !this.#isOpen;
    if (!this.#isOpen) return;
    if (this.#hadFocus) area.focus({ preventScroll: true });
    this.#hint();
    const { width, height } = this.#bitmap!;
    if (this.#link.get("_picture").reduced > 1) this.#editor.announce(t("widget.smaller", { width, height }));
  }

  /** Say what the tool is for, once there are models and an image to use it on. */
  #hint(): void {
    const { state, error } = this.#link.get("_model");
    if (state === "ready" && error === undefined && this.#isOpen) this.#editor.hint();
  }

  get #isOpen(): boolean {
    return this.#isShown && this.#editor.isTold.value;
  }

  #say(text: string, isError: boolean): void {
    setText(this.#status, text);
    this.#status.classList.toggle("error", isError);
  }

  #key(event: KeyboardEvent): void {
    if (isForNotebook(event)) return;
    event.stopPropagation(); // The notebook would take plain keys for commands, such as to delete a cell.
    if (event.defaultPrevented || event.isComposing || isTyping(event.composedPath()[0] ?? null)) return;
    const action = actionOf(event);
    if (action !== null && this.#run(action)) event.preventDefault();
  }

  /** Do what a key or a button asks for. Returns whether it is known here. */
  #run(action: string): boolean {
    const editor = this.#editor;
    const tool = TOOLS.find((id) => action === `tool.${id}`);
    const label = /^label\.(\d)$/.exec(action);
    const index = this.#link.get("_picture").index;
    if (tool !== undefined) this.#use(tool);
    else if (label !== null) editor.giveLabel(editor.labels.value[Number(label[1]) - 1]?.name ?? editor.label.value);
    else if (action === "labels.none") editor.giveLabel(null);
    else if (action === "undo") editor.undo();
    else if (action === "redo") editor.redo();
    else if (action === "objects.delete") editor.delete();
    else if (action === "images.next") this.#go(index + 1);
    else if (action === "images.previous") this.#go(index - 1);
    else if (action === "view.fit") this.#stage.fit();
    else return false;
    return true;
  }

  #use(tool: ToolId): void {
    const why = isFinder(tool) ? this.#editor.missing(tool) : null; // Such a tool has no button then.
    if (why !== null) {
      this.#editor.announce(why, true);
      return;
    }
    this.#editor.toolbox.use(tool);
    this.#finding.focus();
  }

  #go(index: number): void {
    if (index >= 0 && index < this.#link.get("_names").length) this.#link.go(index);
  }
}

/** Whether keys are for the notebook: to run the cell, and those with Ctrl or ⌘ that the widget does not know, such as to save. */
export function isForNotebook(event: KeyboardEvent): boolean {
  const control = event.ctrlKey || event.metaKey;
  if (event.key === "Enter") return control || event.shiftKey;
  return control && actionOf(event) === null;
}
