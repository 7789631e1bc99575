/** Slow and plain counterparts of `Bitmap`, and random data, for comparison. */
import { Bitmap } from "../../src/model/mask.ts";
import type { Point } from "../../src/model/types.ts";

/** All pixels of a mask, row by row. */
export function pixelsOf(mask: Bitmap): number[] {
  return gridOf(mask.width, mask.height, (x, y) => mask.has(x, y));
}

export function gridOf(width: number, height: number, inside: (x: number, y: number) => boolean): number[] {
  const pixels: number[] = [];
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) pixels.push(inside(x, y) ? 1 : 0);
  return pixels;
}

/** A mask of a drawing: "#" is in, and all rows have one length. */
export function drawn(...rows: string[]): Bitmap {
  const width = rows[0]?.length ?? 0;
  const bits = Uint8Array.from(rows.join(""), (character) => (character === "#" ? 1 : 0));
  return Bitmap.fromBits(width, rows.length, { x0: 0, y0: 0, x1: width, y1: rows.length }, bits);
}

/** The drawing of a mask. */
export function drawing(mask: Bitmap): string[] {
  const characters = pixelsOf(mask).map((pixel) => (pixel ? "#" : "."));
  return Array.from({ length: mask.height }, (_, y) => characters.slice(y * mask.width, (y + 1) * mask.width).join(""));
}

/** The pixels that are at most `radius` from a point. */
export function disc([width, height]: [number, number], [x, y]: Point, radius: number): Bitmap {
  const pixels = gridOf(width, height, (column, row) => (column - x) ** 2 + (row - y) ** 2 <= radius * radius);
  return Bitmap.fromBits(width, height, { x0: 0, y0: 0, x1: width, y1: height }, Uint8Array.from(pixels));
}

/** Squared distance to a line. */
export function distance([x, y]: Point, from: Point, to: Point): number {
  const [ax, ay] = [to[0] - from[0], to[1] - from[1]];
  const squared = ax * ax + ay * ay;
  const share = squared ? Math.min(1, Math.max(0, ((x - from[0]) * ax + (y - from[1]) * ay) / squared)) : 0;
  return (x - from[0] - share * ax) ** 2 + (y - from[1] - share * ay) ** 2;
}

/** Random numbers from 0 to 1 that are the same in every run (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A mask of blobs and single pixels, at times empty or full, in an image of up to 23 x 19 pixels unless a size is given. */
export function randomMask(next: () => number, size?: [number, number]): Bitmap {
  const [width, height] = size ?? randomSize(next);
  const share = Math.floor(next() * 5) / 4;
  const noise = Uint8Array.from({ length: width * height }, () => (next() < share ? 1 : 0));
  const place = { x0: 0, y0: 0, x1: width, y1: height };
  const mask = Bitmap.fromBits(width, height, place, noise);
  if (next() < 0.5) return mask;
  const blob = disc([width, height], randomPoint(next, [width, height]), 1 + next() * 6);
  return mask.subtract(mask.subtract(blob));
}

export function randomSize(next: () => number): [number, number] {
  return [1 + Math.floor(next() * 23), 1 + Math.floor(next() * 19)];
}

/** A point in or around an image; half of them are whole numbers, where ties are. */
export function randomPoint(next: () => number, [width, height]: [number, number]): Point {
  const point: Point = [next() * (width + 8) - 4, next() * (height + 8) - 4];
  return next() < 0.5 ? point : [Math.round(point[0]), Math.round(point[1])];
}

/** The parts of a set of pixels, as sorted places. `corners`: whether pixels that touch at a corner are connected. */
export function partsOf(pixels: number[], width: number, value: number, corners: boolean): number[][] {
  const height = pixels.length / width;
  const seen = new Set<number>();
  const parts: number[][] = [];
  for (let start = 0; start < pixels.length; start++) {
    if (pixels[start] !== value || seen.has(start)) continue;
    const part = [start];
    seen.add(start);
    for (const place of part) {
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          const [x, y] = [(place % width) + dx, Math.floor(place / width) + dy];
          const next = y * width + x;
          if ((!corners && dx !== 0 && dy !== 0) || x < 0 || y < 0 || x >= width || y >= height) continue;
          if (pixels[next] !== value || seen.has(next)) continue;
          seen.add(next);
          part.push(next);
        }
      }
    }
    parts.push(part.sort((one, other) => one - other));
  }
  return parts;
}
