/** The pixels that a brush covers on its way. */

import { Bitmap } from "../model/mask.ts";
import { strokeSpans } from "../model/spans.ts";
import type { Point } from "../model/types.ts";

/** The mask of a round brush that went along a path. */
export function strokeMask(path: readonly Point[], radius: number, width: number, height: number): Bitmap {
  const pieces = path.map((point, index) => strokeSpans(path[index - 1] ?? point, point, radius, width, height));
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (const spans of pieces) {
    for (let index = 0; index < spans.length; index += 3) {
      [x0, x1] = [Math.min(x0, spans[index + 1]!), Math.max(x1, spans[index + 2]!)];
      [y0, y1] = [Math.min(y0, spans[index]!), Math.max(y1, spans[index]! + 1)];
    }
  }
  if (x0 >= x1) return Bitmap.empty(width, height);
  const bits = new Uint8Array((x1 - x0) * (y1 - y0));
  for (const spans of pieces) {
    for (let index = 0; index < spans.length; index += 3) {
      const row = (spans[index]! - y0) * (x1 - x0) - x0;
      bits.fill(1, row + spans[index + 1]!, row + spans[index + 2]!);
    }
  }
  return Bitmap.fromBits(width, height, { x0, y0, x1, y1 }, bits);
}
