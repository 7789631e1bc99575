import { expect, test } from "vitest";

import { Pacer } from "../../src/canvas/pacer.ts";

/** The budget after some frames, of which each paints all that it may. */
function after(pacer: Pacer, frames: number, took: number, start = 0): number {
  let budget = 0;
  for (let frame = 0; frame <= frames; frame++) {
    budget = pacer.begin(start + frame * took);
    pacer.end(budget);
  }
  return budget;
}

test("a machine that keeps up may paint more", () => {
  expect(after(new Pacer(), 5, 16.7)).toBeGreaterThan(after(new Pacer(), 0, 16.7));
});

test("late frames make the next ones cheaper, down to a piece a frame", () => {
  const first = after(new Pacer(), 0, 16.7);
  expect(after(new Pacer(), 1, 50)).toBeLessThan(first);
  expect(after(new Pacer(), 40, 50)).toBe(1);
});

test("late frames that painted nothing, and pauses, are nobody's fault", () => {
  const pacer = new Pacer();
  const first = pacer.begin(0);
  pacer.end(0);
  expect(pacer.begin(50)).toBe(first);
  pacer.end(first);
  expect(pacer.begin(5000)).toBe(first);
});
