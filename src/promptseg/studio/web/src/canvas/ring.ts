/** How large the brush is, shown around the pointer. */

import type { Point } from "../model/types.ts";
import type { Viewport } from "./viewport.ts";

/** What the brush leaves under the pointer. */
export interface Ring {
  at: Point;
  /** Pixels of the image. */
  radius: number;
}

const STYLE =
  "position:absolute;left:0;top:0;border-radius:50%;box-sizing:border-box;border:1.5px solid #fff;box-shadow:0 0 0 1.5px #101418,inset 0 0 0 1px #101418;pointer-events:none;will-change:transform;display:none;";
/** CSS pixels of the smallest ring. */
const LEAST = 1.5;

export class BrushRing {
  readonly element: HTMLElement;
  #ring: Ring | null = null;

  constructor(document: Document) {
    this.element = document.createElement("div");
    this.element.style.cssText = STYLE;
  }

  get isShown(): boolean {
    return this.#ring !== null;
  }

  set(ring: Ring | null, viewport: Viewport): void {
    this.#ring = ring;
    this.place(viewport);
  }

  /** Follow the view. */
  place(viewport: Viewport): void {
    const { style } = this.element;
    style.display = this.#ring === null ? "none" : "block";
    if (this.#ring === null) return;
    const radius = Math.max(LEAST, this.#ring.radius * viewport.scale);
    const [x, y] = viewport.toScreen(this.#ring.at);
    style.width = style.height = `${2 * radius}px`;
    style.transform = `translate(${x - radius}px,${y - radius}px)`;
  }
}
