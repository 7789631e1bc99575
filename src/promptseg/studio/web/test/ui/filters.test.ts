import { describe, expect, test } from "vitest";

import type { ImageState, ImageSummary } from "../../src/model/types.ts";
import { ALL, areDoubted, countStates, neighbor, nextUndone, shownImages } from "../../src/ui/filters.ts";
import { shortName } from "../../src/ui/names.ts";

function image(key: string, state: ImageState = "new", more: Partial<ImageSummary> = {}): ImageSummary {
  return { key, name: `${key}.jpg`, state, objects: 0, version: 0, doubt: null, error: null, ...more };
}

const images = [
  image("a", "done"),
  image("b", "suggested", { doubt: 0.2, name: "sub/Dog.png" }),
  image("c", "doubt"),
  image("d", "suggested", { doubt: 0.9 }),
  image("e", "new", { error: "truncated" }),
];

function keys(shown: readonly ImageSummary[]): string {
  return shown.map(({ key }) => key).join("");
}

describe("a filter", () => {
  test("shows all in their order at first", () => {
    expect(keys(shownImages(images, ALL))).toBe("abcde");
  });

  test("shows those of a state, and those whose name has a text", () => {
    expect(keys(shownImages(images, { ...ALL, state: "suggested" }))).toBe("bd");
    expect(keys(shownImages(images, { ...ALL, search: " dog" }))).toBe("b");
  });

  test("shows the most doubtful first, and those that no pipeline has seen last", () => {
    expect(keys(shownImages(images, { ...ALL, order: "doubt" }))).toBe("dbace");
    expect(keys(images)).toBe("abcde");
  });
});

test("an order by doubt says something where a pipeline has seen an image", () => {
  expect(areDoubted(images)).toBe(true);
  expect(areDoubted([image("a"), image("b", "doubt")])).toBe(false);
});

test("states are counted", () => {
  expect(countStates(images)).toEqual({ new: 1, started: 0, suggested: 2, doubt: 1, done: 1 });
});

test("a neighbor is in the list that is shown", () => {
  expect(neighbor(images, "b", 1)?.key).toBe("c");
  expect(neighbor(images, "a", -1)).toBeNull();
  expect(neighbor(images, "e", 1)).toBeNull();
  expect(neighbor(images, "elsewhere", 1)?.key).toBe("a");
});

test("the next undone image is searched around, without broken files and without this one", () => {
  expect(nextUndone(images, "b")?.key).toBe("c");
  expect(nextUndone(images, "d")?.key).toBe("b");
  expect(nextUndone([image("a", "done"), image("b")], "b")).toBeNull();
  expect(nextUndone([], null)).toBeNull();
});

test.each([
  ["folder/cup.jpg", "cup"],
  [".hidden", ".hidden"],
  ["000000009483.jpg", "000000009483"],
  ["a-very-long-name-of-an-image_0001.png", "a-ver…mage_0001"],
])("%s is short as %s", (name, short) => {
  expect(shortName(name)).toBe(short);
});
