import { expect, test } from "vitest";

import { paletteColor } from "../../src/model/colors.ts";
import { followed, labelOfKey, recolored, renamed, withKey, withLabel, withoutLabel, type LabelProblem } from "../../src/model/labels.ts";
import type { Label } from "../../src/model/types.ts";

function list(...names: string[]): Label[] {
  return names.reduce<Label[]>((labels, name) => withLabel(labels, name), []);
}

function names(labels: Label[]): string[] {
  return labels.map((label) => label.name);
}

test("new labels have the colors of their places and the keys in order", () => {
  expect(list("cup", "  dog ")).toEqual([
    { name: "cup", color: paletteColor(0), key: "1" },
    { name: "dog", color: paletteColor(1), key: "2" },
  ]);
});

test("only nine labels have keys, and a key that became free is given again", () => {
  const ten = list("a", "b", "c", "d", "e", "f", "g", "h", "i", "j");
  expect(ten.map((label) => label.key)).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9", null]);
  expect(withLabel(withoutLabel(ten, "c"), "k").at(-1)?.key).toBe("3");
});

test("a new label takes no color that another one has, as long as the palette has more", () => {
  const labels = list("a", "b", "c", "d", "e", "f");
  const grown = withLabel(withoutLabel(labels, "a"), "g");
  expect(new Set(grown.map((label) => label.color)).size).toBe(6);
});

test("a key goes from one label to the other", () => {
  const labels = withKey(list("cup", "dog"), "dog", "1");
  expect(labels.map((label) => label.key)).toEqual([null, "1"]);
  expect(labelOfKey(labels, "1")?.name).toBe("dog");
  expect(labelOfKey(withKey(labels, "dog", null), "1")).toBeNull();
});

test("labels are renamed, recolored and removed", () => {
  const labels = list("cup", "dog", "cat");
  expect(names(renamed(labels, "dog", "hound"))).toEqual(["cup", "hound", "cat"]);
  expect(renamed(labels, "dog", " dog ")).toEqual(labels);
  expect(recolored(labels, "dog", "#ABCDEF")[1]?.color).toBe("#abcdef");
  expect(names(withoutLabel(labels, "dog"))).toEqual(["cup", "cat"]);
});

test.each<[LabelProblem, (labels: Label[]) => unknown]>([
  ["empty", (labels) => withLabel(labels, "  ")],
  ["long", (labels) => withLabel(labels, "x".repeat(201))],
  ["taken", (labels) => withLabel(labels, "cup ")],
  ["taken", (labels) => withLabel([...labels, { name: "é", color: "#000000", key: null }], "e\u0301")],
  ["taken", (labels) => renamed(labels, "dog", "cup")],
  ["color", (labels) => recolored(labels, "cup", "red")],
  ["key", (labels) => withKey(labels, "cup", "0")],
])("a label that cannot be is refused: %s", (problem, change) => {
  expect(() => change(list("cup", "dog"))).toThrow(expect.objectContaining({ name: "LabelError", problem }));
});

test("a change of the list is followed in a list that others have changed since", () => {
  const [cup, mug, plate] = [
    { name: "cup", color: "#ff0000", key: "1" },
    { name: "mug", color: "#ff0000", key: "1" },
    { name: "plate", color: "#00ff00", key: "2" },
  ];
  expect(followed([plate, mug], [mug], [cup])).toEqual([cup, plate]);
  expect(followed([{ ...plate, key: "1" }], [], [cup])).toEqual([cup, { ...plate, key: null }]);
  expect(followed([cup, plate], [cup], [{ ...cup, key: "2" }])).toEqual([
    { ...cup, key: "2" },
    { ...plate, key: null },
  ]);
  expect(followed([plate], [cup], [])).toEqual([plate]);
});
