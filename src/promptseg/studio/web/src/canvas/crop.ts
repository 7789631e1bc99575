/** A part of an image on a canvas of its own: for cut-outs and small pictures. */

import type { Box } from "../model/types.ts";
import { tilesIn, type TileSource } from "./tiles.ts";
import type { Size } from "./viewport.ts";

/** Draw the tiles of a level that a box touches. In the context, a unit is a pixel of the level, from the corner of the box. */
export async function drawTiles(
  context: CanvasRenderingContext2D,
  image: Size & { source: TileSource },
  level: number,
  box: Box,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  const { source } = image;
  const step = source.size * 2 ** level;
  await Promise.all(
    tilesIn(box, level, source.size, image).map(async ({ column, row }) => {
      const tile = await source.load(level, column, row, signal);
      context.drawImage(tile, (column * step - box[0]) / 2 ** level, (row * step - box[1]) / 2 ** level);
      tile.close();
    }),
  );
}

/** The smallest box of a shape, width by height, around another box, with some room; where it fits, it lies in the image. */
export function framed([x0, y0, x1, y1]: Box, shape: number, image: Size): Box {
  const room = 1.3 * Math.max(x1 - x0, (y1 - y0) * shape, 16 * shape);
  const width = Math.min(room, Math.max(image.width, image.height * shape));
  const height = width / shape;
  const within = (middle: number, length: number, most: number): number =>
    length >= most ? (most - length) / 2 : Math.max(0, Math.min(middle - length / 2, most - length));
  const left = within((x0 + x1) / 2, width, image.width);
  const top = within((y0 + y1) / 2, height, image.height);
  return [left, top, left + width, top + height];
}
