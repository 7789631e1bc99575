/** The marks of a prompt over the image: points, boxes, lassos, the crosshair. They keep their size at every zoom. */

import type { Box, Point } from "../model/types.ts";
import type { Viewport } from "./viewport.ts";

/** Coordinates are those of the image. A lasso that takes away is drawn like a background point. */
export type Mark =
  | { kind: "point"; at: Point; foreground: boolean }
  | { kind: "box"; box: Box; color?: string }
  | { kind: "lasso"; path: readonly Point[]; adds: boolean }
  | { kind: "crosshair"; at: Point };

const POINT_RADIUS = 7;
const CROSSHAIR = 14;
// Told apart by their sign as well, so the colors need not be seen.
const FOREGROUND = "#0a7d33";
const BACKGROUND = "#c81e3a";
const LIGHT = "#ffffff";
const DARK = "#101418";

/** Draw the marks on a canvas of the screen's size, whose context is in CSS pixels. */
export function drawMarks(context: CanvasRenderingContext2D, viewport: Viewport, marks: readonly Mark[]): void {
  for (const mark of marks) {
    switch (mark.kind) {
      case "point":
        drawPoint(context, viewport.toScreen(mark.at), mark.foreground);
        break;
      case "box":
        drawBox(context, viewport, mark.box, mark.color ?? FOREGROUND);
        break;
      case "lasso":
        drawLasso(context, viewport, mark.path, mark.adds);
        break;
      case "crosshair":
        drawCrosshair(context, viewport.toScreen(mark.at));
        break;
    }
  }
}

function drawPoint(context: CanvasRenderingContext2D, [x, y]: Point, foreground: boolean): void {
  context.beginPath();
  context.arc(x, y, POINT_RADIUS + 1.5, 0, 2 * Math.PI);
  context.fillStyle = LIGHT;
  context.fill();
  context.beginPath();
  context.arc(x, y, POINT_RADIUS, 0, 2 * Math.PI);
  context.fillStyle = foreground ? FOREGROUND : BACKGROUND;
  context.fill();
  context.beginPath();
  context.moveTo(x - 4, y);
  context.lineTo(x + 4, y);
  if (foreground) {
    context.moveTo(x, y - 4);
    context.lineTo(x, y + 4);
  }
  context.strokeStyle = LIGHT;
  context.lineWidth = 2;
  context.lineCap = "round";
  context.stroke();
}

function drawBox(context: CanvasRenderingContext2D, viewport: Viewport, [x0, y0, x1, y1]: Box, color: string): void {
  // A box is half-open: its corners are corners of pixels.
  const [left, top] = viewport.toScreen([x0 - 0.5, y0 - 0.5]);
  const [right, bottom] = viewport.toScreen([x1 - 0.5, y1 - 0.5]);
  const path = new Path2D();
  path.rect(left, top, right - left, bottom - top);
  strokeSetOff(context, path, color);
}

function drawLasso(context: CanvasRenderingContext2D, viewport: Viewport, points: readonly Point[], adds: boolean): void {
  const path = new Path2D();
  points.forEach((point, index) => {
    const [x, y] = viewport.toScreen(point);
    if (index === 0) path.moveTo(x, y);
    else path.lineTo(x, y);
  });
  context.globalAlpha = 0.2;
  context.fillStyle = adds ? FOREGROUND : BACKGROUND;
  context.fill(path, "evenodd");
  context.globalAlpha = 1;
  strokeSetOff(context, path, adds ? FOREGROUND : BACKGROUND);
}

function drawCrosshair(context: CanvasRenderingContext2D, [x, y]: Point): void {
  const path = new Path2D();
  for (const [across, down] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    path.moveTo(x + 4 * across, y + 4 * down);
    path.lineTo(x + CROSSHAIR * across, y + CROSSHAIR * down);
  }
  strokeSetOff(context, path, DARK);
}

/** A colored line with a light and a dark rim, which is seen on any image. */
function strokeSetOff(context: CanvasRenderingContext2D, path: Path2D, color: string): void {
  context.lineCap = context.lineJoin = "round";
  for (const [style, width] of [
    [DARK, 5],
    [LIGHT, 3.5],
    [color, 1.5],
  ] as const) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.stroke(path);
  }
}
