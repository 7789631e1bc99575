/** The mask under the pointer, asked for again and again while the pointer moves. */

import type { FoundMask, Point } from "../model/types.ts";

/** Milliseconds between two requests: at least, and at first. */
const LEAST_WAIT = 60;
const FIRST_WAIT = 110;
const MOST_WAIT = 1000;
/** How much longer than the last answer took one waits before a request is given up for a newer one. */
const PATIENCE = 1.5;

/** Asks for the mask at a point. */
export type AskPreview = (at: Point, signal: AbortSignal) => Promise<FoundMask | null>;

/**
 * Keeps one request in flight at most, for the newest point.
 *
 * While the pointer moves, a request may come to its end, as long as it takes no longer than usual: aborted at each move, none ever would.
 */
export class Previews {
  readonly #ask: AskPreview;
  readonly #show: (mask: FoundMask | null, at: Point) => void;
  #wanted: Point | null = null;
  /** The point of the request in flight, or of the mask that is shown. */
  #asked: Point | null = null;
  #flight: AbortController | null = null;
  #began = -Infinity;
  #wait = FIRST_WAIT;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `show` gets each mask that comes, and null where the pointer has left. */
  constructor(ask: AskPreview, show: (mask: FoundMask | null, at: Point) => void) {
    this.#ask = ask;
    this.#show = show;
  }

  /** The pointer is at a point, in pixels of the image; points within a pixel are one. */
  at(point: Point): void {
    this.#wanted = point;
    this.#pump();
  }

  /** The pointer is nowhere: nothing is asked for, and an answer that comes still is not shown. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flight?.abort();
    this.#flight = this.#wanted = this.#asked = null;
  }

  #pump(): void {
    if (this.#timer !== undefined || this.#wanted === null || isNear(this.#wanted, this.#asked)) return;
    const wait = this.#began + (this.#flight === null ? LEAST_WAIT : this.#wait) - performance.now();
    if (wait <= 0) {
      if (this.#flight !== null) this.#wait = Math.min(MOST_WAIT, 2 * this.#wait); // It took longer than it may: be more patient.
      void this.#request(this.#wanted);
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, wait);
  }

  async #request(at: Point): Promise<void> {
    this.#flight?.abort();
    const flight = new AbortController();
    this.#flight = flight;
    this.#asked = at;
    this.#began = performance.now();
    try {
      const mask = await this.#ask(at, flight.signal);
      if (flight.signal.aborted) return;
      this.#wait = Math.max(LEAST_WAIT, Math.min(MOST_WAIT, PATIENCE * (performance.now() - this.#began)));
      this.#show(mask, at);
    } catch {
      // A preview that fails is none; the click after it says why.
    }
    if (this.#flight === flight) {
      this.#flight = null;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#pump();
    }
  }
}

function isNear([x, y]: Point, other: Point | null): boolean {
  return other !== null && Math.hypot(x - other[0], y - other[1]) < 1;
}
