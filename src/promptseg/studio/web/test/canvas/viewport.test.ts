import { describe, expect, test, vi } from "vitest";

import { MOST_SCALE, Viewport } from "../../src/canvas/viewport.ts";
import type { Point } from "../../src/model/types.ts";

function viewport(image = { width: 4000, height: 3000 }, screen = { width: 1000, height: 800 }): Viewport {
  const view = new Viewport();
  view.setScreen(screen, 1);
  view.setImage(image);
  return view;
}

function expectPoint([x, y]: Point, [otherX, otherY]: Point): void {
  expect(x).toBeCloseTo(otherX, 6);
  expect(y).toBeCloseTo(otherY, 6);
}

describe("places", () => {
  test("the first pixel spans from -0.5 to 0.5", () => {
    const view = viewport();
    expectPoint(view.toScreen([-0.5, -0.5]), [view.left, view.top]);
    expectPoint(view.toScreen([0, 0]), [view.left + view.scale / 2, view.top + view.scale / 2]);
  });

  test("of the screen and of the image are turned into each other", () => {
    const view = viewport();
    view.zoomTo(3, [100, 700]);
    expectPoint(view.toImage(view.toScreen([123.25, 456.5])), [123.25, 456.5]);
  });

  test("that are visible are a half-open box from the corner of the image", () => {
    const view = viewport({ width: 400, height: 400 }, { width: 100, height: 100 });
    view.zoomTo(1);
    view.centerOn([199.5, 199.5]);
    expect(view.visible).toEqual([150, 150, 250, 250]);
  });

  test("that are shown are whole pixels of the image alone", () => {
    const view = viewport({ width: 400, height: 400 }, { width: 101, height: 50 });
    expect(view.shown).toEqual([0, 0, 400, 400]);
    view.zoomTo(2);
    view.centerOn([199.5, 199.5]);
    expect(view.shown).toEqual([174, 187, 226, 213]);
    view.panBy(-10_000, -10_000);
    expect(view.shown).toEqual([374, 387, 400, 400]);
  });
});

describe("fitting", () => {
  test("shows all of the image, in the middle", () => {
    const view = viewport();
    const [left, top] = view.toScreen([-0.5, -0.5]);
    const [right, bottom] = view.toScreen([3999.5, 2999.5]);
    expect(left).toBeCloseTo(16);
    expect(right).toBeCloseTo(984);
    expect(top + bottom).toBeCloseTo(800);
  });

  test("lasts when the screen changes, until one zooms", () => {
    const view = viewport();
    view.setScreen({ width: 500, height: 800 }, 2);
    expect(view.fitted).toBe(true);
    expect(view.scale).toBe(view.fitScale);
    view.zoomTo(1);
    view.setScreen({ width: 700, height: 700 }, 2);
    expect(view.fitted).toBe(false);
    expect(view.scale).toBe(1);
  });

  test("of a tiny image goes no further than the most scale", () => {
    expect(viewport({ width: 2, height: 2 }).scale).toBe(MOST_SCALE);
  });
});

describe("zooming", () => {
  test("keeps what is under the pointer there", () => {
    const view = viewport();
    const under = view.toImage([300, 200]);
    view.zoomBy(1.7, [300, 200]);
    expectPoint(view.toScreen(under), [300, 200]);
  });

  test("stays within limits", () => {
    const view = viewport();
    view.zoomTo(1e9);
    expect(view.scale).toBe(MOST_SCALE);
    view.zoomTo(1e-9);
    expect(view.scale).toBe(view.leastScale);
    expect(view.leastScale).toBeLessThan(view.fitScale);
  });

  test("by keys goes back to where it was", () => {
    const view = viewport();
    const before = view.scale;
    view.zoomStep(1);
    expect(view.scale).toBeGreaterThan(before);
    view.zoomStep(-1);
    expect(view.scale).toBeCloseTo(before);
  });
});

describe("moving", () => {
  test("keeps some of the image on the screen", () => {
    const view = viewport();
    view.panBy(1e6, -1e6);
    const [left, top] = view.toScreen([-0.5, -0.5]);
    expect(left).toBeLessThan(1000);
    expect(top + 3000 * view.scale).toBeGreaterThan(0);
  });

  test("reveals a point, and moves nothing where it is on the screen", () => {
    const view = viewport();
    view.zoomTo(4);
    view.reveal([10, 10]);
    const [x, y] = view.toScreen([10, 10]);
    expect(x).toBeCloseTo(32);
    expect(y).toBeCloseTo(32);
    const { left } = view;
    view.reveal([20, 20]);
    expect(view.left).toBe(left);
  });

  test("brings a box to the middle, with room around it", () => {
    const view = viewport();
    view.show([1000, 1000, 1200, 1100]);
    const [left, top] = view.toScreen([999.5, 999.5]);
    const [right, bottom] = view.toScreen([1199.5, 1099.5]);
    expect(left).toBeGreaterThan(0);
    expect(left + right).toBeCloseTo(1000);
    expect(top + bottom).toBeCloseTo(800);
  });

  test("is told to listeners until they stop", () => {
    const view = viewport();
    const listener = vi.fn();
    const stop = view.onChange(listener);
    view.panBy(1, 1);
    stop();
    view.panBy(1, 1);
    expect(listener).toHaveBeenCalledTimes(1);
  });
});
