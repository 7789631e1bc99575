import { describe, expect, test } from "vitest";

import { Bitmap } from "../../src/model/mask.ts";
import { decodeCounts, encodeCounts, MOST_PIXELS } from "../../src/model/runs.ts";
import vectors from "../vectors/runs.json";

describe("against pycocotools", () => {
  test.each(vectors)("a mask of $size", ({ size, runs, counts }) => {
    expect([...decodeCounts(counts, size[0]! * size[1]!)]).toEqual(runs);
    expect(encodeCounts(runs)).toBe(counts);
  });

  test.each(vectors.filter(({ size }) => size[0]! * size[1]! < 1e7))("a bitmap of $size keeps the string", ({ size, counts }) => {
    expect(Bitmap.fromRuns({ size: [size[0]!, size[1]!], counts }).toRuns()).toEqual({ size, counts });
  });
});

describe("what is no mask is refused", () => {
  test.each([
    ["", 4, "cover 0 pixels, expected 4"],
    ["3", 4, "cover 3 pixels, expected 4"],
    ["5", 4, "a run of 5 pixels"],
    ["4O", 4, "a run of -1 pixels"],
    ["2/", 4, "has a character that is none"],
    ["2p", 4, "has a character that is none"],
    ["2é", 4, "has a character that is none"],
    ["T", 4, "end within a number"],
    ["PPPPPPPP1", 4, "more than 7 characters"],
    ["oooooo?", 4, "a run of"],
  ])("%j of %i pixels", (counts, pixels, reason) => {
    expect(() => decodeCounts(counts, pixels)).toThrow(RangeError);
    expect(() => decodeCounts(counts, pixels)).toThrow(reason.replace("has a", "have a"));
  });

  test.each([0, -1, 1.5, NaN, MOST_PIXELS + 1])("an image of %d pixels", (pixels) => {
    expect(() => decodeCounts("0", pixels)).toThrow("an image has from 1");
  });

  test("empty runs in the middle are read as what they say", () => {
    expect([...decodeCounts(encodeCounts([2, 0, 2]), 4)]).toEqual([2, 0, 2]);
    expect(Bitmap.fromRuns({ size: [2, 2], counts: encodeCounts([2, 0, 2]) }).isEmpty).toBe(true);
  });
});
