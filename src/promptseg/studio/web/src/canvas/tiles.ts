/** The pixels of an image in tiles: a pyramid whose level 0 is full resolution, and whose last level is one tile. */

import type { Point } from "../model/types.ts";
import type { Size } from "./viewport.ts";

/** Where tiles come from. */
export interface TileSource {
  /** Pixels a side. */
  readonly size: number;
  readonly levels: number;
  /** Load and decode a tile, off the main thread. */
  load(level: number, column: number, row: number, signal: AbortSignal): Promise<ImageBitmap>;
}

/** A place in the pyramid. */
export interface TileIndex {
  level: number;
  column: number;
  row: number;
}

/** The tile size of sources that are made from one image. */
const SIZE = 512;
/** Bytes of decoded tiles that are kept: some 12 screens full. */
const MOST_BYTES = 192 << 20;
/** Tiles that are asked for at once: what a browser asks of a host. */
const MOST_AT_ONCE = 6;
const MOST_TRIES = 4;
/** Milliseconds before a tile that failed is asked for again; each time twice as long. */
const FIRST_WAIT = 500;

/** How many levels a pyramid has: the last one is a single tile. */
export function levelsOf(image: Size, size: number): number {
  return 1 + Math.max(0, Math.ceil(Math.log2(Math.max(image.width, image.height) / size)));
}

/** A server that gives each tile at an address. */
export function tilesAt(tiles: { size: number; levels: number }, address: (tile: TileIndex) => string): TileSource {
  return {
    ...tiles,
    async load(level, column, row, signal) {
      const answer = await fetch(address({ level, column, row }), { signal, credentials: "same-origin" });
      if (!answer.ok) throw new Error(`tile ${level}/${column}/${row}: the server answered ${answer.status}`);
      return createImageBitmap(await answer.blob());
    },
  };
}

/**
 * An image that is there as a whole, such as one that a notebook sent.
 *
 * @param image The size of the image, where the picture of it is smaller.
 * @param reduced Pixels of the image along each side of a pixel of the picture: 1, 2, 4, …
 */
export function tilesOf(picture: ImageBitmap, image: Size = picture, reduced = 1): TileSource {
  return {
    size: SIZE,
    levels: levelsOf(image, SIZE),
    load(level, column, row) {
      const step = SIZE * 2 ** level;
      const [x, y] = [column * step, row * step];
      const [width, height] = [Math.min(step, image.width - x), Math.min(step, image.height - y)];
      const resizeWidth = Math.max(1, Math.round(width / 2 ** level));
      const resizeHeight = Math.max(1, Math.round(height / 2 ** level));
      const [across, down] = [Math.ceil(width / reduced), Math.ceil(height / reduced)];
      return createImageBitmap(picture, x / reduced, y / reduced, across, down, { resizeWidth, resizeHeight, resizeQuality: "medium" });
    },
  };
}

/** The level whose pixels are at least as fine as the screen's, at so many device pixels a pixel of the image. */
export function levelAt(scale: number, levels: number): number {
  return Math.min(levels - 1, Math.max(0, Math.floor(Math.log2(1 / scale))));
}

/** The tiles of a level that a box of the image touches, row by row. */
export function tilesIn(box: readonly [number, number, number, number], level: number, size: number, image: Size): TileIndex[] {
  const step = size * 2 ** level;
  const [columns, rows] = [Math.ceil(image.width / step), Math.ceil(image.height / step)];
  const [left, right] = [Math.max(0, Math.floor(box[0] / step)), Math.min(columns, Math.ceil(box[2] / step))];
  const [top, bottom] = [Math.max(0, Math.floor(box[1] / step)), Math.min(rows, Math.ceil(box[3] / step))];
  const found: TileIndex[] = [];
  for (let row = top; row < bottom; row++) for (let column = left; column < right; column++) found.push({ level, column, row });
  return found;
}

interface Failure {
  tries: number;
  /** When it may be tried again, by `performance.now()`. */
  again: number;
}

/** Loads the tiles that are needed, the middle first, and keeps what was used last, up to a number of bytes. */
export class TileCache {
  readonly source: TileSource;
  readonly image: Size;
  readonly #loaded = new Map<string, ImageBitmap>(); // The least recently used first.
  readonly #loading = new Map<string, AbortController>();
  readonly #failed = new Map<string, Failure>();
  readonly #onTile: (tile: TileIndex) => void;
  readonly #mostBytes: number;
  #wanted: TileIndex[] = [];
  #bytes = 0;
  #closed = false;

  /** `onTile` is called when a tile has come. */
  constructor(source: TileSource, image: Size, onTile: (tile: TileIndex) => void, mostBytes = MOST_BYTES) {
    this.source = source;
    this.image = image;
    this.#onTile = onTile;
    this.#mostBytes = mostBytes;
  }

  /** Bytes of the tiles that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether all tiles that are wanted have come, or cannot be had. */
  get complete(): boolean {
    return this.#loading.size === 0 && this.#next() === undefined;
  }

  /** A tile, if it is there. */
  get(tile: TileIndex): ImageBitmap | undefined {
    const key = keyOf(tile);
    const found = this.#loaded.get(key);
    if (found !== undefined) {
      this.#loaded.delete(key);
      this.#loaded.set(key, found);
    }
    return found;
  }

  /** Say what is needed from now on: the tiles of a box of the image at a level, those next to `middle` first. What is not needed anymore is not loaded. */
  want(box: readonly [number, number, number, number], level: number, middle: Point): void {
    const { size, levels } = this.source;
    const step = size * 2 ** level;
    const distance = ({ column, row }: TileIndex): number => Math.hypot((column + 0.5) * step - middle[0], (row + 0.5) * step - middle[1]);
    const fine = tilesIn(box, level, size, this.image).sort((a, b) => distance(a) - distance(b));
    const whole = { level: levels - 1, column: 0, row: 0 }; // Shown until the others come.
    this.#wanted = level === levels - 1 ? [whole] : [whole, ...fine];
    const keys = new Set(this.#wanted.map(keyOf));
    for (const [key, controller] of this.#loading) {
      if (keys.has(key)) continue;
      controller.abort();
      this.#loading.delete(key);
    }
    this.#load();
  }

  /** Load nothing more, and free what is there. */
  close(): void {
    this.#closed = true;
    for (const controller of this.#loading.values()) controller.abort();
    for (const bitmap of this.#loaded.values()) bitmap.close();
    this.#loading.clear();
    this.#loaded.clear();
    this.#bytes = 0;
  }

  #next(): TileIndex | undefined {
    const now = performance.now();
    return this.#wanted.find((tile) => {
      const key = keyOf(tile);
      const failure = this.#failed.get(key);
      const may = failure === undefined || (failure.tries < MOST_TRIES && failure.again <= now);
      return may && !this.#loaded.has(key) && !this.#loading.has(key);
    });
  }

  #load(): void {
    while (this.#loading.size < MOST_AT_ONCE && !this.#closed) {
      const tile = this.#next();
      if (tile === undefined) return;
      const controller = new AbortController();
      this.#loading.set(keyOf(tile), controller);
      void this.#fetch(tile, controller);
    }
  }

  async #fetch(tile: TileIndex, controller: AbortController): Promise<void> {
    const key = keyOf(tile);
    try {
      const bitmap = await this.source.load(tile.level, tile.column, tile.row, controller.signal);
      if (controller.signal.aborted) {
        bitmap.close();
        return;
      }
      this.#failed.delete(key);
      this.#keep(key, bitmap);
      this.#loading.delete(key);
      this.#onTile(tile);
    } catch {
      if (controller.signal.aborted) return;
      this.#loading.delete(key);
      this.#retryLater(key);
    }
    this.#load();
  }

  #keep(key: string, bitmap: ImageBitmap): void {
    this.#loaded.set(key, bitmap);
    this.#bytes += bytesOf(bitmap);
    const wanted = new Set(this.#wanted.map(keyOf));
    for (const [old, oldest] of this.#loaded) {
      if (this.#bytes <= this.#mostBytes) return;
      if (wanted.has(old)) continue; // On the screen now: it would be asked for again at once.
      this.#loaded.delete(old);
      this.#bytes -= bytesOf(oldest);
      oldest.close();
    }
  }

  #retryLater(key: string): void {
    const tries = (this.#failed.get(key)?.tries ?? 0) + 1;
    const wait = FIRST_WAIT * 2 ** (tries - 1);
    this.#failed.set(key, { tries, again: performance.now() + wait });
    if (tries < MOST_TRIES) setTimeout(() => this.#load(), wait + 1);
  }
}

function keyOf({ level, column, row }: TileIndex): string {
  return `${level}/${column}/${row}`;
}

function bytesOf(bitmap: ImageBitmap): number {
  return bitmap.width * bitmap.height * 4;
}
