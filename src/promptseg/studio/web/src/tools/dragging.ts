/** Boxes that are dragged. */

import type { Box, Point } from "../model/types.ts";
import type { Size } from "../canvas/viewport.ts";

/** CSS pixels that a drag must go: less is a click. */
export const LEAST_DRAG = 4;

/** The box between two points of the image, as a prompt has it: half-open from the image's corner, and inside of the image. */
export function boxBetween([ax, ay]: Point, [bx, by]: Point, { width, height }: Size): Box {
  const across = (x: number): number => round(Math.min(width, Math.max(0, x + 0.5)));
  const down = (y: number): number => round(Math.min(height, Math.max(0, y + 0.5)));
  return [across(Math.min(ax, bx)), down(Math.min(ay, by)), across(Math.max(ax, bx)), down(Math.max(ay, by))];
}

export function isDrag(from: Point, to: Point): boolean {
  return Math.hypot(to[0] - from[0], to[1] - from[1]) >= LEAST_DRAG;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
