import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Signal } from "../../src/model/signal.ts";
import { noticed } from "../../src/ui/noticed.ts";
import { Preparing } from "../../src/ui/preparing.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An answer that comes, or fails, when a test says so. */
function awaited(): { promise: Promise<string>; give: (text: string) => void; fail: () => void } {
  let give: (text: string) => void = () => undefined;
  let fail: () => void = () => undefined;
  const promise = new Promise<string>((resolve, reject) => {
    give = resolve;
    fail = () => reject(new Error("it was given up"));
  });
  return { promise, give, fail };
}

test("an image that a model sees for the first time is told once that takes long, until the answer is there", async () => {
  const preparing = new Preparing();
  const first = awaited();
  const answer = preparing.during("a", first.promise);
  await vi.advanceTimersByTimeAsync(200);
  expect(preparing.shown.value).toBe(false);
  await vi.advanceTimersByTimeAsync(200);
  expect([preparing.shown.value, preparing.isNew("a")]).toEqual([true, true]);
  first.give("mask");
  expect(await answer).toBe("mask");
  await vi.advanceTimersByTimeAsync(100);
  expect([preparing.shown.value, preparing.isNew("a")]).toEqual([false, false]);
});

test("what a model has seen is not told again, however long it takes; another image is", async () => {
  const preparing = new Preparing();
  await preparing.during("a", Promise.resolve("mask"));
  void preparing.during("a", awaited().promise);
  await vi.advanceTimersByTimeAsync(5000);
  expect(preparing.shown.value).toBe(false);
  void preparing.during("b", awaited().promise);
  await vi.advanceTimersByTimeAsync(400);
  expect(preparing.shown.value).toBe(true);
});

test("a preview that is given up for another does not let it flicker", async () => {
  const preparing = new Preparing();
  const told: boolean[] = [];
  preparing.shown.subscribe((shown) => told.push(shown));
  let last = awaited();
  void preparing.during("a", last.promise).catch(() => undefined);
  for (let moves = 0; moves < 10; moves++) {
    const next = awaited();
    last.fail();
    await vi.advanceTimersByTimeAsync(1);
    void preparing.during("a", next.promise).catch(() => undefined);
    last = next;
    await vi.advanceTimersByTimeAsync(99);
  }
  expect(told).toEqual([true]);
  last.fail();
  await vi.advanceTimersByTimeAsync(100);
  expect(told).toEqual([true, false]);
  expect(preparing.isNew("a")).toBe(true);
});

test("only what lasts is noticed", async () => {
  const other = new Signal(false);
  const told = noticed(other);
  other.set(true);
  await vi.advanceTimersByTimeAsync(200);
  other.set(false);
  await vi.advanceTimersByTimeAsync(1000);
  expect(told.value).toBe(false);
  other.set(true);
  await vi.advanceTimersByTimeAsync(300);
  expect(told.value).toBe(true);
  other.set(false);
  expect(told.value).toBe(false);
});
