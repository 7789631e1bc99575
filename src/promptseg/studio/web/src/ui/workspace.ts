/** The state of the page, and what is done to it. It knows no elements: the panes watch its signals and call its methods. */

import type { Client, ExportResult, ImportOptions, ImportResult } from "../api/client.ts";
import { bitmapOf } from "../canvas/bitmaps.ts";
import { tilesAt, type TileSource } from "../canvas/tiles.ts";
import { plural, t, setLanguage, type Language } from "../i18n/index.ts";
import { objectColor, paletteColor } from "../model/colors.ts";
import { DocumentModel } from "../model/document.ts";
import { History, type Steps } from "../model/history.ts";
import { LabelError, labelOfKey, recolored, renamed, withKey, withLabel, withoutLabel } from "../model/labels.ts";
import type { Bitmap } from "../model/mask.ts";
import type { Saver } from "../model/saver.ts";
import { Signal } from "../model/signal.ts";
import type { Change, ImageState, ImageSummary, Job, Label, Model, OpenImage, Project, Prompt, StudioObject } from "../model/types.ts";
import type { ToolContext, ToolId } from "../tools/tool.ts";
import * as edits from "./edits.ts";
import { ALL, neighbor, nextUndone, shownImages, type Filter } from "./filters.ts";
import { modelForAll } from "./models.ts";
import type { Notices } from "./notices.ts";
import { Opened } from "./opened.ts";
import { recall, remember } from "./settings.ts";
import { say } from "./texts.ts";

export type SaveShown = "saved" | "saving" | "offline" | "conflict" | "refused";

const NO_STEPS: Steps = { undo: null, redo: null };
/** Images after the one that is shown that are opened and encoded ahead. */
const AHEAD = 2;

export class Workspace {
  readonly project = new Signal<Project | null>(null);
  readonly images = new Signal<readonly ImageSummary[]>([]);
  readonly filter = new Signal<Filter>(ALL);
  /** The image that is shown, or that is being opened. */
  readonly key = new Signal<string | null>(null);
  readonly open = new Signal<OpenImage | null>(null);
  readonly document = new Signal<DocumentModel | null>(null);
  readonly history = new Signal<History | null>(null);
  readonly objects = new Signal<readonly StudioObject[]>([]);
  readonly state = new Signal<ImageState>("new");
  readonly steps = new Signal<Steps>(NO_STEPS);
  readonly selection = new Signal<ReadonlySet<string>>(new Set());
  /** The object below the pointer, in the list or on the image. */
  readonly pointed = new Signal<string | null>(null);
  readonly labels = new Signal<readonly Label[]>([]);
  readonly label = new Signal<string | null>(null);
  readonly tool = new Signal<ToolId>("point");
  readonly models = new Signal<readonly Model[]>([]);
  readonly model = new Signal<string | null>(null);
  /** The model for text and examples; null for the first that takes them. */
  readonly detector = new Signal<string | null>(null);
  readonly save = new Signal<SaveShown>("saved");
  readonly truth = new Signal<readonly Bitmap[]>([]);
  readonly truthShown = new Signal(recall("truth", false));

  private readonly opened: Opened;
  /** Keeps what a tool is making. The page sets it. */
  settle: () => Promise<void> = () => Promise.resolve();
  private numbers = new Map<string, number>();
  private turn = 0;

  constructor(
    readonly server: Client,
    readonly saver: Saver,
    readonly notices: Notices,
    /** Actions of keys, buttons and menus by name. */
    readonly run: (action: string) => boolean,
    readonly focusStage: () => void,
  ) {
    this.opened = new Opened(
      (key) => server.open(key),
      (open) => this.warm(open),
    );
    saver.status.watch(({ state }) => this.save.set(state));
    saver.onDocument(({ key, document }) => key === this.key.value && this.document.value?.replace(document));
  }

  // The folder.

  async loadImages(): Promise<void> {
    this.images.set(await this.server.images());
  }

  summary(key: string | null): ImageSummary | null {
    return this.images.value.find((image) => image.key === key) ?? null;
  }

  /** Take over a summary that the server told. */
  told(summary: ImageSummary): void {
    const known = this.images.value.some((image) => image.key === summary.key);
    this.images.update((images) => (known ? images.map((image) => (image.key === summary.key ? summary : image)) : [...images, summary]));
    this.saver.told(summary.key, summary.version);
  }

  get shownImages(): ImageSummary[] {
    return shownImages(this.images.value, this.filter.value);
  }

  thumbnail(key: string): string {
    return this.server.thumbnail(key);
  }

  // The image.

  /** Open an image for work. One that is not in the list, as a frame of a video is, has its summary told. */
  async openKey(key: string, summary: ImageSummary | null = this.summary(key)): Promise<void> {
    const turn = ++this.turn;
    if (summary === null || (key === this.key.value && this.open.value !== null)) return;
    this.key.set(key);
    try {
      const [open] = await Promise.all([this.opened.get(summary), this.settle()]);
      if (turn === this.turn) this.show(open);
    } catch (error) {
      if (turn !== this.turn) return;
      this.close();
      this.notices.toast(t("image.failed", { name: summary.name, why: reasonOf(error) }), {
        bad: true,
        does: { text: t("retry"), press: () => void this.openKey(key, summary) },
      });
    }
  }

  private show(open: OpenImage): void {
    const document = new DocumentModel(this.saver.open(open.key, open.document));
    const history = new History(document);
    this.selection.set(new Set());
    this.pointed.set(null);
    this.document.set(document);
    this.history.set(history);
    this.truth.set([]); // Who compares it with the objects never sees those of two images.
    this.open.set(open);
    this.follow(document);
    this.truth.set(open.truth.map(({ mask }) => bitmapOf(mask)));
    document.onChange(({ change, origin }) => {
      if (origin === "page") this.saver.save(open.key, change);
      if (this.document.value === document) this.follow(document);
    });
    history.steps.watch((steps) => this.history.value === history && this.steps.set(steps));
    remember("image", open.key);
    const place = this.images.value.findIndex((image) => image.key === open.key);
    this.notices.announce(
      t("image.opened", {
        name: open.name,
        at: place + 1,
        of: this.images.value.length,
        objects: plural("objects.count", document.objects.length),
      }),
    );
    // After the image itself: what is seen comes first.
    setTimeout(() => this.openAhead(open.key), 60);
  }

  private close(): void {
    this.open.set(null);
    this.document.set(null);
    this.history.set(null);
    this.objects.set([]);
    this.steps.set(NO_STEPS);
    this.selection.set(new Set());
    this.truth.set([]);
  }

  private follow(document: DocumentModel): void {
    this.numbers = new Map(document.objects.map((object, index) => [object.uid, index + 1]));
    const chosen = [...this.selection.value].filter((uid) => document.get(uid) !== undefined);
    if (chosen.length !== this.selection.value.size) this.selection.set(new Set(chosen));
    this.objects.set(document.objects);
    this.state.set(document.state);
  }

  private openAhead(key: string): void {
    if (this.key.value !== key) return;
    const shown = this.shownImages;
    const at = shown.findIndex((image) => image.key === key);
    const next = [nextUndone(shown, key), ...shown.slice(at + 1, at + 1 + AHEAD)].filter((image) => image !== null && image.error === null);
    const keys = [...new Set(next.map((image) => image!.key))].slice(0, AHEAD);
    for (const each of keys) {
      this.opened.ahead(this.summary(each)!);
      void this.server.ahead(each).catch(() => undefined); // It is only sooner that way.
    }
  }

  /** Bring the tiles of the whole image into the browser's cache. */
  private warm(open: OpenImage): void {
    const level = this.levelThatFits(open);
    const step = open.tiles.size * 2 ** level;
    for (let row = 0; row * step < open.height; row++) {
      for (let column = 0; column * step < open.width; column++)
        void fetch(this.server.tile(open, level, column, row)).catch(() => undefined);
    }
  }

  private levelThatFits(open: OpenImage): number {
    const ratio = globalThis.devicePixelRatio || 1;
    const scale = Math.min((innerWidth - 360) / open.width, (innerHeight - 210) / open.height) * ratio;
    return Math.min(open.tiles.levels - 1, Math.max(0, Math.floor(Math.log2(1 / scale))));
  }

  source(open: OpenImage): TileSource {
    return tilesAt(open.tiles, ({ level, column, row }) => this.server.tile(open, level, column, row));
  }

  step(by: 1 | -1): void {
    const next = neighbor(this.shownImages, this.key.value, by);
    if (next) void this.openKey(next.key);
    else this.notices.announce(t(by === 1 ? "image.last" : "image.first"));
  }

  nextUndone(): void {
    const next = nextUndone(this.shownImages, this.key.value);
    if (next) void this.openKey(next.key);
    else this.notices.toast(t("image.allDone"));
  }

  /** What the image is when it is neither done nor doubtful. */
  undoneState(): ImageState {
    const objects = this.objects.value;
    if (objects.length === 0) return "new";
    return objects.every((object) => object.source === "suggestion") ? "suggested" : "started";
  }

  setState(state: ImageState): void {
    if (state !== this.state.value)
      this.do({ put: [], remove: [], state }, t("edit.state"), t("image.stateIs", { state: say(`state.${state}`) }));
  }

  toggleState(state: "done" | "doubt"): void {
    this.setState(this.state.value === state ? this.undoneState() : state);
  }

  // Objects.

  chosen(): StudioObject[] {
    return this.objects.value.filter((object) => this.selection.value.has(object.uid));
  }

  numberOf(uid: string): number {
    return this.numbers.get(uid) ?? 0;
  }

  colorOf(object: StudioObject): string {
    return objectColor(object, this.labels.value);
  }

  /** The history of the image that is shown. What is kept by it later, when another one is shown, is saved with its own image. */
  get historyNow(): ToolContext["history"] {
    const key = this.open.value?.key ?? null;
    return {
      do: (change, name) => {
        const isShown = key === (this.open.value?.key ?? null);
        if (isShown) this.history.value?.do(change, name);
        else if (key !== null) this.saver.save(key, change);
        return isShown;
      },
    };
  }

  /** Make a change as one step of the history. Null is told as such: nothing was to be done. */
  do(change: Change | null, name: string, announced: string = name): boolean {
    if (change === null || this.history.value === null) {
      this.notices.announce(t("edit.nothing"));
      return false;
    }
    this.history.value.do(change, name);
    this.notices.announce(announced);
    return true;
  }

  edit(name: "merge" | "split" | "fill" | "cut" | "smooth" | "delete" | "up" | "down"): void {
    const all = this.objects.value;
    const chosen = this.chosen();
    const make = {
      merge: () => edits.merge(chosen),
      split: () => edits.split(chosen),
      fill: () => edits.fillHoles(chosen),
      cut: () => edits.cutOutOfOthers(all, chosen),
      smooth: () => edits.smooth(chosen),
      delete: () => edits.remove(chosen),
      up: () => edits.step(all, this.selection.value, 1),
      down: () => edits.step(all, this.selection.value, -1),
    };
    if (chosen.length > 0 && chosen.every((object) => object.locked) && name !== "up" && name !== "down") {
      this.notices.toast(t("edit.locked"));
      return;
    }
    const before = all.length;
    if (!this.do(make[name](), say(`edit.${name}`))) return;
    const count = this.objects.value.length;
    if (count !== before) this.notices.announce(`${say(`edit.${name}`)}, ${plural("objects.count", count)}`);
    if (name === "delete" && chosen.length > 1)
      this.notices.toast(plural("objects.deleted", chosen.length), { does: { text: t("keys.undo"), press: () => this.run("undo") } });
  }

  toggle(uids: ReadonlySet<string>, member: "hidden" | "locked"): void {
    const objects = this.objects.value.filter((object) => uids.has(object.uid));
    this.do(edits.toggle(objects, member), t(member === "hidden" ? "edit.hide" : "edit.lock"));
  }

  showAll(): void {
    const hidden = this.objects.value.filter((object) => object.hidden);
    this.do(edits.toggle(hidden, "hidden"), t("objects.showAll"));
  }

  /** Give the chosen objects a label as somebody wrote it. It is made if it is new, and new objects get it from then on. */
  rename(written: string | null): void {
    const label = written?.normalize("NFC") ?? null;
    if (label !== null) {
      if (!this.labels.value.some((each) => each.name === label) && !this.keepLabel(null, label, null)) return;
      this.makeCurrent(label);
    }
    const change = edits.set(this.chosen(), { label });
    if (change) this.do(change, t("edit.label"));
  }

  recolor(color: string): void {
    this.do(edits.set(this.chosen(), { color }), t("edit.color"));
  }

  describe(attributes: Record<string, string>): void {
    const change = edits.set(this.chosen(), { attributes });
    if (change) this.do(change, t("edit.attributes"));
  }

  moveTo(uids: ReadonlySet<string>, place: number): void {
    this.do(edits.moved(this.objects.value, uids, place), t("edit.order"));
  }

  selectAll(): void {
    this.selection.set(new Set(this.objects.value.map((object) => object.uid)));
    this.notices.announce(plural("objects.chosen", this.selection.value.size));
  }

  /** Choose the next object toward the back, or the one before. */
  selectNext(by: 1 | -1): void {
    const shown = [...this.objects.value].reverse();
    const last = [...this.selection.value].at(-1);
    const at = shown.findIndex((object) => object.uid === last);
    const next = shown[(at + by + shown.length) % shown.length] ?? shown[0];
    if (!next) return;
    this.selection.set(new Set([next.uid]));
    this.notices.announce(`${this.numberOf(next.uid)}, ${next.label ?? t("objects.noLabel")}`);
  }

  async copyFromBefore(): Promise<void> {
    const open = this.open.value;
    const before = neighbor(this.images.value, this.key.value, -1);
    if (open === null || before === null) {
      this.notices.toast(t("edit.noBefore"));
      return;
    }
    try {
      const other = await this.server.open(before.key);
      if (this.open.value !== open) return;
      const change = edits.copies(other.document.objects, [open.height, open.width]);
      if (change === null)
        this.notices.toast(t(other.document.objects.length === 0 ? "edit.beforeEmpty" : "edit.otherSize", { name: before.name }));
      else if (this.do(change, t("edit.fromBefore"))) {
        this.selection.set(new Set(change.put.map((object) => object.uid)));
        this.notices.toast(plural("edit.copied", change.put.length, { name: before.name }));
      }
    } catch (error) {
      this.notices.toast(reasonOf(error), { bad: true });
    }
  }

  goBack(kind: "undo" | "redo"): void {
    const done = this.history.value?.[kind]() ?? null;
    if (done === null) {
      this.notices.announce(t(kind === "undo" ? "edit.nothingToUndo" : "edit.nothingToRedo"));
      return;
    }
    this.notices.announce(t(kind === "undo" ? "edit.undone" : "edit.redone", { what: done.name }));
    if (done.skipped.length > 0) this.notices.toast(plural("edit.skipped", done.skipped.length));
  }

  // Labels.

  /** Make a label the current one, and give it to the chosen objects. */
  giveLabel(name: string | null): void {
    this.makeCurrent(name);
    if (this.chosen().length > 0) {
      const change = edits.set(this.chosen(), { label: name });
      if (change) this.do(change, t("edit.label"), t("labels.given", { name: name ?? t("objects.noLabel") }));
    } else this.notices.announce(t("labels.current", { name: name ?? t("objects.noLabel") }));
  }

  /** Make a label the one that new objects get. */
  private makeCurrent(name: string | null): void {
    this.label.set(name);
    remember("label", name);
  }

  giveLabelOfKey(key: string): boolean {
    const label = labelOfKey(this.labels.value, key);
    if (label !== null) this.giveLabel(label.name);
    return label !== null;
  }

  nextColor(): string {
    return paletteColor(this.labels.value.length);
  }

  /** Add a label, or change the name and color of one. Returns whether the list has changed. Objects of this image follow its name. */
  keepLabel(name: string | null, to: string, color: string | null): boolean {
    const isNew = name === null || !this.labels.value.some((label) => label.name === name);
    const changed = this.changeLabels((labels) => {
      const list = isNew ? withLabel(labels, to) : name === to ? labels : renamed(labels, name, to);
      return color === null ? list : recolored(list, to, color);
    });
    if (changed && isNew && this.label.value === null) this.makeCurrent(to);
    if (changed && !isNew && name !== to) {
      if (this.label.value === name) this.makeCurrent(to);
      const named = this.objects.value.filter((object) => object.label === name);
      if (named.length > 0) this.do(edits.set(named, { label: to }), t("edit.label"));
    }
    return changed;
  }

  removeLabel(name: string): void {
    this.changeLabels((labels) => withoutLabel(labels, name));
    if (this.label.value === name) this.label.set(null);
  }

  keyOfLabel(name: string, key: string): void {
    this.changeLabels((labels) => withKey(labels, name, key));
  }

  private changeLabels(change: (labels: readonly Label[]) => readonly Label[]): boolean {
    const before = this.labels.value;
    try {
      const after = change(before);
      this.labels.set(after);
      if (after === before) return false;
    } catch (error) {
      if (!(error instanceof LabelError)) throw error;
      this.notices.toast(say(`labels.problem.${error.problem}`, { name: error.value }), { bad: true });
      return false;
    }
    const wanted = this.labels.value;
    this.server.saveLabels(wanted).catch((error: unknown) => {
      if (this.labels.value === wanted) this.labels.set(before);
      this.notices.toast(t("labels.notKept", { why: reasonOf(error) }), { bad: true });
    });
    return true;
  }

  // Files and jobs.

  /** Add image files, and open the first. */
  async addImages(files: readonly File[]): Promise<void> {
    let added: ImageSummary | null = null;
    let count = 0;
    for (const file of files) {
      try {
        const summary = await this.server.addImage(file, file.name);
        this.told(summary);
        added ??= summary;
        count++;
      } catch (error) {
        this.notices.toast(t("drop.failed", { name: file.name, why: reasonOf(error) }), { bad: true });
      }
    }
    if (added === null) return;
    this.notices.announce(plural("drop.added", count));
    await this.openKey(added.key);
  }

  async export(formats: string[], states: ImageState[], progress: (job: Job) => void, signal: AbortSignal): Promise<ExportResult> {
    await this.saver.settled();
    return this.finish<ExportResult>(await this.server.export(formats, states), progress, signal);
  }

  async import(file: File, format: string, mode?: ImportOptions["mode"]): Promise<ImportResult> {
    await this.saver.settled();
    const result = await this.server.import(file, { name: file.name, ...(format && { format }), ...(mode && { mode }) });
    await this.loadImages();
    return result;
  }

  /** Suggest objects for the images that are new. What is done already stays when it is cancelled. */
  suggest(prompts: Prompt[], threshold: number): Promise<Job> {
    const chosen = { model: this.model.value, detector: this.detector.value };
    const model = modelForAll(prompts, this.models.value, chosen);
    return this.server.suggest({ prompts, threshold, ...(model !== null && { model }) });
  }

  /** Follow a job to its end, and return its result. */
  async finish<T>(job: Job, progress: (job: Job) => void, signal: AbortSignal): Promise<T> {
    const ended = await this.watch(job, progress, signal);
    signal.throwIfAborted();
    if (ended.state !== "done") throw new Error(ended.error ?? t("job.failed"));
    return this.server.jobResult<T>(ended.id);
  }

  /** Follow a job to its end. Aborting cancels it. */
  async watch(job: Job, progress: (job: Job) => void, signal: AbortSignal): Promise<Job> {
    const cancel = (): void => void this.server.cancelJob(job.id).catch(() => undefined); // It may have ended by itself.
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
    progress(job);
    try {
      return await this.server.watchJob(job.id, progress);
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  // Settings.

  choose(tool: ToolId): void {
    this.tool.set(tool);
  }

  chooseModel(name: string): void {
    this.model.set(name);
    remember("model", name);
  }

  toggleTruth(): void {
    this.truthShown.update((shown) => !shown);
    remember("truth", this.truthShown.value);
  }

  /** Speak another language. The page is made anew; what is unsent is kept. */
  speak(code: Language): void {
    setLanguage(code);
    location.reload();
  }
}

/** An error in words. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
