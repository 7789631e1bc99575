/** The video as the page knows it: its objects on the timeline, and the masks of the frames around the one that is shown. */

import type { Client } from "../api/client.ts";
import { Signal } from "../model/signal.ts";
import type { Job } from "../model/types.ts";
import { withKnown } from "./presence.ts";
import type { Direction, FrameMasks, ObjectOnFrame, VideoChange, VideoEvent, VideoState } from "./types.ts";

const VIDEO = "/v1/studio/video";
/** Frames whose masks are loaded together. */
const CHUNK = 64;
/** Frames whose masks are kept. */
const MOST_FRAMES = 1500;
/** Milliseconds in which several changes load the video once. */
const TOGETHER = 150;

/** The address of a frame in the routes of images: its number in 16 hexadecimal digits. */
export function keyOf(frame: number): string {
  return frame.toString(16).padStart(16, "0");
}

export function frameOf(key: string): number {
  return parseInt(key, 16);
}

export class VideoModel {
  readonly state: Signal<VideoState>;
  /** The job that tracks. */
  readonly tracking: Signal<Job | null>;
  /** The frame whose masks have become known last, by whatever way. */
  readonly known = new Signal<{ frame: number; version: number } | null>(null);
  readonly #client: Client;
  readonly #masks = new Map<number, readonly ObjectOnFrame[]>(); // The least recently used first.
  readonly #loading = new Set<number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts what makes loaded masks old. */
  #turn = 0;

  private constructor(client: Client, state: VideoState) {
    this.#client = client;
    this.state = new Signal(state);
    this.tracking = new Signal<Job | null>(null);
    if (state.tracking !== null) void this.#follow(state.tracking);
  }

  static async load(client: Client): Promise<VideoModel> {
    return new VideoModel(client, await client.json<VideoState>(VIDEO));
  }

  get frames(): number {
    return this.state.value.frames ?? Math.max(1, ...this.state.value.objects.map(({ runs }) => runs.at(-1)?.[1] ?? 1));
  }

  get fps(): number {
    return this.state.value.fps ?? 25;
  }

  /** A frame as a picture of at most this width. */
  async picture(frame: number, width: number, signal: AbortSignal): Promise<ImageBitmap> {
    const query = { width: String(width), v: this.state.value.content };
    const answer = await this.#client.call(`${VIDEO}/frames/${frame}`, { query, signal });
    return createImageBitmap(await answer.blob());
  }

  /** The masks of a frame, if they are there. If not, they are loaded with those of the frames after it. */
  masks(frame: number): readonly ObjectOnFrame[] | null {
    const found = this.#masks.get(frame);
    if (found === undefined) {
      void this.#loadMasks(frame - (frame % CHUNK));
      return null;
    }
    this.#masks.delete(frame);
    this.#masks.set(frame, found);
    if (!this.#masks.has(frame + CHUNK / 2)) void this.#loadMasks(frame + CHUNK / 2 - ((frame + CHUNK / 2) % CHUNK));
    return found;
  }

  hear(event: VideoEvent): void {
    if (event.type === "video") {
      this.reload();
      return;
    }
    const { frame, objects, version } = event;
    this.#keep(frame, objects);
    const known = new Map(objects.map((object) => [object.uid, object.kind]));
    this.state.update((state) => ({ ...state, objects: state.objects.map((each) => withKnown(each, frame, known.get(each.uid) ?? null)) }));
    this.known.set({ frame, version });
  }

  /** Load the objects again, soon; also the masks when they are asked for. */
  reload(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#reload(), TOGETHER);
  }

  async change(change: VideoChange): Promise<void> {
    await this.#client.json(`${VIDEO}/changes`, { method: "POST", json: { version: this.state.value.version, ...change } });
    await this.#reload();
  }

  /** Track from a frame on. Resolves with the job when it has ended. */
  async track(frame: number, direction: Direction, objects?: readonly string[]): Promise<Job> {
    const json = { frame, direction, ...(objects && { objects }) };
    return this.#follow(await this.#client.json<Job>(`${VIDEO}/track`, { method: "POST", json }));
  }

  async stop(): Promise<void> {
    if (this.tracking.value !== null) await this.#client.cancelJob(this.tracking.value.id);
  }

  async #follow(job: Job): Promise<Job> {
    this.tracking.set(job);
    try {
      return await this.#client.watchJob(job.id, (now) => this.tracking.set(now));
    } finally {
      this.tracking.set(null);
      this.reload();
    }
  }

  async #reload(): Promise<void> {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    const state = await this.#client.json<VideoState>(VIDEO).catch(() => null); // The next event tells it again.
    if (state === null || turn !== this.#turn) return;
    this.#masks.clear();
    this.#loading.clear();
    this.state.set(state);
    this.known.set({ frame: -1, version: state.version });
  }

  async #loadMasks(start: number): Promise<void> {
    if (start < 0 || start >= this.frames || this.#loading.has(start)) return;
    this.#loading.add(start);
    const turn = this.#turn;
    const query = { start: String(start), stop: String(start + CHUNK) };
    const found = await this.#client.json<{ version: number; frames: FrameMasks[] }>(`${VIDEO}/masks`, { query }).catch(() => null);
    this.#loading.delete(start);
    if (found === null || turn !== this.#turn) return;
    const there = new Map(found.frames.map(({ frame, objects }) => [frame, objects]));
    for (let frame = start; frame < start + CHUNK; frame++) this.#keep(frame, there.get(frame) ?? []);
    this.known.set({ frame: -1, version: found.version });
  }

  #keep(frame: number, objects: readonly ObjectOnFrame[]): void {
    this.#masks.delete(frame);
    this.#masks.set(frame, objects);
    for (const old of this.#masks.keys()) {
      if (this.#masks.size <= MOST_FRAMES) return;
      this.#masks.delete(old);
    }
  }
}
