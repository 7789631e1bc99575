/** A cut-out of the image: its pixels within masks, with alpha, as a PNG. */

import { drawTiles } from "../canvas/crop.ts";
import type { TileSource } from "../canvas/tiles.ts";
import type { Bitmap } from "../model/mask.ts";

/** Longest side of a cut-out in pixels: a larger one is made smaller. */
const LONGEST = 4096;

export async function cutOut(image: { width: number; height: number; source: TileSource }, mask: Bitmap): Promise<Blob> {
  const { box } = mask;
  if (box === null) throw new Error("the mask is empty");
  const [x0, y0, x1, y1] = box;
  const level = levelFor(Math.max(x1 - x0, y1 - y0), image.source.levels);
  const step = 2 ** level;
  const [width, height] = [Math.ceil((x1 - x0) / step), Math.ceil((y1 - y0) / step)];
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("the browser gives no canvas of this size");
  await drawTiles(context, image, level, box);
  const pixels = context.getImageData(0, 0, width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!mask.has(Math.min(x1 - 1, x0 + x * step), Math.min(y1 - 1, y0 + y * step))) pixels.data[4 * (y * width + x) + 3] = 0;
    }
  }
  context.putImageData(pixels, 0, 0);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob === null ? reject(new Error("the browser made no PNG")) : resolve(blob)), "image/png"),
  );
}

/** The first level on which a side is short enough. */
export function levelFor(side: number, levels: number): number {
  return Math.max(0, Math.min(levels - 1, Math.ceil(Math.log2(side / LONGEST))));
}
