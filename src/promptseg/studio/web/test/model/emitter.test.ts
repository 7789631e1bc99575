import { afterEach, expect, test, vi } from "vitest";

import { Emitter } from "../../src/model/emitter.ts";

interface Events {
  moved: number;
  left: undefined;
}

afterEach(() => vi.restoreAllMocks());

test("listeners get the events of their name until they stop", () => {
  const emitter = new Emitter<Events>();
  const moved: number[] = [];
  const stop = emitter.on("moved", (x) => moved.push(x));
  emitter.emit("moved", 1);
  emitter.emit("left", undefined);
  stop();
  stop();
  emitter.emit("moved", 2);
  expect(moved).toEqual([1]);
});

test("a function may listen twice, and each subscription ends alone", () => {
  const emitter = new Emitter<Events>();
  const moved: number[] = [];
  const listener = (x: number): number => moved.push(x);
  const stop = emitter.on("moved", listener);
  emitter.on("moved", listener);
  emitter.emit("moved", 1);
  stop();
  emitter.emit("moved", 2);
  expect(moved).toEqual([1, 1, 2]);
});

test("a listener that another one ended in the same event is not called, and one that was added then waits for the next", () => {
  const emitter = new Emitter<Events>();
  const calls: string[] = [];
  emitter.on("moved", () => {
    calls.push("first");
    stopSecond();
    emitter.on("moved", () => calls.push("third"));
  });
  const stopSecond = emitter.on("moved", () => calls.push("second"));
  emitter.emit("moved", 1);
  expect(calls).toEqual(["first"]);
});

test("a listener that fails does not keep the others from the event, and its error is not hidden", () => {
  const emitter = new Emitter<Events>();
  const later: (() => void)[] = [];
  vi.spyOn(globalThis, "queueMicrotask").mockImplementation((task) => later.push(task));
  const moved: number[] = [];
  emitter.on("moved", () => {
    throw new Error("broken listener");
  });
  emitter.on("moved", (x) => moved.push(x));
  emitter.emit("moved", 5);
  expect(moved).toEqual([5]);
  expect(later).toHaveLength(1);
  expect(later[0]).toThrow("broken listener");
});
