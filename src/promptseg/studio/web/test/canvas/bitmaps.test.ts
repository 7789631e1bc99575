import { expect, test } from "vitest";

import { bitmapOf, runsOf, ShownObjects } from "../../src/canvas/bitmaps.ts";
import { disc } from "../model/naive.ts";
import { object } from "../tools/fake.ts";

const mask = disc([20, 10], [8, 5], 3);

test("run lengths are decoded once", () => {
  const runs = mask.toRuns();
  expect(bitmapOf(runs)).toBe(bitmapOf(runs));
  expect(bitmapOf(runs).equals(mask)).toBe(true);
});

test("run lengths that were made here are not decoded", () => {
  expect(bitmapOf(runsOf(mask))).toBe(mask);
});

test("objects that the server sent anew are shown as the same masks, changed ones are not", () => {
  const shown = new ShownObjects();
  const color = (): string => "#123456";
  const [first, second] = [object("a", mask), object("b", mask)];
  const before = shown.of([first, second], color);
  const changed = { ...second, mask: mask.union(disc([20, 10], [15, 5], 1)).toRuns() };
  const after = shown.of([{ ...first, mask: { ...first.mask } }, changed], color);
  expect(after[0]!.bitmap).toBe(before[0]!.bitmap);
  expect(after[1]!.bitmap).not.toBe(before[1]!.bitmap);
});

test("an object's own color is more than its label's", () => {
  const shown = new ShownObjects();
  const objects = [
    { ...object("a", mask), color: "#ff0000" },
    { ...object("b", mask), label: "cat" },
  ];
  expect(shown.of(objects, (label) => (label === "cat" ? "#00ff00" : "#000000")).map(({ color }) => color)).toEqual(["#ff0000", "#00ff00"]);
});
