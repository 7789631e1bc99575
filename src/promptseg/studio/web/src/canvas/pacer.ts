/** How much is painted a frame: as much as the machine manages without missing the next one. */

/** Milliseconds after which a frame came late: at 60 a second one has 16.7. */
const LATE = 20;
/** Device pixels a frame. */
const LEAST = 1;
const MOST = 8_000_000;
const FIRST = 500_000;

/**
 * A budget in device pixels.
 *
 * What is drawn on a canvas costs its time later, when the browser makes the frame, so it cannot be measured where it is drawn. What shows
 * it is the time until the next frame.
 */
export class Pacer {
  #budget = FIRST;
  #last = -Infinity;
  #painted = 0;

  /** Begin a frame, at a time by `performance.now()`. Returns the pixels that may be painted; one piece may be painted always. */
  begin(now: number): number {
    const took = now - this.#last;
    // A long pause is no late frame: none was asked for.
    if (this.#painted > 0 && took < 1000) {
      if (took > LATE) this.#budget = Math.max(LEAST, Math.min(this.#budget, this.#painted) / 2);
      else if (this.#painted >= this.#budget) this.#budget = Math.min(MOST, this.#budget * 1.5 + 50_000);
    }
    this.#last = now;
    this.#painted = 0;
    return this.#budget;
  }

  /** Say how many pixels this frame painted. */
  end(painted: number): void {
    this.#painted = painted;
  }
}
