/** Which part of the image the screen shows, and how large. Pixel (0, 0) of the image spans -0.5 to 0.5. */

import type { Box, Point } from "../model/types.ts";

/** Width and height, in the pixels of the thing that has it. */
export interface Size {
  width: number;
  height: number;
}

/** The most CSS pixels that a pixel of the image takes. */
export const MOST_SCALE = 64;
/** How much larger or smaller a step of a key makes the image. */
const KEY_STEP = 1.25;
/** CSS pixels between the image and the edge of the screen when all of it is shown. */
const FIT_MARGIN = 16;
/** CSS pixels of the image that stay on the screen, however far it is moved. */
const KEPT_INSIDE = 64;

/**
 * The place of the image on the screen. The screen is the host element, in CSS pixels from its upper left corner.
 *
 * `left` and `top` are where the upper left corner of the image is, (-0.5, -0.5) in image coordinates.
 */
export class Viewport {
  #image: Size = { width: 1, height: 1 };
  #screen: Size = { width: 1, height: 1 };
  #scale = 1;
  #left = 0;
  #top = 0;
  #ratio = 1;
  #fitted = true;
  readonly #listeners = new Set<() => void>();

  /** CSS pixels a pixel of the image. */
  get scale(): number {
    return this.#scale;
  }

  /** CSS pixels from the left of the screen to the left of the image. */
  get left(): number {
    return this.#left;
  }

  /** CSS pixels from the top of the screen to the top of the image. */
  get top(): number {
    return this.#top;
  }

  get image(): Size {
    return this.#image;
  }

  get screen(): Size {
    return this.#screen;
  }

  /** Device pixels a CSS pixel. */
  get ratio(): number {
    return this.#ratio;
  }

  /** Whether all of the image is shown, and shall be when the screen changes. */
  get fitted(): boolean {
    return this.#fitted;
  }

  /** Call a listener after each change, until the function that is returned is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Show an image of another size, all of it. */
  setImage(image: Size): void {
    this.#image = { width: image.width, height: image.height };
    this.fit();
  }

  /** Follow the host. What is in the middle stays there; an image that was shown as a whole still is. */
  setScreen(screen: Size, ratio: number): void {
    const middle = this.toImage([this.#screen.width / 2, this.#screen.height / 2]);
    this.#screen = { width: Math.max(1, screen.width), height: Math.max(1, screen.height) };
    this.#ratio = ratio;
    if (this.#fitted) this.fit();
    else this.centerOn(middle);
  }

  toScreen([x, y]: Point): Point {
    return [(x + 0.5) * this.#scale + this.#left, (y + 0.5) * this.#scale + this.#top];
  }

  toImage([x, y]: Point): Point {
    return [(x - this.#left) / this.#scale - 0.5, (y - this.#top) / this.#scale - 0.5];
  }

  /** The part of the image that the screen shows, half-open in pixels of the image; it may reach beyond the image. */
  get visible(): Box {
    const [x0, y0] = this.toImage([0, 0]);
    const [x1, y1] = this.toImage([this.#screen.width, this.#screen.height]);
    return [x0 + 0.5, y0 + 0.5, x1 + 0.5, y1 + 0.5];
  }

  /** The pixels of the image that the screen shows, whole ones, half-open; null where it shows none. */
  get shown(): Box | null {
    const [x0, y0, x1, y1] = this.visible;
    const { width, height } = this.#image;
    const box: Box = [
      Math.max(0, Math.floor(x0)),
      Math.max(0, Math.floor(y0)),
      Math.min(width, Math.ceil(x1)),
      Math.min(height, Math.ceil(y1)),
    ];
    return box[0] < box[2] && box[1] < box[3] ? box : null;
  }

  /** The scale at which all of the image is shown. */
  get fitScale(): number {
    const { width, height } = this.#screen;
    const room = Math.min(FIT_MARGIN, width / 8, height / 8);
    const fits = Math.min((width - 2 * room) / this.#image.width, (height - 2 * room) / this.#image.height);
    return Math.min(MOST_SCALE, fits);
  }

  /** The least scale: all of the image, or its own size where that is less, and half of that again. */
  get leastScale(): number {
    return Math.min(1, this.fitScale) / 2;
  }

  /** Show all of the image. */
  fit(): void {
    const scale = this.fitScale;
    const { width, height } = this.#screen;
    this.#place(scale, (width - this.#image.width * scale) / 2, (height - this.#image.height * scale) / 2, true);
  }

  /** Zoom to a scale; the point of the image that is at `at` on the screen stays there. Without it: at the middle. */
  zoomTo(scale: number, at: Point = [this.#screen.width / 2, this.#screen.height / 2]): void {
    const next = Math.min(MOST_SCALE, Math.max(this.leastScale, scale));
    const ratio = next / this.#scale;
    this.#place(next, at[0] - (at[0] - this.#left) * ratio, at[1] - (at[1] - this.#top) * ratio);
  }

  /** Zoom by a factor about a point of the screen. */
  zoomBy(factor: number, at?: Point): void {
    this.zoomTo(this.#scale * factor, at);
  }

  /** One step nearer (1) or farther (-1), as by a key. */
  zoomStep(direction: 1 | -1): void {
    this.zoomBy(direction > 0 ? KEY_STEP : 1 / KEY_STEP);
  }

  /** Move the image by CSS pixels. */
  panBy(x: number, y: number): void {
    this.#place(this.#scale, this.#left + x, this.#top + y);
  }

  /** Bring a point of the image to the middle of the screen. */
  centerOn(point: Point): void {
    const [x, y] = this.toScreen(point);
    this.panBy(this.#screen.width / 2 - x, this.#screen.height / 2 - y);
  }

  /** Show a box of the image, with room around it, and not larger than is useful. */
  show(box: Box): void {
    const [x0, y0, x1, y1] = box;
    const { width, height } = this.#screen;
    const scale = 0.6 * Math.min(width / Math.max(1, x1 - x0), height / Math.max(1, y1 - y0));
    const next = Math.max(this.leastScale, Math.min(scale, 8, MOST_SCALE));
    this.#place(next, width / 2 - ((x0 + x1) / 2) * next, height / 2 - ((y0 + y1) / 2) * next);
  }

  /** Move the image as little as needed so that a point of it is on the screen, `room` CSS pixels from the edge. */
  reveal(point: Point, room = 32): void {
    const [x, y] = this.toScreen(point);
    const across = inward(x, this.#screen.width, Math.min(room, this.#screen.width / 4));
    const down = inward(y, this.#screen.height, Math.min(room, this.#screen.height / 4));
    if (across !== 0 || down !== 0) this.panBy(across, down);
  }

  #place(scale: number, left: number, top: number, fitted = false): void {
    this.#scale = scale;
    this.#left = limited(left, this.#image.width * scale, this.#screen.width);
    this.#top = limited(top, this.#image.height * scale, this.#screen.height);
    this.#fitted = fitted;
    for (const listener of this.#listeners) listener();
  }
}

/** Where the image begins, moved so that some of it stays on the screen. */
function limited(start: number, length: number, room: number): number {
  const kept = Math.min(KEPT_INSIDE, length, room / 2);
  return Math.min(room - kept, Math.max(kept - length, start));
}

/** How far a coordinate must move to be `room` from both ends. */
function inward(at: number, length: number, room: number): number {
  return at < room ? room - at : at > length - room ? length - room - at : 0;
}
