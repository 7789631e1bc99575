import { describe, expect, test } from "vitest";

import { hasNotches, pinched, zoomOf } from "../../src/canvas/pointer.ts";

describe("a wheel", () => {
  test("with notches zooms by a quarter, and back", () => {
    expect(zoomOf({ deltaMode: 0, deltaX: 0, deltaY: -120 })).toBe(1.25);
    expect(zoomOf({ deltaMode: 1, deltaX: 0, deltaY: 3 }) * 1.25).toBeCloseTo(1);
  });

  test("is told from a touchpad by its deltas", () => {
    expect(hasNotches({ deltaMode: 1, deltaX: 0, deltaY: 1 })).toBe(true);
    expect(hasNotches({ deltaMode: 0, deltaX: 0, deltaY: 120 })).toBe(true);
    expect(hasNotches({ deltaMode: 0, deltaX: 0, deltaY: 4 })).toBe(false);
    expect(hasNotches({ deltaMode: 0, deltaX: 3, deltaY: 120 })).toBe(false);
  });
});

describe("a pinch", () => {
  test("on a touchpad zooms by as much as its deltas add up to", () => {
    const twice = zoomOf({ deltaMode: 0, deltaX: 0, deltaY: -5 }) ** 2;
    expect(twice).toBeCloseTo(zoomOf({ deltaMode: 0, deltaX: 0, deltaY: -10 }));
    expect(twice).toBeGreaterThan(1);
  });

  test("of two fingers zooms about the point between them, and moves with it", () => {
    const { factor, at, by } = pinched(
      [
        [0, 0],
        [10, 0],
      ],
      [
        [10, 5],
        [30, 5],
      ],
    );
    expect(factor).toBe(2);
    expect(at).toEqual([20, 5]);
    expect(by).toEqual([15, 5]);
  });

  test("of fingers at one place does not divide by nothing", () => {
    expect(
      pinched(
        [
          [5, 5],
          [5, 5],
        ],
        [
          [5, 5],
          [5, 5],
        ],
      ).factor,
    ).toBe(1);
  });
});
