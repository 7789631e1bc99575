/** The state of the page, and what is done to it. It knows no elements: the panes watch its signals and call its methods. */

import type { Client } from "../api/client.ts";
import { bitmapOf } from "../canvas/bitmaps.ts";
import type { StageImage } from "../canvas/stage.ts";
import { tilesAt, type TileSource } from "../canvas/tiles.ts";
import { plural, t, setLanguage, type Language } from "../i18n/index.ts";
import { objectColor } from "../model/colors.ts";
import { Problem } from "../model/problem.ts";
import { Undoables, type Undoable } from "../model/undoables.ts";
import { DocumentModel } from "../model/document.ts";
import { History, type Steps } from "../model/history.ts";
import type { Bitmap } from "../model/mask.ts";
import type { Saver } from "../model/saver.ts";
import { Signal } from "../model/signal.ts";
import { Turns, type Way } from "../model/turns.ts";
import type { Change, ImageState, ImageSummary, Label, Model, OpenImage, Project, StudioObject } from "../model/types.ts";
import type { ToolContext, ToolId } from "../tools/tool.ts";
import { ALL, neighbor, nextUndone, shownImages, type Filter } from "./filters.ts";
import { Jobs } from "./jobs.ts";
import { LabelBook } from "./labelbook.ts";
import type { Notices } from "./notices.ts";
import { ObjectEdits } from "./objectedits.ts";
import { Opened } from "./opened.ts";
import { Preparing } from "./preparing.ts";
import { recall, remember } from "./settings.ts";
import { say } from "./texts.ts";

/** An image that could not be opened. */
export interface Failed {
  summary: ImageSummary;
  /** What the server said, or null where it could not be reached. */
  why: string | null;
}

/** An image that was worked on, and can be gone on with. */
interface Work {
  width: number;
  height: number;
  document: DocumentModel;
  history: History;
}

export type SaveShown = "saved" | "saving" | "offline" | "conflict" | "refused";

const NO_STEPS: Steps = { undo: null, redo: null };
/** Images after the one that is shown that are opened and encoded ahead. */
const AHEAD = 2;
/** Images whose steps can be undone when they are shown again. */
const MOST_WORKS = 20;
/** Milliseconds in which summaries are taken together: each change of a list of thousands of images takes some. */
const TOGETHER = 40;

export class Workspace {
  readonly project = new Signal<Project | null>(null);
  readonly images = new Signal<readonly ImageSummary[]>([]);
  readonly filter = new Signal<Filter>(ALL);
  /** The image that is shown, or that is being opened. */
  readonly key = new Signal<string | null>(null);
  /** Whether an image is being opened. The one before is still shown, and nothing of it is changed. */
  readonly opening = new Signal(false);
  readonly open = new Signal<OpenImage | null>(null);
  /** The image that was to be shown and cannot be. */
  readonly failed = new Signal<Failed | null>(null);
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

  readonly edits = new ObjectEdits(this);
  readonly labelBook = new LabelBook(this);
  readonly jobs = new Jobs(this);
  readonly preparing = new Preparing();

  private readonly turns = new Turns();
  /** What was done that is no change of one image alone. */
  readonly undoables = new Undoables(this.turns);

  private readonly opened: Opened;
  /** By the keys of images, the latest one last. */
  private readonly works = new Map<string, Work>();
  /** Keeps what a tool is making, and tells whether that was a draft. The page sets it. */
  settle: () => Promise<boolean> = () => Promise.resolve(false);
  /** Why nothing of the image can be changed, beside that another is being opened; null where it can. The page sets it. */
  closed: () => string | null = () => null;
  /** Summaries that were told and are not yet in the list. */
  private late = new Map<string, ImageSummary>();
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
    this.undoables.changed.subscribe(() => this.tellSteps());
    saver.status.watch(({ state }) => this.save.set(state));
    saver.onDocument(({ key, document }) => key === this.open.value?.key && this.document.value?.replace(document));
  }

  // The folder.

  async loadImages(): Promise<void> {
    this.images.set(await this.server.images());
  }

  summary(key: string | null): ImageSummary | null {
    return this.images.value.find((image) => image.key === key) ?? null;
  }

  /** Take over a summary that the server told. The list has it a moment later, with others that are told meanwhile. */
  told(summary: ImageSummary): void {
    this.saver.told(summary.key, summary.version);
    if (this.late.size === 0) setTimeout(() => this.takeTold(), TOGETHER);
    this.late.set(summary.key, summary);
  }

  /** Bring into the list what the server told by now. */
  takeTold(): void {
    const { late } = this;
    if (late.size === 0) return;
    this.late = new Map();
    this.images.update((images) => {
      const newer = images.map((image) => {
        const told = late.get(image.key);
        late.delete(image.key);
        return told !== undefined && told.version >= image.version ? told : image;
      });
      return [...newer, ...late.values()];
    });
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
    const isThere = key === this.key.value && (this.opening.value || this.open.value !== null);
    if (summary === null || isThere) return;
    const turn = ++this.turn;
    this.key.set(key);
    if (key !== this.failed.value?.summary.key) this.failed.set(null);
    const opening = Promise.all([this.opened.get(summary), this.keepDraft()]);
    this.opening.set(true);
    try {
      const [open] = await opening;
      if (turn === this.turn) this.show(open);
    } catch (error) {
      if (turn !== this.turn) return;
      this.close();
      this.failed.set({ summary, why: error instanceof Problem ? error.message : null });
    }
    if (turn === this.turn) this.opening.set(false);
  }

  /** Why nothing can be changed now; null where it can. */
  get whyClosed(): string | null {
    const opening = (): string => t("image.opening", { name: this.summary(this.key.value)?.name ?? "" });
    return this.closed() ?? (this.opening.value ? opening() : null);
  }

  /** Say why nothing can be changed now. Returns whether that is so. */
  refuses(): boolean {
    const { whyClosed: why } = this;
    if (why === null) return false;
    this.notices.withdraw(why);
    this.notices.toast(why);
    return true;
  }

  /** Keep the mask that is being made. As nobody accepted it, that is said, and can be taken back, also from another image. */
  async keepDraft(): Promise<void> {
    const { value: document } = this.document;
    const { value: open } = this.open;
    const before = new Map(document?.objects.map((object) => [object.uid, object]));
    const history = this.historyNow;
    const wasDraft = await this.settle();
    const kept = document?.objects.filter((object) => before.get(object.uid) !== object) ?? [];
    if (!wasDraft || kept.length === 0 || open === null) return;
    const undone: Change = {
      put: kept.flatMap(({ uid }) => before.get(uid) ?? []),
      remove: kept.map(({ uid }) => uid).filter((uid) => !before.has(uid)),
    };
    this.notices.toast(t("image.draftKept", { name: open.name }), {
      does: { text: t("keys.undo"), press: () => void history.do(undone, t("keys.undo")) },
    });
  }

  /** Try again to open the image that could not be opened. */
  async reopen(): Promise<void> {
    const { value: failed } = this.failed;
    if (failed !== null) await this.openKey(failed.summary.key, failed.summary);
  }

  private show(open: OpenImage): void {
    const { document, history } = this.workOn(open);
    this.selection.set(new Set());
    this.pointed.set(null);
    this.document.set(document);
    this.history.set(history);
    this.truth.set([]); // Who compares it with the objects never sees those of two images.
    this.failed.set(null);
    this.open.set(open);
    this.follow(document);
    this.truth.set(open.truth.map(({ mask }) => bitmapOf(mask)));
    this.tellSteps();
    remember("image", open.key);
    const place = this.images.value.findIndex((image) => image.key === open.key);
    this.notices.withdraw(t("image.opening", { name: open.name }));
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

  /** The document and the history of an image: those of the last time that it was shown, if that is not long ago. */
  private workOn({ key, width, height, document: loaded }: OpenImage): Work {
    const value = this.saver.open(key, loaded);
    const known = this.works.get(key);
    this.works.delete(key);
    const isSame = known?.width === width && known.height === height; // Its file may be another by now.
    if (isSame) known.document.replace(value);
    const work = isSame ? known : this.begin(key, width, height, new DocumentModel(value));
    this.works.set(key, work);
    for (const other of [...this.works.keys()].slice(0, -MOST_WORKS)) this.works.delete(other);
    return work;
  }

  private begin(key: string, width: number, height: number, document: DocumentModel): Work {
    const history = new History(document, this.turns);
    document.onChange(({ change, origin }) => {
      if (origin === "page") this.saver.save(key, change);
      if (this.document.value === document) this.follow(document);
    });
    history.steps.subscribe(() => this.tellSteps());
    return { width, height, document, history };
  }

  private tellSteps(): void {
    const history = this.history.value;
    const next = (way: Way): string | null => this.nextUndoable(way)?.name ?? history?.steps.value[way] ?? null;
    this.steps.set({ undo: next("undo"), redo: next("redo") });
  }

  /** What is undone or made again next, if that is no step of the image that is shown. */
  nextUndoable(way: Way): Undoable | null {
    return this.undoables.next(way, this.history.value?.turnOf(way) ?? 0);
  }

  private close(): void {
    this.open.set(null);
    this.document.set(null);
    this.history.set(null);
    this.objects.set([]);
    this.tellSteps();
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

  /** The image of a key, to draw from; null where it cannot be had now. */
  async pictureOf(key: string): Promise<StageImage | null> {
    const { value: shown } = this.open;
    const open = shown?.key === key ? shown : await this.server.open(key).catch(() => null);
    return open === null ? null : { width: open.width, height: open.height, source: this.source(open) };
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
    const history = this.history.value;
    return {
      do: (change, name) => {
        history?.do(change, name);
        return history === this.history.value;
      },
    };
  }

  /** Make a change as one step of the history. Null is told as such: nothing was to be done. */
  do(change: Change | null, name: string, announced: string = name): boolean {
    if (this.refuses()) return false;
    if (change === null || this.history.value === null) {
      this.notices.announce(t("edit.nothing"));
      return false;
    }
    this.history.value.do(change, name);
    this.notices.announce(announced);
    return true;
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
