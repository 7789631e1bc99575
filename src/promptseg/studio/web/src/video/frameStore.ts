/** The frames of a video as pictures: those around the current one are loaded ahead, and what was used last is kept. */

/** Bytes of decoded frames that are kept. */
const MOST_BYTES = 256 << 20;
/** Requests at once: a browser makes six to a host, and the page needs one for itself. */
const MOST_AT_ONCE = 4;

type Loader = (frame: number, signal: AbortSignal) => Promise<ImageBitmap>;

export class FrameStore {
  readonly #load: Loader;
  readonly #onFrame: (frame: number) => void;
  readonly #mostBytes: number;
  readonly #loaded = new Map<number, ImageBitmap>(); // The least recently used first.
  readonly #loading = new Map<number, AbortController>();
  #wanted: number[] = [];
  #bytes = 0;

  /** `onFrame` is called when a frame has come. */
  constructor(load: Loader, onFrame: (frame: number) => void, mostBytes = MOST_BYTES) {
    this.#load = load;
    this.#onFrame = onFrame;
    this.#mostBytes = mostBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A frame, if it is there. */
  get(frame: number): ImageBitmap | undefined {
    const found = this.#loaded.get(frame);
    if (found !== undefined) {
      this.#loaded.delete(frame);
      this.#loaded.set(frame, found);
    }
    return found;
  }

  /** How many frames from one on are there without a gap. */
  ahead(frame: number, most: number): number {
    let count = 0;
    while (count < most && this.#loaded.has(frame + count)) count++;
    return count;
  }

  /**
   * Say which frames are needed from now on, the most urgent first. What is being loaded comes in all the same: while one scrubs, it is what
   * there is to see.
   */
  want(frames: readonly number[]): void {
    this.#wanted = [...frames];
    this.#next();
  }

  /** Forget all frames, such as when they are to have another size. */
  clear(): void {
    for (const controller of this.#loading.values()) controller.abort();
    for (const bitmap of this.#loaded.values()) bitmap.close();
    this.#loading.clear();
    this.#loaded.clear();
    this.#bytes = 0;
  }

  #next(): void {
    for (const frame of this.#wanted) {
      if (this.#loading.size >= MOST_AT_ONCE) return;
      if (this.#loaded.has(frame) || this.#loading.has(frame)) continue;
      const controller = new AbortController();
      this.#loading.set(frame, controller);
      void this.#fetch(frame, controller);
    }
  }

  async #fetch(frame: number, controller: AbortController): Promise<void> {
    try {
      const bitmap = await this.#load(frame, controller.signal);
      if (controller.signal.aborted) {
        bitmap.close();
        return;
      }
      this.#loading.delete(frame);
      this.#keep(frame, bitmap);
      this.#onFrame(frame);
    } catch {
      if (controller.signal.aborted) return;
      this.#loading.delete(frame);
      this.#wanted = this.#wanted.filter((each) => each !== frame); // Until it is wanted again.
    }
    this.#next();
  }

  #keep(frame: number, bitmap: ImageBitmap): void {
    this.#loaded.set(frame, bitmap);
    this.#bytes += bytesOf(bitmap);
    const wanted = new Set(this.#wanted);
    for (const [old, oldest] of this.#loaded) {
      if (this.#bytes <= this.#mostBytes) return;
      if (wanted.has(old)) continue;
      this.#loaded.delete(old);
      this.#bytes -= bytesOf(oldest);
      oldest.close();
    }
  }
}

function bytesOf(bitmap: ImageBitmap): number {
  return bitmap.width * bitmap.height * 4;
}
