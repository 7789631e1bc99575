import type { Bitmap } from "./mask.ts";
import { outlineOfRuns } from "./outline_of_runs.ts";

/**
 * The edges of a mask as closed rings of corners, x and y in turn, in pixels of the image: pixel (0, 0) is from -0.5 to 0.5.
 *
 * The mask is to the right of each ring, in the direction of its corners: around a part clockwise, around a hole counterclockwise. Filled by
 * either rule, the rings cover exactly the pixels of the mask. Pixels that touch at a corner are within one ring.
 */
export function outline(mask: Bitmap): Float32Array[] {
  return mask.runs === null ? outlineOfPixels(mask) : outlineOfRuns(mask.runs, mask.height, mask);
}

function outlineOfPixels(mask: Bitmap): Float32Array[] {
  const columns = mask.x1 - mask.x0 + 2; // One empty pixel around the mask, so that no edge is at the end.
  const rows = mask.y1 - mask.y0 + 2;
  const pixels = withBorder(mask, columns, rows);
  const rings: Float32Array[] = [];
  for (let y = 1; y < rows - 1; y++) {
    for (let place = y * columns + 1, end = (y + 1) * columns - 1; place < end; place++) {
      if (pixels[place] === ON && pixels[place - columns] === OFF) {
        rings.push(ringFrom(pixels, columns, place, mask.x0 - 1.5, mask.y0 - 1.5));
      }
    }
  }
  return rings;
}

const OFF = 0;
const ON = 1;
/** A pixel of the mask whose upper edge is in a ring. */
const SEEN = 2;

/** Follows the edges of the mask from the upper left corner of a pixel, to the right. */
function ringFrom(pixels: Uint8Array, columns: number, start: number, shiftX: number, shiftY: number): Float32Array {
  const corners: number[] = [];
  // Steps to the right, down, left and up. Seen along each, these are the pixels ahead of a corner to the left and to the right, and the
  // corner is named after the pixel that it is the upper left of.
  const steps = [1, columns, -1, -columns];
  const leftAhead = [-columns, 0, -1, -columns - 1];
  const rightAhead = [0, -1, -columns - 1, -columns];
  let corner = start;
  let direction = 0;
  do {
    corners.push((corner % columns) + shiftX, Math.floor(corner / columns) + shiftY);
    const before = direction;
    while (direction === before) {
      if (direction === 0) pixels[corner] = SEEN;
      corner += steps[direction]!;
      if (pixels[corner + leftAhead[direction]!] !== OFF) direction = (direction + 3) % 4;
      else if (pixels[corner + rightAhead[direction]!] === OFF) direction = (direction + 1) % 4;
    }
  } while (corner !== start || direction !== 0);
  return Float32Array.from(corners);
}

function withBorder(mask: Bitmap, columns: number, rows: number): Uint8Array {
  const pixels = new Uint8Array(columns * rows);
  for (let y = 1; y < rows - 1; y++) {
    const row = (y - 1) * (columns - 2);
    pixels.set(mask.bits.subarray(row, row + columns - 2), y * columns + 1);
  }
  return pixels;
}
