import { expect, test, vi } from "vitest";

import { Undoables, type Undoable } from "../../src/model/undoables.ts";
import { Problem } from "../../src/model/problem.ts";
import { Turns } from "../../src/model/turns.ts";

function undoable(name = "import"): Undoable & { undo: ReturnType<typeof vi.fn>; redo: ReturnType<typeof vi.fn> } {
  return { name, undo: vi.fn(() => Promise.resolve()), redo: vi.fn(() => Promise.resolve()) };
}

function begun(): { turns: Turns; undoables: Undoables } {
  const turns = new Turns();
  return { turns, undoables: new Undoables(turns) };
}

test("a undoable is undone and made again", async () => {
  const { undoables } = begun();
  const done = undoable();
  undoables.done(done);
  await undoables.go("undo", done);
  expect([undoables.next("undo", 0), undoables.next("redo", 0)]).toEqual([null, done]);
  await undoables.go("redo", done);
  expect([undoables.next("undo", 0), undoables.next("redo", 0)]).toEqual([done, null]);
  expect([done.undo.mock.calls.length, done.redo.mock.calls.length]).toEqual([1, 1]);
});

test("the later step of a history comes first", () => {
  const { turns, undoables } = begun();
  const done = undoable();
  undoables.done(done);
  expect(undoables.next("undo", turns.next(true))).toBeNull();
});

test("a new step elsewhere ends what could be made again", async () => {
  const { turns, undoables } = begun();
  const done = undoable();
  undoables.done(done);
  await undoables.go("undo", done);
  turns.next(true);
  expect(undoables.next("redo", 0)).toBeNull();
});

test("two that are undone at once are undone one after the other", async () => {
  const { undoables } = begun();
  const [first, second] = [undoable("first"), undoable("second")];
  undoables.done(first);
  undoables.done(second);
  let end = (): void => undefined;
  second.undo.mockReturnValueOnce(new Promise<void>((resolve) => (end = resolve)));
  const undone = [undoables.go("undo", second), undoables.go("undo", first)];
  await vi.waitFor(() => expect(second.undo).toHaveBeenCalled());
  expect(first.undo).not.toHaveBeenCalled();
  end();
  await Promise.all(undone);
  expect(first.undo).toHaveBeenCalledOnce();
});

test("what was refused is not tried again, and what failed can be", async () => {
  const { undoables } = begun();
  const done = undoable();
  undoables.done(done);
  done.undo.mockRejectedValueOnce(new TypeError("Failed to fetch")).mockRejectedValueOnce(new Problem(404, "Not found", ""));
  await expect(undoables.go("undo", done)).rejects.toThrow("Failed to fetch");
  expect(undoables.next("undo", 0)).toBe(done);
  await expect(undoables.go("undo", done)).rejects.toThrow(Problem);
  expect(undoables.next("undo", 0)).toBeNull();
});
