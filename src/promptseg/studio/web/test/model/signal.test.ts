import { expect, test } from "vitest";

import { Signal } from "../../src/model/signal.ts";

test("a signal tells new values, and not those that it has already", () => {
  const signal = new Signal(1);
  const seen: number[] = [];
  const stop = signal.subscribe((value) => seen.push(value));
  signal.set(1);
  signal.set(2);
  signal.update((value) => value + 1);
  stop();
  signal.set(9);
  expect(seen).toEqual([2, 3]);
  expect(signal.value).toBe(9);
});

test("watching begins with the value of now", () => {
  const signal = new Signal("a");
  const seen: string[] = [];
  signal.watch((value) => seen.push(value));
  signal.set("b");
  expect(seen).toEqual(["a", "b"]);
});

test("a value that a listener sets is the last that every listener hears", () => {
  const signal = new Signal(0);
  const seen: number[] = [];
  signal.subscribe((value) => {
    if (value === 1) signal.set(2);
  });
  signal.subscribe((value) => seen.push(value));
  signal.set(1);
  expect(seen).toEqual([2]);
});
