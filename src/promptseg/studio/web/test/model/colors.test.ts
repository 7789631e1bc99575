import { describe, expect, test } from "vitest";

import { COLORS, isColor, labelColor, objectColor, paletteColor, textColorOn } from "../../src/model/colors.ts";
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

test("text on a color has a contrast of at least 4.5", () => {
  const luminance = (color: string): number => {
    const parts = [1, 3, 5].map((place) => parseInt(color.slice(place, place + 2), 16) / 255);
    const [red, green, blue] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  for (const color of [...vectors.palette, "#000000", "#ffffff", "#777777"]) {
    const [low, high] = [luminance(color), luminance(textColorOn(color))].sort((one, other) => one - other);
    expect((high! + 0.05) / (low! + 0.05), color).toBeGreaterThan(4.5);
  }
});

test("a color is six hexadecimal digits", () => {
  expect(["#a0B1c2", "#000000"].every(isColor)).toBe(true);
  expect(["red", "#fff", "#12345g", "#1234567", "", "url(x)"].some(isColor)).toBe(false);
});
