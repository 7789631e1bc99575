import { expect, test, vi } from "vitest";

import { Deeds, type Deed } from "../../src/model/deeds.ts";
import { Problem } from "../../src/model/problem.ts";
import { Turns } from "../../src/model/turns.ts";

function deed(name = "import"): Deed & { undo: ReturnType<typeof vi.fn>; redo: ReturnType<typeof vi.fn> } {
  return { name, undo: vi.fn(() => Promise.resolve()), redo: vi.fn(() => Promise.resolve()) };
}

function begun(): { turns: Turns; deeds: Deeds } {
  const turns = new Turns();
  return { turns, deeds: new Deeds(turns) };
}

test("a deed is undone and made again", async () => {
  const { deeds } = begun();
  const done = deed();
  deeds.done(done);
  await deeds.go("undo", done);
  expect([deeds.next("undo", 0), deeds.next("redo", 0)]).toEqual([null, done]);
  await deeds.go("redo", done);
  expect([deeds.next("undo", 0), deeds.next("redo", 0)]).toEqual([done, null]);
  expect([done.undo.mock.calls.length, done.redo.mock.calls.length]).toEqual([1, 1]);
});

test("the later step of a history comes first", () => {
  const { turns, deeds } = begun();
  const done = deed();
  deeds.done(done);
  expect(deeds.next("undo", turns.next(true))).toBeNull();
});

test("a new step elsewhere ends what could be made again", async () => {
  const { turns, deeds } = begun();
  const done = deed();
  deeds.done(done);
  await deeds.go("undo", done);
  turns.next(true);
  expect(deeds.next("redo", 0)).toBeNull();
});

test("two that are undone at once are undone one after the other", async () => {
  const { deeds } = begun();
  const [first, second] = [deed("first"), deed("second")];
  deeds.done(first);
  deeds.done(second);
  let end = (): void => undefined;
  second.undo.mockReturnValueOnce(new Promise<void>((resolve) => (end = resolve)));
  const undone = [deeds.go("undo", second), deeds.go("undo", first)];
  await vi.waitFor(() => expect(second.undo).toHaveBeenCalled());
  expect(first.undo).not.toHaveBeenCalled();
  end();
  await Promise.all(undone);
  expect(first.undo).toHaveBeenCalledOnce();
});

test("what was refused is not tried again, and what failed can be", async () => {
  const { deeds } = begun();
  const done = deed();
  deeds.done(done);
  done.undo.mockRejectedValueOnce(new TypeError("Failed to fetch")).mockRejectedValueOnce(new Problem(404, "Not found", ""));
  await expect(deeds.go("undo", done)).rejects.toThrow("Failed to fetch");
  expect(deeds.next("undo", 0)).toBe(done);
  await expect(deeds.go("undo", done)).rejects.toThrow(Problem);
  expect(deeds.next("undo", 0)).toBeNull();
});
