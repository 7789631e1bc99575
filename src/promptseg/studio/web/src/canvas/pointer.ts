/** What a pointer does on the stage: mouse, pen, finger, or the crosshair that keys move. */

import type { Point } from "../model/types.ts";

/** A pointer on the stage. */
export interface StagePointer {
  /** Where it is, in pixels of the image; it may be beside the image. */
  at: Point;
  /** CSS pixels from the corner of the stage. */
  screen: Point;
  /** Where it has been since the last event, in pixels of the image; `at` is the last. */
  path: Point[];
  /** 0 is the main one, 2 the other one. */
  button: number;
  shift: boolean;
  alt: boolean;
  /** Ctrl or ⌘. */
  control: boolean;
  /** From 0 to 1; 0.5 where it is not measured. */
  pressure: number;
  kind: "mouse" | "pen" | "touch" | "keyboard";
}

/** A key that was pressed while the stage had the focus. */
export interface StageKey {
  key: string;
  shift: boolean;
  alt: boolean;
  control: boolean;
}

/** Where a menu is asked for. */
export interface StageMenu {
  /** In pixels of the image; null where keys ask for it without a crosshair. */
  at: Point | null;
  /** CSS pixels from the corner of the stage. */
  screen: Point;
}

/** Whether a wheel event comes from a wheel with notches, not from a touchpad, whose deltas are small or go both ways. */
export function hasNotches(event: Pick<WheelEvent, "deltaMode" | "deltaX" | "deltaY">): boolean {
  if (event.deltaMode !== 0) return true;
  return event.deltaX === 0 && Math.abs(event.deltaY) >= 100 && Number.isInteger(event.deltaY);
}

/** How much nearer a wheel event brings the image: a notch a quarter, a pinch as much as the fingers spread. */
export function zoomOf(event: Pick<WheelEvent, "deltaMode" | "deltaX" | "deltaY">): number {
  if (hasNotches(event)) return event.deltaY < 0 ? 1.25 : 0.8;
  return Math.exp(-Math.max(-50, Math.min(50, event.deltaY)) / 100);
}

/** What two fingers did: moved by pixels, spread by a factor about the point between them. */
export function pinched(before: readonly [Point, Point], after: readonly [Point, Point]): { factor: number; at: Point; by: Point } {
  const [from, at] = [between(before), between(after)];
  const factor = Math.max(1, apart(after)) / Math.max(1, apart(before));
  return { factor, at, by: [at[0] - from[0], at[1] - from[1]] };
}

function between([a, b]: readonly [Point, Point]): Point {
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}

function apart([a, b]: readonly [Point, Point]): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
