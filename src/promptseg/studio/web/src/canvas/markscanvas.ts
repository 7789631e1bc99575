/** The canvas of marks, above all else: points, boxes, the crosshair. */

import { drawMarks, type Mark } from "./marks.ts";
import type { Viewport } from "./viewport.ts";

export class MarksCanvas {
  readonly element: HTMLCanvasElement;
  #marks: readonly Mark[] = [];
  #isDue = false;

  constructor(document: Document) {
    this.element = document.createElement("canvas");
    this.element.style.cssText = "position:absolute;left:0;top:0;width:100%;height:100%;pointer-events:none;";
  }

  set(marks: readonly Mark[]): void {
    this.#marks = marks;
    this.invalidate();
  }

  /** Have all of it drawn anew. */
  invalidate(): void {
    this.#isDue = true;
  }

  /** Take another size, in CSS pixels. */
  resize(width: number, height: number, ratio: number): void {
    this.element.width = Math.ceil(width * ratio);
    this.element.height = Math.ceil(height * ratio);
    this.invalidate();
  }

  /** Draw the marks, and more that come with them, if there are any or were some. */
  draw(viewport: Viewport, more: readonly Mark[]): void {
    const marks = [...this.#marks, ...more];
    if (marks.length === 0 && !this.#isDue) return;
    this.element.style.display = marks.length === 0 ? "none" : "block";
    this.#isDue = marks.length > 0; // If there are some, they move with the image.
    const context = this.element.getContext("2d");
    const { ratio } = viewport;
    context?.setTransform(1, 0, 0, 1, 0, 0);
    context?.clearRect(0, 0, this.element.width, this.element.height);
    context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (context) drawMarks(context, viewport, marks);
  }
}
