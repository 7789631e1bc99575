/** A video in the page: which frame is shown, how it moves, and what is done to its objects. A frame at rest is worked on as an image is. */

import { bitmapOf } from "../canvas/bitmaps.ts";
import type { Stage } from "../canvas/stage.ts";
import { t } from "../i18n/index.ts";
import { objectColor } from "../model/colors.ts";
import type { Undoable } from "../model/undoables.ts";
import { Signal } from "../model/signal.ts";
import type { ImageSummary, StudioObject } from "../model/types.ts";
import type { MenuItem } from "../ui/menu.ts";
import { reasonOf } from "../ui/reasons.ts";
import type { Workspace } from "../ui/workspace.ts";
import { FrameStore } from "./frameStore.ts";
import { frameOf, keyOf, type VideoModel } from "./model.ts";
import { told, VideoPane } from "./pane.ts";
import { Player } from "./player.ts";
import { kindAt, nextStop } from "./presence.ts";
import { LOST, SEEN, type Direction, type VideoChange, type VideoEvent, type VideoObject } from "./types.ts";

/** Milliseconds at rest after which a frame is opened for work. */
const RESTS_AFTER = 160;
/** Frames that are loaded ahead while it plays, and at rest on both sides. */
const AHEAD = 32;
const AROUND = 6;
/** Widths in which frames are asked for, so that few are made anew when the window changes. */
const WIDTHS = [320, 480, 640, 960, 1280, 1600, 1920, 2560, 3840];

export class VideoMode {
  readonly pane: VideoPane;
  /** Whether the frame that is shown is not the one that can be worked on. */
  readonly moving = new Signal(true);
  readonly #store: FrameStore;
  readonly #player = new Player();
  #frame = 0;
  /** The frame whose picture is on the stage; -1 for none. */
  #shown = -1;
  #scrubbing = false;
  /** Whether the frames that are tracked are shown as they come. */
  #following = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The object that was chosen on the timeline or on a frame, also where it is not seen. */
  #row: string | null = null;
  /** Objects that were chosen, so that they are chosen again on the next frame. */
  #chosen: ReadonlySet<string> = new Set();

  constructor(
    readonly model: VideoModel,
    readonly stage: Stage,
    readonly workspace: Workspace,
  ) {
    this.pane = new VideoPane(
      (frame) => this.#told(frame),
      () => this.#sameAs(),
      () => this.#more(),
    );
    this.#store = new FrameStore(
      (frame, signal) => model.picture(frame, this.#width(), signal),
      (frame) => this.#arrived(frame),
    );
    this.#join();
    this.goTo(0);
  }

  get frame(): number {
    return this.#frame;
  }

  /** Show a frame, and open it for work when it rests. */
  goTo(frame: number): void {
    this.#frame = Math.min(this.model.frames - 1, Math.max(0, frame));
    this.moving.set(true);
    this.#want();
    this.#show(this.#frame);
    this.pane.showFrame(this.#frame, this.model.frames, this.model.fps);
    clearTimeout(this.#timer);
    if (!this.#player.playing && !this.#scrubbing) this.#timer = setTimeout(() => void this.#rest(), RESTS_AFTER);
  }

  hear(event: VideoEvent): void {
    this.model.hear(event);
    if (event.type === "frame") this.#follow(event.frame);
  }

  /** Do what a key of the page means in a video. Returns whether it is done, so that nothing else happens. */
  handles(action: string): boolean {
    const frames: Record<string, number> = { "images.next": 1, "images.previous": -1 };
    if (frames[action] !== undefined) {
      this.#step(frames[action]);
      return true;
    }
    if (action.startsWith("images.")) return true; // A video has none.
    if (!this.moving.value || action.startsWith("view.") || action.startsWith("tool.")) return false;
    this.#pause();
    this.workspace.notices.announce(t("video.moving"));
    return true;
  }

  #join(): void {
    const { model, pane, workspace } = this;
    model.state.watch(() => this.#showObjects());
    workspace.labels.subscribe(() => this.#showObjects());
    model.tracking.watch((job) => pane.showTracking(job));
    model.known.subscribe((known) => {
      if (known === null) return;
      if (this.moving.value && (known.frame < 0 || known.frame === this.#shown)) this.#show(this.#shown);
      const key = workspace.key.value;
      if (key !== null && (known.frame < 0 || keyOf(known.frame) === key)) workspace.saver.told(key, known.version);
      pane.timeline.setFrame(this.#frame); // Its value text may be another.
    });
    workspace.selection.subscribe((selection) => this.#select(selection));
    workspace.objects.subscribe(() => this.#allowSame());
    this.stage.host.addEventListener("pointerdown", () => this.#player.playing && this.#pause(), { capture: true });
    pane.timeline.events.on("seek", ({ frame, done }) => {
      this.#following = false;
      this.#pause();
      this.#scrubbing = !done;
      this.goTo(frame);
    });
    pane.timeline.events.on("select", (uid) => {
      this.#row = uid;
      const there = workspace.objects.value.some((object) => object.uid === uid);
      workspace.selection.set(new Set(there ? [uid] : []));
      pane.timeline.setSelected([uid]);
    });
    pane.events.on("step", (by) => this.#step(by === "first" ? -Infinity : by === "last" ? Infinity : by));
    pane.events.on("stop", (way) => this.#stop(way === "previous"));
    pane.events.on("play", () => (this.#player.playing ? this.#pause() : this.#play()));
    pane.events.on("speed", (way) => {
      const speed = this.#player.step(way === "faster", this.#frame, performance.now());
      pane.showPlaying(this.#player.playing, speed);
      workspace.notices.announce(t("video.speed", { speed }));
    });
    pane.events.on("track", (direction) => void this.#track(direction));
    pane.events.on("endTracking", () => void model.stop().catch(() => undefined)); // It may have ended by itself.
  }

  // How the frame moves.

  #step(by: number): void {
    this.#following = false;
    this.#pause();
    this.goTo(this.#frame + by);
  }

  #stop(back: boolean): void {
    const stop = nextStop(this.model.state.value.objects, this.#frame, back);
    if (stop === null) {
      this.workspace.notices.announce(t("video.stop.none"));
      return;
    }
    const object = this.model.state.value.objects.find(({ uid }) => uid === stop.uid);
    this.#step(stop.frame - this.#frame);
    if (object) this.workspace.notices.announce(t(`video.event.${stop.kind}`, { object: this.#nameOf(object) }));
  }

  #play(): void {
    this.#following = false;
    const { frames, fps } = this.model;
    if (this.#frame >= frames - 1) this.goTo(0);
    this.#player.play(this.#frame, performance.now());
    this.moving.set(true);
    clearTimeout(this.#timer);
    this.pane.showPlaying(true, this.#player.speed);
    const next = (now: number): void => {
      if (!this.#player.playing) return;
      const due = this.#player.due(now, fps, frames, this.#frame, (frame) => this.#store.get(frame) !== undefined);
      if (due !== this.#frame) this.goTo(due);
      else this.#want();
      if (this.#frame >= frames - 1) this.#pause();
      else requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }

  #pause(): void {
    if (!this.#player.playing) return;
    this.#player.stop();
    this.pane.showPlaying(false, this.#player.speed);
    this.goTo(this.#frame);
  }

  /** Open the frame for work. */
  async #rest(): Promise<void> {
    const frame = this.#frame;
    const { workspace } = this;
    await workspace.saver.settled();
    await workspace.openKey(keyOf(frame), summaryOf(frame, workspace.project.value?.name ?? ""));
    const { value: open } = workspace.open;
    if (this.#frame !== frame || this.#player.playing || open === null || frameOf(open.key) !== frame) return;
    const there = new Set(workspace.objects.value.map((object) => object.uid));
    workspace.selection.set(new Set([...this.#chosen].filter((uid) => there.has(uid))));
    this.moving.set(false);
    this.#want();
  }

  #want(): void {
    const { frames } = this.model;
    const frame = this.#frame;
    const wanted = [frame];
    if (this.#shown >= 0) wanted.push(this.#shown); // Its picture is on the stage.
    if (this.#player.playing) {
      const step = Math.max(1, Math.floor(this.#player.speed));
      for (let ahead = 1; ahead <= AHEAD; ahead++) wanted.push(frame + ahead * step);
    } else if (!this.#scrubbing) {
      for (let near = 1; near <= AROUND; near++) wanted.push(frame + near, frame - near);
    }
    this.#store.want([...new Set(wanted)].filter((each) => each >= 0 && each < frames));
  }

  #arrived(frame: number): void {
    const nearer = Math.abs(frame - this.#frame) < Math.abs(this.#shown - this.#frame);
    if (frame === this.#frame || (this.moving.value && !this.#player.playing && nearer)) this.#show(frame);
  }

  /** Show the picture of a frame with its masks, where they are there. */
  #show(frame: number): void {
    const picture = this.#store.get(frame);
    if (picture === undefined) return;
    this.#shown = frame;
    const { width, height } = this.model.state.value;
    this.stage.showPicture(picture, { width, height });
    if (!this.moving.value) return;
    const masks = this.model.masks(frame);
    if (masks === null) return;
    const known = new Map(masks.map((mask) => [mask.uid, mask]));
    this.stage.setObjects(
      this.model.state.value.objects.flatMap((object) => {
        const mask = known.get(object.uid);
        if (mask === undefined || mask.kind === "gone") return [];
        return [{ uid: object.uid, bitmap: bitmapOf(mask.segmentation), color: this.#colorOf(object), hidden: object.hidden }];
      }),
    );
  }

  #width(): number {
    const wanted = this.stage.host.clientWidth * devicePixelRatio;
    return Math.min(this.model.state.value.width, WIDTHS.find((width) => width >= wanted) ?? WIDTHS.at(-1)!);
  }

  // What is known of the objects.

  #showObjects(): void {
    const { pane, model } = this;
    pane.timeline.setVideo(model.frames, model.fps);
    pane.timeline.setRows(
      [...model.state.value.objects].reverse().map((object) => ({ object, name: this.#nameOf(object), color: this.#colorOf(object) })),
    );
    this.#allowSame();
  }

  #nameOf({ number, label }: VideoObject): string {
    return `${number} ${label ?? t("objects.noLabel")}`;
  }

  #colorOf(object: VideoObject): string {
    return objectColor(object, this.workspace.labels.value);
  }

  #told(frame: number): string {
    const names = (kind: number): string[] =>
      this.model.state.value.objects.filter(({ runs }) => kindAt(runs, frame) === kind).map((object) => this.#nameOf(object));
    return told(frame, this.model.frames, this.model.fps, names(SEEN), names(LOST));
  }

  #select(selection: ReadonlySet<string>): void {
    if (this.moving.value) return; // The frame is about to be another.
    this.#chosen = selection;
    this.#row = [...selection].at(-1) ?? this.#row;
    this.pane.timeline.setSelected(selection.size > 0 ? selection : this.#row === null ? [] : [this.#row]);
    this.#allowSame();
  }

  // What is done to them.

  async #track(direction: Direction): Promise<void> {
    const { workspace, model } = this;
    this.#pause();
    await workspace.saver.settled();
    this.#following = true;
    const from = this.#frame;
    try {
      const job = await model.track(from, direction);
      if (job.state === "failed") throw new Error(job.error ?? t("job.failed"));
      const done = job.progress?.done ?? 0; // Its last frames may be told later than its end.
      if (direction !== "both") this.#follow(from + (direction === "forward" ? done : -done));
      workspace.notices.announce(t(job.state === "done" ? "video.track.done" : "video.track.stopped"));
    } catch (error) {
      workspace.notices.toast(reasonOf(error), { bad: true });
    }
    this.#following = false;
    this.goTo(this.#frame);
  }

  /** Show a frame that was tracked, unless the person has gone elsewhere. */
  #follow(frame: number): void {
    if (this.#following && !this.#player.playing) this.goTo(frame);
  }

  /** The objects of the video that are not on this frame. */
  #absent(): VideoObject[] {
    const there = new Set(this.workspace.objects.value.map((object) => object.uid));
    return this.model.state.value.objects.filter(({ uid }) => !there.has(uid));
  }

  #allowSame(): void {
    this.pane.allowSame(this.workspace.chosen().length === 1 && this.#absent().length > 0);
  }

  #sameAs(): MenuItem[] {
    return this.#absent().map((object) => ({
      text: this.#nameOf(object),
      testid: `same-as-${object.number}`,
      choose: () => this.#makeSame(object),
    }));
  }

  /** Make the chosen mask that of another object. */
  #makeSame({ uid, label, color, hidden, locked, attributes }: VideoObject): void {
    const [chosen] = this.workspace.chosen();
    if (chosen === undefined) return;
    const source: StudioObject["source"] = chosen.source === "suggestion" ? "model" : chosen.source;
    const put: StudioObject = { ...chosen, source, uid, label, color, hidden, locked, attributes };
    this.workspace.do({ put: [put], remove: [chosen.uid] }, t("video.sameAs"));
    this.workspace.selection.set(new Set([uid]));
  }

  #more(): MenuItem[] {
    const object = this.model.state.value.objects.find(({ uid }) => uid === this.#row);
    const frame = this.#frame;
    if (object === undefined) return [{ heading: t("edit.chooseFirst") }];
    const { uid } = object;
    const marked = object.keys.includes(frame) || object.gone.includes(frame);
    const gone = { frame, uid, mask: null, score: null, source: "hand" as const, prompts: [] };
    const back = this.#asItIs(object);
    return [
      { heading: this.#nameOf(object) },
      { text: t("video.gone"), testid: "video-gone", choose: () => void this.#do({ keys: [gone] }, back, t("video.gone")) },
      {
        text: t("video.unkey"),
        disabled: !marked,
        testid: "video-unkey",
        choose: () => void this.#do({ unkey: [{ frame, uid }] }, back, t("video.unkey")),
      },
      "line",
      { text: t("video.remove"), icon: "trash", testid: "video-remove", choose: () => void this.#remove(object) },
    ];
  }

  /** The change that makes an object again on this frame what it is now. What a tracker has found becomes a keyframe. */
  #asItIs({ uid, gone }: VideoObject): VideoChange {
    const frame = this.#frame;
    const there = this.workspace.objects.value.find((object) => object.uid === uid);
    if (gone.includes(frame)) return { keys: [{ frame, uid, mask: null, score: null, source: "hand", prompts: [] }] };
    if (there === undefined) return { unkey: [{ frame, uid }] };
    const { mask, score, prompts } = there;
    return { keys: [{ frame, uid, mask, score, source: there.source === "suggestion" ? "model" : there.source, prompts }] };
  }

  async #remove(object: VideoObject): Promise<void> {
    const { uid, label, color, hidden, locked, attributes } = object;
    const told = t("video.removed", { object: this.#nameOf(object) });
    const undoable = await this.#do({ remove: [uid] }, { objects: [{ uid, label, color, hidden, locked, attributes }] }, t("video.remove"));
    if (undoable === null) return;
    this.workspace.notices.toast(told, {
      does: { text: t("keys.undo"), press: () => void this.workspace.edits.goBackOf("undo", undoable) },
    });
  }

  /** Make a change of the video that can be undone. Returns what undoes it; null where it was not possible. */
  async #do(change: VideoChange, back: VideoChange, name: string): Promise<Undoable | null> {
    const undoable = { name, undo: () => this.#change(back), redo: () => this.#change(change) };
    try {
      await undoable.redo();
    } catch (error) {
      this.workspace.notices.toast(reasonOf(error), { bad: true });
      return null;
    }
    this.workspace.undoables.done(undoable);
    this.workspace.notices.announce(name);
    return undoable;
  }

  async #change(change: VideoChange): Promise<void> {
    try {
      await this.workspace.saver.settled();
      await this.model.change(change);
    } catch (error) {
      this.model.reload();
      throw error;
    }
  }
}

/** What the page needs to open a frame as an image. */
function summaryOf(frame: number, name: string): ImageSummary {
  return { key: keyOf(frame), name: `${name} ${frame}`, state: "new", objects: 0, version: 0, doubt: null, error: null };
}
