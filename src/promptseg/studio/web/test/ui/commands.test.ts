import { describe, expect, test, vi } from "vitest";

import { changesImage, commands, type Elsewhere } from "../../src/ui/commands.ts";
import { SHORTCUTS } from "../../src/ui/keys.ts";
import type { Workspace } from "../../src/ui/workspace.ts";

type Mocks = Record<string, ReturnType<typeof vi.fn>>;

/** Every method is a mock, made when it is first asked for. */
function mocks(values: Record<string, unknown> = {}): Mocks {
  const get = (made: Record<string, unknown>, name: string): unknown => (made[name] ??= vi.fn());
  return new Proxy(values, { get }) as Mocks;
}

function begin(): { workspace: Mocks; edits: Mocks; labelBook: Mocks; elsewhere: Mocks; run: (action: string) => boolean } {
  const [edits, labelBook] = [mocks(), mocks()];
  const workspace = mocks({ selection: { value: new Set(["a"]) }, edits, labelBook });
  const elsewhere = mocks({ stage: mocks({ viewport: mocks() }) });
  return { workspace, edits, labelBook, elsewhere, run: commands(workspace as unknown as Workspace, elsewhere as unknown as Elsewhere) };
}

describe("an action", () => {
  test.each(SHORTCUTS.filter(({ elsewhere, action }) => elsewhere !== true && action !== "labels.give").map(({ action }) => action))(
    "%s is there",
    (action) => {
      expect(begin().run(action)).toBe(true);
    },
  );

  test("that there is not is told, so that the browser gets its key", () => {
    expect(begin().run("nothing")).toBe(false);
  });

  test("of a digit is there if a label has it", () => {
    const { labelBook, run } = begin();
    labelBook.giveOfKey!.mockReturnValueOnce(true).mockReturnValueOnce(false);
    expect([run("label.3"), run("label.4")]).toEqual([true, false]);
    expect(labelBook.giveOfKey!.mock.calls).toEqual([["3"], ["4"]]);
  });
});

describe("undoing", () => {
  test("takes back the last click of what is being made, before what is kept", () => {
    const { edits, elsewhere, run } = begin();
    elsewhere.takeBack!.mockReturnValueOnce(true).mockReturnValueOnce(false);
    run("undo");
    expect(edits.goBack!).not.toHaveBeenCalled();
    run("undo");
    expect(edits.goBack!).toHaveBeenCalledWith("undo");
  });
});

describe("choosing a tool", () => {
  test("brings the focus to the image, or to the words that the tool needs", () => {
    const { workspace, elsewhere, run } = begin();
    run("tool.box");
    expect(workspace.focusStage!).toHaveBeenCalledTimes(1);
    run("tool.text");
    expect(elsewhere.focusTool!).toHaveBeenCalledTimes(1);
    expect(workspace.choose!.mock.calls).toEqual([["box"], ["text"]]);
  });
});

test("what changes the image is told from what goes to another, or only looks", () => {
  for (const action of ["undo", "redo", "objects.delete", "label.3", "labels.none", "images.done", "images.doneNext", "images.doubt"])
    expect([action, changesImage(action)]).toEqual([action, true]);
  for (const action of ["images.next", "images.nextUndone", "images.search", "view.in", "tool.point", "labels.add", "images.import"])
    expect([action, changesImage(action)]).toEqual([action, false]);
});
