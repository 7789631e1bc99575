import { expect, test } from "vitest";

import { blocksOf, contains, shared, uncovered, type Area } from "../../src/canvas/areas.ts";

/** How often each pixel of a 7 x 5 canvas is covered. */
function covered(areas: readonly Area[]): number[][] {
  const counts = Array.from({ length: 5 }, () => Array<number>(7).fill(0));
  for (const { x, y, width, height } of areas) {
    for (let row = y; row < y + height; row++) for (let column = x; column < x + width; column++) counts[row]![column]!++;
  }
  return counts;
}

test("areas share what is in both", () => {
  expect(shared({ x: 0, y: 0, width: 4, height: 4 }, { x: 2, y: 3, width: 9, height: 9 })).toEqual({ x: 2, y: 3, width: 2, height: 1 });
  expect(shared({ x: 0, y: 0, width: 4, height: 4 }, { x: 4, y: 0, width: 1, height: 1 })).toBeNull();
});

test("an area contains itself, and nothing that reaches out of it", () => {
  const area = { x: 1, y: 1, width: 3, height: 3 };
  expect(contains(area, area)).toBe(true);
  expect(contains(area, { ...area, width: 4 })).toBe(false);
});

test("blocks cover an area once", () => {
  const blocks = blocksOf({ x: 0, y: 0, width: 7, height: 5 }, 3);
  expect(blocks).toHaveLength(6);
  expect(covered(blocks).flat()).toEqual(Array(35).fill(1));
});

test.each([
  [2, 0],
  [-2, 0],
  [0, 1],
  [3, -2],
  [-1, 4],
  [9, 0],
])("what is new after a move by (%i, %i) is covered once, and nothing else", (x, y) => {
  const counts = covered(uncovered(7, 5, x, y));
  counts.forEach((row, j) =>
    row.forEach((count, i) => {
      const was = i - x >= 0 && i - x < 7 && j - y >= 0 && j - y < 5;
      expect(count).toBe(was ? 0 : 1);
    }),
  );
});
