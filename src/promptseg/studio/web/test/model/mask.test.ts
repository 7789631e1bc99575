import { describe, expect, test } from "vitest";

import { Bitmap } from "../../src/model/mask.ts";
import type { Point } from "../../src/model/types.ts";
import { disc, drawing, drawn, gridOf, partsOf, pixelsOf, random, randomMask, randomPoint, randomSize } from "./naive.ts";

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed);

/** Its box is the smallest, and its bits are those of the box. */
function expectWhole(mask: Bitmap): void {
  const places = pixelsOf(mask).flatMap((pixel, place) => (pixel ? [place] : []));
  const xs = places.map((place) => place % mask.width);
  const ys = places.map((place) => Math.floor(place / mask.width));
  const box = places.length ? [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1] : null;
  expect(mask.box).toEqual(box);
  expect(mask.area).toBe(places.length);
  expect(mask.bits.length).toBe((mask.x1 - mask.x0) * (mask.y1 - mask.y0));
  expect([...mask.bits].every((bit) => bit === 0 || bit === 1)).toBe(true);
}

describe("on random masks", () => {
  test.each(SEEDS)("sets are those of their pixels: %i", (seed) => {
    const next = random(seed);
    const size = randomSize(next);
    const [one, other] = [randomMask(next, size), randomMask(next, size)];
    const [a, b] = [pixelsOf(one), pixelsOf(other)];
    for (const [mask, pixels] of [
      [one.union(other), a.map((bit, i) => bit | b[i]!)],
      [one.subtract(other), a.map((bit, i) => bit & (1 - b[i]!))],
    ] as const) {
      expect(pixelsOf(mask)).toEqual(pixels);
      expectWhole(mask);
    }
    const shared = a.filter((bit, i) => bit && b[i]).length;
    const all = a.filter((bit, i) => bit || b[i]).length;
    expect(one.overlap(other)).toBe(shared);
    expect(one.iou(other)).toBe(all ? shared / all : 1);
    expect(one.equals(other)).toBe(shared === all);
  });

  test.each(SEEDS)("run lengths hold every pixel: %i", (seed) => {
    const mask = randomMask(random(seed));
    const again = Bitmap.fromRuns(mask.toRuns());
    expect(again.equals(mask)).toBe(true);
    expectWhole(again);
  });

  test.each(SEEDS)("a polygon has the pixels whose centers it goes around: %i", (seed) => {
    const next = random(seed);
    const mask = randomMask(next);
    const size: [number, number] = [mask.width, mask.height];
    const points = Array.from({ length: Math.floor(next() * 7) }, () => randomPoint(next, size));
    const inside = gridOf(...size, (x, y) => winding(points, x, y) !== 0);
    const before = pixelsOf(mask);
    for (const on of [true, false]) {
      const painted = mask.withPolygon(points, on);
      expect(pixelsOf(painted)).toEqual(before.map((bit, i) => (inside[i] ? Number(on) : bit)));
      expectWhole(painted);
    }
  });

  test.each(SEEDS)("parts are the connected pixels, the largest first: %i", (seed) => {
    const mask = randomMask(random(seed));
    const parts = mask.components();
    const places = parts.map((part) => pixelsOf(part).flatMap((pixel, place) => (pixel ? [place] : [])));
    const expected = partsOf(pixelsOf(mask), mask.width, 1, true);
    expect(new Set(places.map(String))).toEqual(new Set(expected.map(String)));
    const areas = places.map((part) => part.length);
    expect(areas).toEqual([...areas].sort((one, other) => other - one));
    parts.forEach(expectWhole);
  });

  test.each(SEEDS)("holes are the background that does not reach the image's border: %i", (seed) => {
    const mask = randomMask(random(seed));
    const pixels = pixelsOf(mask);
    const outside = (place: number): boolean => {
      const [x, y] = [place % mask.width, Math.floor(place / mask.width)];
      return x === 0 || y === 0 || x === mask.width - 1 || y === mask.height - 1;
    };
    const holes = partsOf(pixels, mask.width, 0, false).filter((part) => !part.some(outside));
    const all = new Set(holes.flat());
    expect(pixelsOf(mask.filled())).toEqual(pixels.map((bit, i) => (all.has(i) ? 1 : bit)));
    const small = new Set(holes.filter((part) => part.length <= 2).flat());
    expect(pixelsOf(mask.filled(2))).toEqual(pixels.map((bit, i) => (small.has(i) ? 1 : bit)));
    expectWhole(mask.filled());
  });

  test.each(SEEDS)("smoothing changes nothing farther from an edge than the radius: %i", (seed) => {
    const next = random(seed);
    const mask = randomMask(next);
    const pixels = pixelsOf(mask);
    const radius = Math.floor(next() * 8) / 2;
    const isNear = (value: number, x: number, y: number): boolean =>
      pixels.some((bit, i) => bit === value && ((i % mask.width) - x) ** 2 + (Math.floor(i / mask.width) - y) ** 2 <= radius * radius);
    const smoothed = mask.smoothed(radius);
    const differs = gridOf(mask.width, mask.height, (x, y) => smoothed.has(x, y) !== mask.has(x, y));
    const edge = gridOf(mask.width, mask.height, (x, y) => isNear(0, x, y) && isNear(1, x, y));
    expect(differs.filter((bit, i) => bit > edge[i]!)).toEqual([]);
    expectWhole(smoothed);
  });
});

/** How often a polygon goes around a point: by the edges that a ray to the left crosses. A point on an edge to its right is inside. */
function winding(points: Point[], x: number, y: number): number {
  let turns = 0;
  points.forEach(([x0, y0], index) => {
    const [x1, y1] = points[(index + 1) % points.length]!;
    if (y0 <= y === y1 <= y) return;
    const [top, bottom]: [Point, Point] =
      y0 < y1
        ? [
            [x0, y0],
            [x1, y1],
          ]
        : [
            [x1, y1],
            [x0, y0],
          ];
    const crossing = top[0] + ((y - top[1]) * (bottom[0] - top[0])) / (bottom[1] - top[1]);
    if (crossing <= x) turns += y0 < y1 ? 1 : -1;
  });
  return turns;
}

test("an empty mask has no box, and stays empty where nothing is added", () => {
  const empty = Bitmap.empty(7, 5);
  expect(empty.box).toBeNull();
  expect(empty.area).toBe(0);
  expect(empty.components()).toEqual([]);
  for (const mask of [empty.filled(), empty.smoothed(2), empty.subtract(empty), empty.withPolygon([], true)]) {
    expect(mask.isEmpty).toBe(true);
  }
  expect(empty.iou(empty)).toBe(1);
});

test("smoothing rounds bumps and dents off", () => {
  const mask = drawn(
    "..............",
    "..............",
    ".....#........",
    "..##########..",
    "..##########..",
    "..##########..",
    "..##########..",
    "..##########..",
    "..#####.####..",
    "..............",
    "..............",
  );
  expect(drawing(mask.smoothed(2))).toEqual([
    "..............",
    "..............",
    "..............",
    "...########...",
    "..##########..",
    "..##########..",
    "..##########..",
    "..##########..",
    "...########...",
    "..............",
    "..............",
  ]);
});

test("smoothing keeps a thin part, a thin gap and a small mask", () => {
  const lake = drawn(
    "####################",
    "####################",
    "####################",
    "####################",
    "####............####",
    "####################",
    "####################",
    "####################",
    "####################",
  );
  expect(drawing(lake.smoothed(3))).toEqual(drawing(lake));
  const lollipop = drawn(
    ".####...............",
    "######..............",
    "####################",
    "######..............",
    ".####...............",
  );
  expect(lollipop.smoothed(2).has(19, 2)).toBe(true);
  expect(lollipop.smoothed(2).components()).toHaveLength(1);
  const dot = disc([20, 20], [9, 9], 0.5);
  expect(dot.smoothed(5).equals(dot)).toBe(true);
});

test("an edge of the image does not eat a mask that ends there", () => {
  const half = drawn("####....", "####....", "####....");
  expect(drawing(half.smoothed(2))).toEqual(drawing(half));
});

test("what cannot be is refused", () => {
  const mask = Bitmap.empty(4, 3);
  expect(() => mask.union(Bitmap.empty(3, 4))).toThrow("masks of one image are expected, got 4 x 3 and 3 x 4");
  expect(() => mask.withPolygon([[0, 0], [1, Infinity], [2, 2]], true)).toThrow("finite"); // prettier-ignore
  expect(() => mask.smoothed(-1)).toThrow("a radius is from 0 to 100, got -1");
  expect(() => Bitmap.empty(0, 4)).toThrow("an image has from 1");
  expect(() => Bitmap.empty(2 ** 16, 2 ** 16)).toThrow("an image has from 1");
  expect(() => Bitmap.fromBits(4, 3, { x0: 0, y0: 0, x1: 5, y1: 1 }, new Uint8Array(5))).toThrow("not of a part");
  expect(() => Bitmap.fromRuns({ size: [3, 4], counts: "0" })).toThrow("cover 0 pixels, expected 12");
});

test("far points cost nothing and draw what is inside of the image", () => {
  const far = Bitmap.empty(6, 4).withPolygon([[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]], true); // prettier-ignore
  expect(far.area).toBe(24);
});
