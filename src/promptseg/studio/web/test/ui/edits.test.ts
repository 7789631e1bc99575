import { describe, expect, test } from "vitest";

import { bitmapOf } from "../../src/canvas/bitmaps.ts";
import { Bitmap } from "../../src/model/mask.ts";
import type { StudioObject } from "../../src/model/types.ts";
import * as edits from "../../src/ui/edits.ts";

const [WIDTH, HEIGHT] = [40, 30];
const empty = Bitmap.empty(WIDTH, HEIGHT);

function rectangle(x0: number, y0: number, x1: number, y1: number): Bitmap {
  return Bitmap.fromBits(WIDTH, HEIGHT, { x0, y0, x1, y1 }, new Uint8Array((x1 - x0) * (y1 - y0)).fill(1));
}

function object(uid: string, mask: Bitmap, more: Partial<StudioObject> = {}): StudioObject {
  const other = { label: null, score: 0.5, source: "model", locked: false, hidden: false, color: null } as const;
  return { ...other, attributes: {}, prompts: [], uid, mask: mask.toRuns(), ...more };
}

const left = object("left", rectangle(0, 0, 10, 10), { label: "cup", prompts: [{ points: [[1, 1]] }], attributes: { size: "big" } });
const right = object("right", rectangle(8, 0, 20, 10), { prompts: [{ points: [[15, 5]] }] });
const locked = object("locked", rectangle(0, 0, 30, 30), { locked: true });

describe("merging", () => {
  test("makes the frontmost object of all, with what it lacks from the others", () => {
    const change = edits.merge([left, right])!;
    expect(change.remove).toEqual(["left"]);
    const [merged] = change.put;
    expect(merged).toMatchObject({ uid: "right", label: "cup", attributes: { size: "big" }, source: "hand", score: null });
    expect(merged!.prompts).toEqual([...left.prompts, ...right.prompts]);
    expect(bitmapOf(merged!.mask).area).toBe(200);
  });

  test("takes the label of the largest, wherever it lies, and tells it where labels differ", () => {
    const large = object("large", rectangle(0, 0, 20, 20), { label: "cup" });
    const small = object("small", rectangle(20, 0, 25, 5), { label: "spoon" });
    expect(edits.merge([large, small])!.put[0]).toMatchObject({ uid: "small", label: "cup" });
    expect(edits.merge([small, large])!.put[0]).toMatchObject({ uid: "large", label: "cup" });
    expect(edits.labelMergedFromSeveral([large, small])).toBe("cup");
    expect(edits.labelMergedFromSeveral([small, right])).toBeNull();
    expect(edits.labelMergedFromSeveral([small, { ...large, locked: true }])).toBeNull();
  });

  test("needs two objects that are not locked", () => {
    expect(edits.merge([left])).toBeNull();
    expect(edits.merge([left, locked])).toBeNull();
  });
});

describe("splitting", () => {
  test("gives the largest part the uid, and the others new ones", () => {
    const both = object("both", rectangle(0, 0, 2, 2).union(rectangle(10, 10, 20, 20)), { label: "cup" });
    const change = edits.split([both, left], () => "new")!;
    expect(change.put.map(({ uid, mask }) => [uid, bitmapOf(mask).area])).toEqual([
      ["both", 100],
      ["new", 4],
    ]);
    expect(change.put[1]!.label).toBe("cup");
  });

  test("of one part is nothing", () => {
    expect(edits.split([left])).toBeNull();
  });
});

describe("changing shapes", () => {
  test("fills holes, and leaves out what has none", () => {
    const holed = object("holed", rectangle(0, 0, 10, 10).subtract(rectangle(4, 4, 6, 6)));
    const change = edits.fillHoles([holed, right])!;
    expect(change.put.map(({ uid, mask }) => [uid, bitmapOf(mask).area])).toEqual([["holed", 100]]);
    expect(change.put[0]!.source).toBe("hand");
  });

  test("cuts the chosen out of the others, and removes what is covered", () => {
    const inside = object("inside", rectangle(1, 1, 3, 3));
    const change = edits.cutOutOfOthers([inside, left, right, locked], [left])!;
    expect(change.remove).toEqual(["inside"]);
    expect(change.put.map(({ uid, mask }) => [uid, bitmapOf(mask).area])).toEqual([["right", 100]]);
  });

  test("smooths a bump away", () => {
    const bumpy = object("bumpy", rectangle(5, 10, 35, 28).union(rectangle(15, 9, 16, 10)));
    expect(bitmapOf(edits.smooth([bumpy])!.put[0]!.mask).has(15, 9)).toBe(false);
  });

  test("removes an object that becomes empty", () => {
    expect(edits.reshape([left], () => empty)).toEqual({ put: [], remove: ["left"] });
  });
});

test("locked objects are not removed, not named, and can be unlocked", () => {
  expect(edits.remove([left, locked])).toEqual({ put: [], remove: ["left"] });
  expect(edits.set([locked], { label: "cup" })).toBeNull();
  expect(edits.toggle([locked], "locked")!.put[0]!.locked).toBe(false);
});

test("setting what is there already is nothing", () => {
  expect(edits.set([left], { label: "cup" })).toBeNull();
  expect(edits.set([left, right], { label: "cup" })!.put.map(({ uid }) => uid)).toEqual(["right"]);
});

test("toggling makes all what the first one is not", () => {
  const hidden = object("hidden", rectangle(0, 0, 2, 2), { hidden: true });
  expect(edits.toggle([left, hidden], "hidden")!.put.map(({ uid, hidden: is }) => [uid, is])).toEqual([["left", true]]);
});

describe("the order", () => {
  const all = ["a", "b", "c", "d"].map((uid) => object(uid, rectangle(0, 0, 2, 2)));
  const order = (change: ReturnType<typeof edits.step>): string | undefined => change?.order?.join("");

  test.each([
    ["b", 1, "acbd"],
    ["b", -1, "bacd"],
    ["bc", 1, "adbc"],
    ["bd", -1, "bdac"],
    ["d", 1, undefined],
    ["a", -1, undefined],
  ] as const)("of %s steps by %i to %s", (chosen, by, expected) => {
    expect(order(edits.step(all, new Set(chosen), by))).toBe(expected);
  });

  test("can be any by moving", () => {
    expect(order(edits.moved(all, new Set("da"), 1))).toBe("badc");
    expect(edits.moved(all, new Set("a"), 0)).toBeNull();
  });
});

test("copies are new objects of images of the same size, free and without prompts", () => {
  const change = edits.copies([locked, left], [HEIGHT, WIDTH], () => "new")!;
  expect(change.put).toHaveLength(2);
  expect(change.put[0]).toMatchObject({ uid: "new", locked: false, prompts: [], source: "hand", score: null });
  expect(edits.copies([left], [WIDTH, HEIGHT])).toBeNull();
});
