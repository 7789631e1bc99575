/** A small picture of an object on its image. */

import { bitmapOf } from "../canvas/bitmaps.ts";
import { drawTiles, framed } from "../canvas/crop.ts";
import { drawShape, shapeOf } from "../canvas/shapes.ts";
import type { StageImage } from "../canvas/stage.ts";
import { levelAt } from "../canvas/tiles.ts";
import type { Box, RunLengths } from "../model/types.ts";
import { h } from "./dom.ts";

/** CSS pixels of a picture. */
const WIDTH = 216;
const HEIGHT = 144;

/** A picture of a mask in a color. `around` is what it shows at least; without an image the mask is shown alone. */
export function preview(mask: RunLengths, color: string, around: Box, image: Promise<StageImage | null>): HTMLCanvasElement {
  const ratio = Math.min(2, devicePixelRatio || 1);
  const canvas = h("canvas", { class: "preview", attrs: { width: WIDTH * ratio, height: HEIGHT * ratio, "aria-hidden": "true" } });
  const context = canvas.getContext("2d");
  if (context === null) return canvas;
  const bitmap = bitmapOf(mask);
  const box = framed(around, WIDTH / HEIGHT, bitmap);
  const scale = canvas.width / (box[2] - box[0]);
  const drawMask = (): void => {
    const view = { scale, left: box[0] * scale, top: box[1] * scale };
    const area = { x: 0, y: 0, width: canvas.width, height: canvas.height };
    drawShape(context, view, area, shapeOf(bitmap), { color, fill: 0.4, line: 1.5, cased: true }, ratio);
  };
  drawMask();
  void image
    .then(async (shown) => {
      if (shown === null) return;
      const level = levelAt(scale, shown.source.levels);
      context.setTransform(scale * 2 ** level, 0, 0, scale * 2 ** level, 0, 0);
      await drawTiles(context, shown, level, box);
      drawMask();
    })
    .catch(() => undefined); // The mask can be told without its image.
  return canvas;
}
