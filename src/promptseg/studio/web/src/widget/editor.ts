/** The objects of the image that is shown, and the tools that change them. Python gets each change, and the mask that is being made. */

import { ShownObjects, runsOf } from "../canvas/bitmaps.ts";
import type { Mark, Stage } from "../canvas/stage.ts";
import { t } from "../i18n/index.ts";
import { applied } from "../model/changes.ts";
import { labelColor, objectColor, paletteColor } from "../model/colors.ts";
import { DocumentModel } from "../model/document.ts";
import { History, type Steps } from "../model/history.ts";
import type { Bitmap } from "../model/mask.ts";
import { Signal } from "../model/signal.ts";
import type { Change, ImageDocument, Label, SpatialPrompt, StudioObject } from "../model/types.ts";
import { newObject } from "../tools/objects.ts";
import type { PromptSession } from "../tools/session.ts";
import { NEEDS_MODEL, type ToolContext, type ToolDocument, type ToolId, type ToolSettings } from "../tools/tool.ts";
import { Toolbox } from "../tools/toolbox.ts";
import { remove, set } from "../ui/edits.ts";
import { modelsFor } from "../ui/models.ts";
import { say } from "../ui/texts.ts";
import { toolStage } from "../ui/toolstage.ts";
import type { Link } from "./link.ts";

/** What is told to the person. */
export interface Notice {
  text: string;
  isError: boolean;
}

const NOTHING: ImageDocument = { version: 0, state: "new", objects: [] };
const NO_STEPS: Steps = { undo: null, redo: null };
/** The uid of a mask that is being made, and belongs to no object yet. */
const DRAFT = "draft";

export class Editor {
  readonly selection = new Signal<ReadonlySet<string>>(new Set());
  /** The label that new objects get. */
  readonly label = new Signal<string | null>(null);
  readonly labels = new Signal<readonly Label[]>([]);
  /** Number of objects, with the one that is being made. */
  readonly count = new Signal(0);
  readonly steps = new Signal<Steps>(NO_STEPS);
  /** Whether Python has told the objects of the image. Nothing is changed before that. */
  readonly isTold = new Signal(false);
  readonly notice = new Signal<Notice>({ text: "", isError: false });
  readonly settings: ToolSettings = {
    brushRadius: new Signal(12),
    pressure: new Signal(true),
    preview: new Signal(true),
    threshold: new Signal(0),
  };
  readonly toolbox: Toolbox;
  readonly #stage: Stage;
  readonly #link: Link;
  readonly #shown = new ShownObjects();
  readonly #context: ToolContext;
  #image = -1;
  #document = new DocumentModel(NOTHING);
  #history = new History(this.#document);
  /** What the tools draw now, which is what the mask that is being made is. */
  #drawn: { bitmap: Bitmap | null; lifted: string | null; marks: readonly Mark[] } = { bitmap: null, lifted: null, marks: [] };
  /** The mask that is being made, as Python knows it. */
  #draft: StudioObject | null = null;

  constructor(stage: Stage, link: Link) {
    this.#stage = stage;
    this.#link = link;
    this.#context = this.#makeContext();
    this.toolbox = new Toolbox(this.#context);
    this.toolbox.attach(stage);
    this.toolbox.current.subscribe(() => this.hint());
    this.selection.watch((uids) => stage.setSelected(uids));
    for (const session of this.#sessions) session.state.subscribe(() => this.#tellDraft(session));
    link.on("document", ({ image, objects }) => image === this.#image && this.#take({ ...this.#document.value, objects }));
    link.on("changed", ({ image, change }) => image === this.#image && this.#document.replace(applied(this.#document.value, change)));
  }

  /** Keep what is being made, before another image is opened or the widget is closed. */
  settle(): Promise<void> {
    return this.#image >= 0 ? this.toolbox.settle() : Promise.resolve();
  }

  /** Show the objects of another image, which come when Python sends them. */
  open(image: number): void {
    this.#image = image;
    this.isTold.set(false);
    this.#document = new DocumentModel(NOTHING);
    this.#history = new History(this.#document);
    this.#document.onChange(({ change, origin }) => this.#changed(change, origin === "page"));
    this.#history.steps.watch((steps) => this.steps.set(steps));
    this.selection.set(new Set());
    this.#show();
    this.#link.open();
  }

  /** Draw the objects: of labels that have other colors now, or on another image. */
  #show(): void {
    this.#recount();
    this.#stage.setObjects(
      this.#shown.of(
        this.#document.objects.map((object) => this.#colored(object)),
        this.#context.colorOf,
      ),
    );
  }

  redraw(): void {
    this.#show();
  }

  undo(): void {
    this.#back(this.#history.undo()?.name, "edit.undone");
  }

  redo(): void {
    this.#back(this.#history.redo()?.name, "edit.redone");
  }

  /** Delete the selected objects. */
  delete(): void {
    const change = remove(this.#selected);
    if (change === null) return;
    this.#history.do(change, t("keys.objects.delete"));
    this.selection.set(new Set());
  }

  /** Give a label to what is being made, or else to what is selected, and to what comes next. */
  giveLabel(label: string | null): void {
    this.label.set(label);
    const session = this.#sessions.find(({ active }) => active);
    if (session !== undefined && this.#drawn.lifted === null) {
      session.redraw();
      this.#tellDraft(session);
      return;
    }
    session?.accept();
    if (session?.active === true) return; // Its answer is awaited, and what is selected is another object.
    const change = set(this.#selected, { label });
    if (change !== null) this.#history.do(change, t("keys.labels.give"));
  }

  /** Say what the tool is for. */
  hint(): void {
    this.announce(say(`status.${this.toolbox.current.value}`));
  }

  announce(text: string, isError = false): void {
    this.notice.set({ text, isError });
  }

  get #selected(): StudioObject[] {
    return this.#document.objects.filter(({ uid }) => this.selection.value.has(uid));
  }

  get #sessions(): PromptSession[] {
    return [this.toolbox.point.session, this.toolbox.box.session];
  }

  #back(name: string | undefined, key: "edit.undone" | "edit.redone"): void {
    if (name !== undefined) this.announce(t(key, { what: name }));
    this.selection.update((uids) => new Set([...uids].filter((uid) => this.#document.get(uid) !== undefined)));
  }

  /** Python has other objects: what is being made does not count any more. */
  #take(document: ImageDocument): void {
    for (const session of this.#sessions) session.drop();
    this.#document.replace(document);
    this.isTold.set(true);
  }

  #changed(change: Change, isOwn: boolean): void {
    if (isOwn) {
      this.#link.change(this.#image, change);
      this.#draft = null; // Python takes it that what was being made is part of the change.
    }
    this.#show();
    this.selection.update((uids) => ([...uids].every((uid) => this.#document.get(uid)) ? uids : new Set()));
  }

  /** Tell Python the mask that is being made, so that it is in `widget.masks` before it is kept. */
  #tellDraft(session: PromptSession): void {
    const { phase, busy, score } = session.state.value;
    if (phase === "draft" && busy) return;
    const { bitmap, lifted, marks } = this.#drawn;
    if (phase !== "draft" || bitmap === null || bitmap.isEmpty) {
      if (this.#draft !== null) this.#link.draft(this.#image, null);
      this.#draft = null;
      this.#recount();
      return;
    }
    if (this.#draft === null) this.hint();
    const made = newObject(this.#context, { mask: runsOf(bitmap), source: "model", score, prompts: [promptOf(marks)] });
    const before = lifted === null ? undefined : this.#document.get(lifted);
    const { mask, prompts } = made;
    this.#draft = before === undefined ? { ...made, uid: DRAFT } : { ...before, mask, prompts, score };
    this.#link.draft(this.#image, this.#draft);
    this.#recount();
  }

  #recount(): void {
    this.count.set(this.#document.objects.length + (this.#draft?.uid === DRAFT ? 1 : 0));
  }

  #colored(object: StudioObject): StudioObject {
    return { ...object, color: objectColor(object, this.labels.value) };
  }

  /** Why a tool cannot be used now, as a sentence for people; null where it can, also while the models are loaded. */
  missing(tool: ToolId): string | null {
    const { state, error = "", name = "", accepts, classes = [], detects = false } = this.#link.get("_model");
    if (!NEEDS_MODEL.has(tool)) return null;
    if (state === "failed") return error;
    if (accepts === undefined || modelsFor(tool, [{ name, accepts, classes, detects }]).length > 0) return null;
    return say(tool === "point" || tool === "box" || tool === "everything" ? `missing.${tool}` : `widget.missing.${tool}`);
  }

  #makeContext(): ToolContext {
    return {
      stage: toolStage(this.#stage, {
        draft: (bitmap, lifted) => (this.#drawn = { ...this.#drawn, bitmap, lifted }),
        marks: (marks) => (this.#drawn = { ...this.#drawn, marks }),
      }),
      document: new ShownDocument(() => this.#document),
      history: { do: (change, name) => this.#history.do(change, name) },
      selection: this.selection,
      label: this.label,
      settings: this.settings,
      segment: (prompts, { candidates, signal } = {}) => this.#link.segment(this.#image, prompts, candidates ?? false, signal),
      everything: (prompt, _, signal) => this.#link.segment(this.#image, [prompt], false, signal),
      missing: (tool) => this.missing(tool),
      colorOf: (label) => this.#colorOf(label),
      announce: (text, kind) => this.announce(text, kind === "error"),
    };
  }

  #colorOf(label: string | null): string {
    const names = this.labels.value.map(({ name }) => name);
    return label === null ? paletteColor(0) : labelColor(label, names);
  }
}

/** The document of the image that is shown, whichever that is. */
class ShownDocument implements ToolDocument {
  constructor(private readonly document: () => DocumentModel) {}

  get objects(): readonly StudioObject[] {
    return this.document().objects;
  }

  get(uid: string): StudioObject | undefined {
    return this.document().get(uid);
  }
}

/** The prompt that marks show. */
export function promptOf(marks: readonly Mark[]): SpatialPrompt {
  const points = marks.filter((mark) => mark.kind === "point");
  const box = marks.find((mark) => mark.kind === "box")?.box;
  return {
    ...(points.length > 0 ? { points: points.map(({ at }) => at), foreground: points.map(({ foreground }) => foreground) } : {}),
    ...(box === undefined ? {} : { box }),
  };
}
