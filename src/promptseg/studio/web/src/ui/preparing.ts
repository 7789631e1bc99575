/** Tells that a model sees an image for the first time, where that takes long enough to wonder. */

import { Signal, type Readable } from "../model/signal.ts";
import { noticed } from "./noticed.ts";

/** Milliseconds without a request after which nothing is awaited: a preview that is given up is followed by another. */
const OVER = 100;

export class Preparing {
  /** Whether it is to be told. */
  readonly shown: Readable<boolean>;
  readonly #awaited = new Signal(false);
  /** Images of which a model has given an answer. The first one takes longer. */
  readonly #known = new Set<string>();
  #waiting = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.shown = noticed(this.#awaited);
  }

  /** Whether a model has still to see an image. */
  isNew(image: string): boolean {
    return !this.#known.has(image);
  }

  /** Waits for the answer of a model about an image. */
  async during<T>(image: string, answer: Promise<T>): Promise<T> {
    if (!this.isNew(image)) return answer;
    this.#wait(1);
    try {
      const given = await answer;
      this.#known.add(image);
      return given;
    } finally {
      this.#wait(-1);
    }
  }

  #wait(by: 1 | -1): void {
    this.#waiting += by;
    clearTimeout(this.#timer);
    if (this.#waiting > 0) this.#awaited.set(true);
    else this.#timer = setTimeout(() => this.#awaited.set(false), OVER);
  }
}
