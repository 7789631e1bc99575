import { expect, test } from "vitest";

import { strokeMask } from "../../src/tools/strokes.ts";
import { disc, distance, gridOf, pixelsOf, random, randomPoint, randomSize } from "../model/naive.ts";

test.each(Array.from({ length: 300 }, (_, seed) => seed))("a stroke has the pixels that are near its way: %i", (seed) => {
  const next = random(seed);
  const size = randomSize(next);
  const path = Array.from({ length: 1 + Math.floor(next() * 4) }, () => randomPoint(next, size));
  const radius = Math.floor(next() * 12) / 2;
  const isNear = (x: number, y: number): boolean =>
    path.some((point, index) => distance([x, y], path[index - 1] ?? point, point) <= radius * radius);
  expect(pixelsOf(strokeMask(path, radius, ...size))).toEqual(gridOf(...size, isNear));
});

test("a single point is a disc, and beside the image there is nothing", () => {
  expect(strokeMask([[50, 50]], 5, 200, 100).equals(disc([200, 100], [50, 50], 5))).toBe(true);
  expect(strokeMask([[-50, 50]], 5, 200, 100).isEmpty).toBe(true);
});

test("what cannot be is refused", () => {
  expect(() => strokeMask([[NaN, 0]], 2, 4, 3)).toThrow("finite");
});

test("far points cost nothing and draw what is inside of the image", () => {
  const far = [[-1e7, 2], [1e7, 2]] as [number, number][]; // prettier-ignore
  expect(strokeMask(far, 0.5, 6, 4).box).toEqual([0, 2, 6, 3]);
});
