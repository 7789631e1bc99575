/** A canvas that is painted piece by piece, so that no frame has to wait for all of it. */

import type { Box } from "../model/types.ts";
import { blocksOf, contains, shared, uncovered, type Area } from "./areas.ts";

/** Where a canvas lies: its pixel (x, y) shows the point ((x + left) / scale, (y + top) / scale), from the image's corner. */
export interface View {
  /** Device pixels a pixel of the image. */
  scale: number;
  /** Device pixels from the corner of the image to the corner of the canvas; whole numbers. */
  left: number;
  top: number;
}

/** What a layer shows. */
export interface Painter {
  /** Device pixels a side of what is painted at once. */
  readonly block?: number;
  /** Get ready for painting an area until a time by `performance.now()`. Returns whether it is ready. */
  prepare?(view: View, area: Area, deadline: number): boolean;
  /** Paint an area of a canvas, which is empty and to which drawing is clipped. */
  paint(context: CanvasRenderingContext2D, view: View, area: Area): void;
}

/** Device pixels a side of what is painted at once, where the painter does not say otherwise. */
const BLOCK = 256;
/** So many pieces are no fewer than all of the canvas. */
const MOST_PIECES = 512;

export class Layer {
  readonly canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #painter: Painter;
  #view: View = { scale: 1, left: 0, top: 0 };
  #dirty: Area[] = [];
  /** What is to be painted before the next frame is shown. */
  #urgent: Area[] = [];

  #hidden = false;

  constructor(document: Document, painter: Painter) {
    this.canvas = document.createElement("canvas");
    this.canvas.style.cssText = "position:absolute;left:0;top:0;width:100%;height:100%;";
    const context = this.canvas.getContext("2d");
    if (context === null) throw new Error("the browser gives no 2D canvas");
    this.#context = context;
    this.#painter = painter;
  }

  /** Whether it is left out: an empty canvas costs as much a frame as a full one. What it shows is painted anew afterwards. */
  set hidden(hidden: boolean) {
    if (hidden === this.#hidden) return;
    this.#hidden = hidden;
    this.canvas.style.display = hidden ? "none" : "block";
    this.invalidateAll();
  }

  get context(): CanvasRenderingContext2D {
    return this.#context;
  }

  get view(): View {
    return this.#view;
  }

  /** Whether all of it is painted. */
  get clean(): boolean {
    return this.#hidden || (this.#dirty.length === 0 && this.#urgent.length === 0);
  }

  get #block(): number {
    return this.#painter.block ?? BLOCK;
  }

  get #all(): Area {
    return { x: 0, y: 0, width: this.canvas.width, height: this.canvas.height };
  }

  /** Lie elsewhere. What was painted is kept where it still fits, and stretched where the scale changed; the rest is to be painted. */
  lie(view: View, width: number, height: number): void {
    const { canvas } = this;
    this.#dirty.push(...this.#urgent.splice(0));
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      this.invalidateAll();
    } else if (this.#hidden) {
      this.invalidateAll();
    } else if (view.scale === this.#view.scale) {
      this.#move(this.#view.left - view.left, this.#view.top - view.top);
    } else {
      this.#stretch(view);
      this.invalidateAll();
    }
    this.#view = view;
  }

  /** Say that everything looks different. */
  invalidateAll(): void {
    this.#dirty = blocksOf(this.#all, this.#block);
  }

  /** Say that a box of the image (half-open, from its corner) looks different, and `room` device pixels around it. */
  invalidate(box: Box, room: number, urgent = false): void {
    const area = shared(this.areaOf(box, room), this.#all);
    if (area === null) return;
    if (urgent) {
      this.#urgent.push(...blocksOf(area, this.#block));
      return;
    }
    if (this.#dirty.length > MOST_PIECES) {
      this.invalidateAll();
      return;
    }
    if (this.#dirty.some((other) => contains(other, area))) return;
    this.#dirty = this.#dirty.filter((other) => !contains(area, other));
    this.#dirty.push(...blocksOf(area, this.#block));
  }

  /** The pixels of the canvas that show a box of the image, and `room` around it. */
  areaOf([x0, y0, x1, y1]: Box, room: number): Area {
    const { scale, left, top } = this.#view;
    const [x, y] = [Math.floor(x0 * scale - left - room), Math.floor(y0 * scale - top - room)];
    return { x, y, width: Math.ceil(x1 * scale - left + room) - x, height: Math.ceil(y1 * scale - top + room) - y };
  }

  /**
   * Paint the piece that is next to a pixel of the canvas.
   *
   * Returns how many pixels it had: 0 when all is painted, or when getting ready for the piece took until the deadline.
   */
  paintNext(x: number, y: number, deadline = Infinity): number {
    let [next, least] = [-1, Infinity];
    this.#dirty.forEach((area, index) => {
      const distance = Math.hypot(area.x + area.width / 2 - x, area.y + area.height / 2 - y);
      if (distance < least) [next, least] = [index, distance];
    });
    const area = this.#dirty[next];
    if (area === undefined || this.#painter.prepare?.(this.#view, area, deadline) === false) return 0;
    this.#dirty.splice(next, 1);
    this.#paint(area);
    return area.width * area.height;
  }

  /** Paint what cannot wait. Returns how many pixels that were. */
  paintUrgent(): number {
    const areas = this.#urgent.splice(0);
    for (const area of areas) this.#paint(area);
    return areas.reduce((sum, { width, height }) => sum + width * height, 0);
  }

  /** Paint all that is to be painted. */
  paintAll(): void {
    this.paintUrgent();
    while (this.paintNext(0, 0) > 0);
  }

  #paint(area: Area): void {
    const context = this.#context;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(area.x, area.y, area.width, area.height);
    context.clip();
    context.clearRect(area.x, area.y, area.width, area.height);
    this.#painter.paint(context, this.#view, area);
    context.restore();
  }

  #move(x: number, y: number): void {
    if (x === 0 && y === 0) return;
    const { width, height } = this.canvas;
    this.#copy(1, x, y);
    const moved = this.#dirty.map((area) => shared({ ...area, x: area.x + x, y: area.y + y }, this.#all));
    this.#dirty = moved.filter((area) => area !== null);
    for (const strip of uncovered(width, height, x, y)) this.#dirty.push(...blocksOf(strip, this.#block));
  }

  #stretch(view: View): void {
    const { scale, left, top } = this.#view;
    const factor = view.scale / scale;
    this.#copy(factor, left * factor - view.left, top * factor - view.top);
  }

  #copy(factor: number, x: number, y: number): void {
    const context = this.#context;
    context.save();
    context.setTransform(factor, 0, 0, factor, x, y);
    context.globalCompositeOperation = "copy"; // Also clears what the copy does not cover.
    context.imageSmoothingEnabled = factor < 1;
    context.drawImage(this.canvas, 0, 0);
    context.restore();
  }
}
