import { describe, expect, test } from "vitest";

import { coarser, detailAt } from "../../src/canvas/shapes.ts";

describe("the level of detail", () => {
  test("is exact until two pixels of the image are one of the screen", () => {
    expect([64, 1, 0.51, 0.5, 0.3, 0.25, 0.1].map(detailAt)).toEqual([0, 0, 0, 1, 1, 2, 3]);
  });

  test("has an end", () => {
    expect(detailAt(1e-9)).toBe(12);
  });
});

describe("a coarser outline", () => {
  const stairs = Float32Array.from(Array.from({ length: 200 }, (_, index) => [Math.floor(index / 2), Math.floor((index + 1) / 2)]).flat());

  test("has fewer points, none farther than the distance from what it left out", () => {
    const coarse = coarser(stairs, 5);
    expect(coarse.length).toBeLessThan(stairs.length / 4);
    for (let index = 0; index < stairs.length; index += 2) {
      let least = Infinity;
      for (let other = 0; other < coarse.length; other += 2) {
        least = Math.min(least, Math.hypot(stairs[index]! - coarse[other]!, stairs[index + 1]! - coarse[other + 1]!));
      }
      expect(least).toBeLessThanOrEqual(5);
    }
  });

  test("keeps the corners of a large square", () => {
    const square = Float32Array.of(0, 0, 100, 0, 100, 100, 0, 100);
    expect([...coarser(square, 5)]).toEqual([...square]);
  });

  test("of a speck is three points of it", () => {
    expect(coarser(Float32Array.of(0, 0, 1, 0, 1, 1, 0, 1), 50)).toHaveLength(6);
  });
});
