/** What the layers show: the image, the objects, and what is being made or pointed at. */

import type { Bitmap } from "../model/mask.ts";
import type { Box, Point } from "../model/types.ts";
import type { Area } from "./areas.ts";
import type { Painter, View } from "./layer.ts";
import { detailAt, drawShape, meet, shapeOf, toImage, type Look, type Shape } from "./shapes.ts";
import { levelAt, tilesIn, type TileCache, type TileIndex } from "./tiles.ts";
import type { Size } from "./viewport.ts";

/** Device pixels a pixel of the image from which the pixels are shown as squares. */
const SQUARE_PIXELS = 4;

/** An object as the stage shows it. The first is at the back. */
export interface ShownObject {
  uid: string;
  bitmap: Bitmap;
  /** "#rrggbb". */
  color: string;
  hidden?: boolean;
}

/** A picture of all of an image, which may have fewer pixels. */
export interface Picture extends Size {
  bitmap: ImageBitmap;
}

/** The image: the tiles that are there, and a coarser one where one is missing. */
export class ImagePainter {
  tiles: TileCache | null = null;
  /** Lies below the tiles. */
  picture: Picture | null = null;

  paint(context: CanvasRenderingContext2D, view: View, area: Area): void {
    const { tiles } = this;
    if (this.picture !== null) drawPicture(context, view, this.picture);
    if (tiles === null) return;
    const level = levelAt(view.scale, tiles.source.levels);
    context.imageSmoothingEnabled = view.scale < SQUARE_PIXELS;
    for (const tile of tilesIn(boxOf(view, area), level, tiles.source.size, tiles.image)) this.#draw(context, view, tiles, tile);
  }

  #draw(context: CanvasRenderingContext2D, view: View, tiles: TileCache, tile: TileIndex): void {
    const place = placeOf(tiles, tile);
    // On whole pixels: between them, neighbors would leave a seam.
    const [x0, y0] = [Math.round(place[0] * view.scale - view.left), Math.round(place[1] * view.scale - view.top)];
    const [x1, y1] = [Math.round(place[2] * view.scale - view.left), Math.round(place[3] * view.scale - view.top)];
    for (let level = tile.level; level < tiles.source.levels; level++) {
      const shift = 2 ** (level - tile.level);
      const over = { level, column: Math.floor(tile.column / shift), row: Math.floor(tile.row / shift) };
      const bitmap = tiles.get(over);
      if (bitmap === undefined) continue;
      const whole = placeOf(tiles, over);
      const [across, down] = [bitmap.width / (whole[2] - whole[0]), bitmap.height / (whole[3] - whole[1])];
      const [left, top] = [(place[0] - whole[0]) * across, (place[1] - whole[1]) * down];
      context.drawImage(bitmap, left, top, (place[2] - place[0]) * across, (place[3] - place[1]) * down, x0, y0, x1 - x0, y1 - y0);
      return;
    }
  }
}

function drawPicture(context: CanvasRenderingContext2D, view: View, { bitmap, width, height }: Picture): void {
  context.imageSmoothingEnabled = view.scale < SQUARE_PIXELS;
  const [x, y] = [Math.round(-view.left), Math.round(-view.top)];
  context.drawImage(bitmap, x, y, Math.round(width * view.scale - view.left) - x, Math.round(height * view.scale - view.top) - y);
}

/** The box of the image that a tile shows. */
export function placeOf({ source, image }: Pick<TileCache, "source" | "image">, { level, column, row }: TileIndex): Box {
  const step = source.size * 2 ** level;
  return [column * step, row * step, Math.min(image.width, (column + 1) * step), Math.min(image.height, (row + 1) * step)];
}

/** The box of the image that an area of a canvas shows. */
export function boxOf({ scale, left, top }: View, { x, y, width, height }: Area): Box {
  return [(x + left) / scale, (y + top) / scale, (x + width + left) / scale, (y + height + top) / scale];
}

/** The objects that are kept, and the proposals that can be picked. */
export class ObjectsPainter {
  objects: readonly ShownObject[] = [];
  proposals: readonly ShownObject[] = [];
  /** The object that is being changed: the overlay shows it instead. */
  lifted: string | null = null;
  /** Device pixels a CSS pixel. */
  ratio = 1;

  prepare(view: View, area: Area, deadline: number): boolean {
    const level = detailAt(view.scale);
    const box = boxOf(view, area);
    for (const shape of this.#shapes()) {
      if (shape.box === null || shape.has(level) || !meet(shape.box, box)) continue;
      if (performance.now() > deadline) return false;
      shape.paths(level);
    }
    return true;
  }

  paint(context: CanvasRenderingContext2D, view: View, area: Area): void {
    for (const { uid, bitmap, color, hidden } of this.objects) {
      if (hidden === true || uid === this.lifted) continue;
      drawShape(context, view, area, shapeOf(bitmap), { color, fill: 0.4, line: 1.5 }, this.ratio);
    }
    for (const { bitmap, color } of this.proposals) {
      drawShape(context, view, area, shapeOf(bitmap), { color, fill: 0.15, line: 1.5 }, this.ratio);
    }
  }

  *#shapes(): Generator<Shape> {
    for (const { bitmap, hidden } of this.objects) if (hidden !== true) yield shapeOf(bitmap);
    for (const { bitmap } of this.proposals) yield shapeOf(bitmap);
  }
}

/**
 * The image with the objects on it.
 *
 * They share a canvas, though objects change more often: a browser without a GPU copies each canvas at each frame.
 */
export class ScenePainter implements Painter {
  readonly image = new ImagePainter();
  readonly objects = new ObjectsPainter();

  prepare(view: View, area: Area, deadline: number): boolean {
    return this.objects.prepare(view, area, deadline);
  }

  paint(context: CanvasRenderingContext2D, view: View, area: Area): void {
    this.image.paint(context, view, area);
    this.objects.paint(context, view, area);
  }
}

/** How a mask that is not kept yet is shown: `preview` under the pointer, `draft` after a click, `edit` while it is painted on. */
export interface DraftStyle {
  kind: "preview" | "draft" | "edit";
  color: string;
}

const LOOKS: Record<DraftStyle["kind"], Omit<Look, "color">> = {
  preview: { fill: 0.3, line: 1.5, cased: true, dashed: true },
  draft: { fill: 0.45, line: 2, cased: true },
  edit: { fill: 0.45, line: 2, cased: true },
};

/** The way of a brush or an eraser, in image coordinates. */
export interface Stroke {
  path: Point[];
  radius: number;
  erases: boolean;
  color: string;
}

/** The pixels of the image that a stroke may cover. */
export function boxOfStroke({ path, radius }: Stroke): Box {
  const [xs, ys] = [path.map(([x]) => x), path.map(([, y]) => y)];
  const least = (values: number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity) - radius;
  const most = (values: number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity) + radius + 1;
  return [least(xs), least(ys), most(xs), most(ys)];
}

/** What lies over the objects: outlines of the selected ones, the one under the pointer, the mask that is being made, the stroke. */
export class OverlayPainter implements Painter {
  /** Little is on it, so that it is painted at once. */
  readonly block = Infinity;
  selected: readonly ShownObject[] = [];
  hovered: ShownObject | null = null;
  draft: { shape: Shape; style: DraftStyle } | null = null;
  stroke: Stroke | null = null;
  ratio = 1;

  get isEmpty(): boolean {
    return this.selected.length === 0 && this.hovered === null && this.draft === null && this.stroke === null;
  }

  paint(context: CanvasRenderingContext2D, view: View, area: Area): void {
    for (const { bitmap, color } of this.selected) {
      drawShape(context, view, area, shapeOf(bitmap), { color, fill: 0, line: 2, cased: true }, this.ratio);
    }
    if (this.hovered !== null) {
      const { bitmap, color } = this.hovered;
      drawShape(context, view, area, shapeOf(bitmap), { color, fill: 0.25, line: 2.5 }, this.ratio);
    }
    if (this.draft !== null) {
      const { shape, style } = this.draft;
      drawShape(context, view, area, shape, { ...LOOKS[style.kind], color: style.color }, this.ratio);
    }
    if (this.stroke !== null) drawStroke(context, view, this.stroke, 0);
  }
}

/** Draw a stroke from its point number `from`. Drawing it bit by bit gives what drawing it at once gives. */
export function drawStroke(context: CanvasRenderingContext2D, view: View, stroke: Stroke, from: number): void {
  const points = stroke.path.slice(Math.max(0, from - 1));
  const [first, ...others] = points;
  if (first === undefined) return;
  toImage(context, view);
  const path = new Path2D();
  path.moveTo(first[0] + 0.5, first[1] + 0.5);
  path.lineTo(first[0] + 0.5, first[1] + 0.5); // So that a single point is a disc.
  for (const [x, y] of others) path.lineTo(x + 0.5, y + 0.5);
  context.lineWidth = 2 * stroke.radius;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = stroke.color;
  context.globalCompositeOperation = "destination-out"; // What is there already must not show through twice.
  context.stroke(path);
  context.globalCompositeOperation = "source-over";
  if (stroke.erases) return;
  context.globalAlpha = LOOKS.edit.fill;
  context.stroke(path);
  context.globalAlpha = 1;
}
