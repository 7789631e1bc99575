import { expect, test } from "vitest";

import { Bitmap } from "../../src/model/mask.ts";
import { outline } from "../../src/model/outline.ts";
import { drawn, gridOf, partsOf, pixelsOf, random, randomMask } from "./naive.ts";

test.each(Array.from({ length: 300 }, (_, seed) => seed))("rings go around exactly the pixels of a random mask: %i", (seed) => {
  const mask = randomMask(random(seed));
  const rings = outline(mask);
  const inside = gridOf(mask.width, mask.height, (x, y) => rings.reduce((sum, ring) => sum + turns(ring, x, y), 0) === 1);
  expect(inside).toEqual(pixelsOf(mask));
});

test.each(Array.from({ length: 100 }, (_, seed) => seed))("there is a ring for each part and for each hole: %i", (seed) => {
  const mask = randomMask(random(seed));
  const holes = partsOf(pixelsOf(mask.filled().subtract(mask)), mask.width, 1, false).length;
  expect(outline(mask)).toHaveLength(mask.components().length + holes);
});

test.each(Array.from({ length: 300 }, (_, seed) => seed))("run lengths have the same rings as their pixels: %i", (seed) => {
  const mask = randomMask(random(seed));
  const read = Bitmap.fromRuns(mask.toRuns());
  expect(read.runs).not.toBeNull();
  const { width, height, bits } = mask;
  expect(outline(read)).toEqual(outline(Bitmap.fromBits(width, height, mask, bits.slice())));
});

test("corners are at the edges of pixels, clockwise, and only where the ring turns", () => {
  const mask = drawn("....", ".##.", ".##.", "....");
  expect(outline(mask).map((ring) => [...ring])).toEqual([[0.5, 0.5, 2.5, 0.5, 2.5, 2.5, 0.5, 2.5]]);
});

test("a hole is a ring of its own, counterclockwise", () => {
  const [outer, hole, ...others] = outline(drawn("###", "#.#", "###"));
  expect([...outer!]).toEqual([-0.5, -0.5, 2.5, -0.5, 2.5, 2.5, -0.5, 2.5]);
  expect(area(hole!)).toBe(-1);
  expect(others).toEqual([]);
});

test("pixels that touch at a corner are within one ring", () => {
  expect(outline(drawn("#.", ".#"))).toHaveLength(1);
});

test("an empty mask has no ring", () => {
  expect(outline(Bitmap.empty(5, 5))).toEqual([]);
});

/** Clockwise area, as y goes down. */
function area(ring: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < ring.length; i += 2) {
    const j = (i + 2) % ring.length;
    sum += ring[i]! * ring[j + 1]! - ring[j]! * ring[i + 1]!;
  }
  return sum / 2;
}

/** How often a ring goes around a pixel's center: by its upright edges to the left. */
function turns(ring: Float32Array, x: number, y: number): number {
  let count = 0;
  for (let i = 0; i < ring.length; i += 2) {
    const j = (i + 2) % ring.length;
    const [y0, y1] = [ring[i + 1]!, ring[j + 1]!];
    if (ring[i] === ring[j] && ring[i]! < x && Math.min(y0, y1) < y && y < Math.max(y0, y1)) count += y1 < y0 ? 1 : -1;
  }
  return count;
}
