import { describe, expect, test } from "vitest";

import { COLORS, isColor, labelColor, objectColor, paletteColor } from "../../src/model/colors.ts";
import vectors from "../vectors/colors.json";

describe("against the library", () => {
  test("the palette has the same colors", () => {
    expect(vectors.palette.map((_, index) => paletteColor(index))).toEqual(vectors.palette);
    expect(vectors.palette).toHaveLength(2 * COLORS);
  });

  test.each(vectors.labels)("$name has the same color", ({ order, name, color }) => {
    expect(labelColor(name, order)).toBe(color);
  });
});

describe("an object", () => {
  const labels = [{ name: "cup", color: "#123456", key: null }];

  test("has its own color before that of its label, and that of its label before others", () => {
    expect(objectColor({ uid: "a", label: "cup", color: "#abcdef" }, labels)).toBe("#abcdef");
    expect(objectColor({ uid: "a", label: "cup", color: null }, labels)).toBe("#123456");
    expect(objectColor({ uid: "a", label: "dog", color: null }, labels)).toBe(labelColor("dog", ["cup"]));
  });

  test("without a label has a color of the palette that stays", () => {
    const colors = Array.from({ length: 40 }, (_, index) => objectColor({ uid: `uid ${index}`, label: null, color: null }, labels));
    expect(colors).toEqual(Array.from({ length: 40 }, (_, index) => objectColor({ uid: `uid ${index}`, label: null, color: null }, [])));
    expect(new Set(colors).size).toBeGreaterThan(10);
    expect(colors.every((color) => vectors.palette.includes(color))).toBe(true);
  });
});

test("a color is six hexadecimal digits", () => {
  expect(["#a0B1c2", "#000000"].every(isColor)).toBe(true);
  expect(["red", "#fff", "#12345g", "#1234567", "", "url(x)"].some(isColor)).toBe(false);
});
