/** What a canvas shows of a mask, read back: for tests. */

import { Bitmap } from "../model/mask.ts";
import type { View } from "./layer.ts";
import { drawShape, shapeOf } from "./shapes.ts";

/** The mask that a canvas shows where a mask is drawn on it in the way of the stage, unzoomed. */
export function readMask(document: Document, bitmap: Bitmap): Bitmap {
  const { box } = bitmap;
  if (box === null) return Bitmap.empty(bitmap.width, bitmap.height);
  const [x0, y0, x1, y1] = box;
  const [width, height] = [x1 - x0, y1 - y0];
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("the browser gives no 2D canvas");
  const view: View = { scale: 1, left: x0, top: y0 };
  drawShape(context, view, { x: 0, y: 0, width, height }, shapeOf(bitmap), { color: "#ffffff", fill: 1, line: 0 }, 1);
  const { data } = context.getImageData(0, 0, width, height);
  const bits = new Uint8Array(width * height);
  for (let index = 0; index < bits.length; index++) bits[index] = data[4 * index + 3]! > 127 ? 1 : 0;
  return Bitmap.fromBits(bitmap.width, bitmap.height, { x0, y0, x1, y1 }, bits);
}
