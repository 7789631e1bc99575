/** Masks as paths: exact along the edges of the pixels, and coarser ones for views from afar. */

import type { Bitmap } from "../model/mask.ts";
import { outline } from "../model/outline.ts";
import type { Box } from "../model/types.ts";
import type { Area } from "./areas.ts";
import type { View } from "./layer.ts";

/** A part of an outline, which can be left out where it is not on the canvas. */
interface Stretch {
  box: Box;
  path: Path2D;
}

/** A mask's paths at a level of detail. Coordinates are pixels from the image's corner. */
export interface Paths {
  fill: Path2D;
  outline: Stretch[];
}

/** The levels of detail: at level n, a pixel of the screen is more than 2^n pixels of the image. */
const MOST_LEVEL = 12;
/** How far a coarser outline may be off, in pixels of the screen. */
const TOLERANCE = 0.6;
/** Points of an outline that are drawn or left out together. */
const POINTS_TOGETHER = 256;

/** The level of detail for so many device pixels a pixel of the image. Level 0 is exact. */
export function detailAt(scale: number): number {
  return Math.min(MOST_LEVEL, Math.max(0, Math.floor(Math.log2(1 / scale))));
}

/** The paths of a mask. They are made when they are first drawn, and kept as long as the mask is. */
export class Shape {
  readonly bitmap: Bitmap;
  /** The box of the mask, half-open from the image's corner; null for an empty mask. */
  readonly box: Box | null;
  #rings: Float32Array[] | undefined;
  readonly #levels = new Map<number, Paths>();

  constructor(bitmap: Bitmap) {
    this.bitmap = bitmap;
    this.box = bitmap.box;
  }

  has(level: number): boolean {
    return this.#levels.has(level);
  }

  paths(level: number): Paths {
    let paths = this.#levels.get(level);
    if (paths === undefined) {
      this.#rings ??= outline(this.bitmap);
      paths = pathsOf(level === 0 ? this.#rings : this.#rings.map((ring) => coarser(ring, TOLERANCE * 2 ** level)));
      this.#levels.set(level, paths);
    }
    return paths;
  }
}

const shapes = new WeakMap<Bitmap, Shape>();

export function shapeOf(bitmap: Bitmap): Shape {
  let shape = shapes.get(bitmap);
  if (shape === undefined) shapes.set(bitmap, (shape = new Shape(bitmap)));
  return shape;
}

/** A closed ring without the points that are nearer than `distance` to the one before. It keeps at least three. */
export function coarser(ring: Float32Array, distance: number): Float32Array {
  const [length, nearest] = [ring.length, distance * distance];
  if (length <= 6) return ring;
  const kept = new Float32Array(length);
  let size = 0;
  let [x, y] = [Infinity, Infinity];
  for (let index = 0; index < length; index += 2) {
    const [dx, dy] = [ring[index]! - x, ring[index + 1]! - y];
    if (size > 0 && dx * dx + dy * dy < nearest) continue;
    kept[size] = x = ring[index]!;
    kept[size + 1] = y = ring[index + 1]!;
    size += 2;
  }
  if (size >= 6) return kept.slice(0, size);
  const step = 2 * Math.floor(length / 6); // A speck: three of its points show where it is.
  return Float32Array.of(ring[0]!, ring[1]!, ring[step]!, ring[step + 1]!, ring[2 * step]!, ring[2 * step + 1]!);
}

function pathsOf(rings: readonly Float32Array[]): Paths {
  const fill = new Path2D();
  const outline: Stretch[] = [];
  for (const ring of rings) {
    if (ring.length < 6) continue;
    fill.moveTo(ring[0]! + 0.5, ring[1]! + 0.5);
    for (let index = 2; index < ring.length; index += 2) fill.lineTo(ring[index]! + 0.5, ring[index + 1]! + 0.5);
    fill.closePath();
    for (let start = 0; start < ring.length; start += 2 * POINTS_TOGETHER) outline.push(stretchOf(ring, start));
  }
  return { fill, outline };
}

/** Some points of a ring from `start`, and the one after them, so that the stretches meet. */
function stretchOf(ring: Float32Array, start: number): Stretch {
  const path = new Path2D();
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  const end = Math.min(start + 2 * POINTS_TOGETHER, ring.length);
  for (let index = start; index <= end; index += 2) {
    const at = index % ring.length;
    const [x, y] = [ring[at]! + 0.5, ring[at + 1]! + 0.5];
    if (index === start) path.moveTo(x, y);
    else if (at === 0 && start === 0) path.closePath();
    else path.lineTo(x, y);
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  }
  return { box: [x0, y0, x1, y1], path };
}

/** How a shape looks. */
export interface Look {
  color: string;
  /** From 0 to 1. */
  fill: number;
  /** CSS pixels; 0 for no outline. */
  line: number;
  /** Whether a dark or a light line beside it sets it off from the image. */
  cased?: boolean;
  dashed?: boolean;
}

/** Objects of fewer device pixels than this are drawn without an outline. */
const SMALL = 5;

/** Let a context draw in pixels from the image's corner. */
export function toImage(context: CanvasRenderingContext2D, { scale, left, top }: View): void {
  context.setTransform(scale, 0, 0, scale, -left, -top);
}

/** Draw a mask within an area of a canvas. */
export function drawShape(context: CanvasRenderingContext2D, view: View, area: Area, shape: Shape, look: Look, ratio: number): void {
  if (shape.box === null) return;
  const { scale, left, top } = view;
  const room = ((look.cased === true ? 2 : 0) + look.line) * ratio + 1;
  const seen: Box = [
    (area.x + left - room) / scale,
    (area.y + top - room) / scale,
    (area.x + area.width + left + room) / scale,
    (area.y + area.height + top + room) / scale,
  ];
  if (!meet(shape.box, seen)) return;
  const [x0, y0, x1, y1] = shape.box;
  toImage(context, view);
  if (Math.max(x1 - x0, y1 - y0) * scale < SMALL && look.cased !== true) {
    fillSpeck(context, shape.box, look, scale);
    return;
  }
  const paths = shape.paths(detailAt(scale));
  if (look.fill > 0) {
    context.globalAlpha = look.fill;
    context.fillStyle = look.color;
    context.fill(paths.fill, "evenodd");
  }
  if (look.line > 0) strokeShape(context, paths, seen, look, ratio / scale);
  context.globalAlpha = 1;
}

/** `pixel` is the length of a CSS pixel on the canvas. */
function strokeShape(context: CanvasRenderingContext2D, { outline }: Paths, seen: Box, look: Look, pixel: number): void {
  const stretches = outline.filter(({ box }) => meet(box, seen));
  context.globalAlpha = 1;
  context.lineJoin = "bevel"; // Round joins of the corners of pixels would take most of the time, and nobody sees them.
  context.lineCap = look.dashed === true ? "butt" : "square";
  if (look.cased === true) strokeAll(context, stretches, isLight(look.color) ? "#101418" : "#ffffff", (look.line + 2.5) * pixel);
  if (look.dashed === true) context.setLineDash([5 * pixel, 4 * pixel]);
  strokeAll(context, stretches, look.color, look.line * pixel);
  context.setLineDash([]);
}

/** Whether a color, "#rrggbb", is nearer to white than to black. */
function isLight(color: string): boolean {
  const [red, green, blue] = [1, 3, 5].map((place) => parseInt(color.slice(place, place + 2), 16));
  return 0.299 * red! + 0.587 * green! + 0.114 * blue! > 140;
}

function strokeAll(context: CanvasRenderingContext2D, stretches: readonly Stretch[], color: string, width: number): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  for (const { path } of stretches) context.stroke(path);
}

/** An object of a few pixels of the screen: one pixel at least, so that it does not vanish. */
function fillSpeck(context: CanvasRenderingContext2D, [x0, y0, x1, y1]: Box, look: Look, scale: number): void {
  const [width, height] = [Math.max(x1 - x0, 1.5 / scale), Math.max(y1 - y0, 1.5 / scale)];
  context.globalAlpha = 0.9;
  context.fillStyle = look.color;
  context.fillRect(x0, y0, width, height);
  context.globalAlpha = 1;
}

export function meet(a: Box, b: Box): boolean {
  return a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
}
