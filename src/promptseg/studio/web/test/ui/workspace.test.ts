import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { Client } from "../../src/api/client.ts";
import type { Undoable } from "../../src/model/undoables.ts";
import { Problem } from "../../src/model/problem.ts";
import type { Saver } from "../../src/model/saver.ts";
import { Signal } from "../../src/model/signal.ts";
import type { ImageSummary, StudioObject } from "../../src/model/types.ts";
import type { Notices } from "../../src/ui/notices.ts";
import { Workspace } from "../../src/ui/workspace.ts";

const SUMMARY: ImageSummary = { key: "a", name: "a.jpg", state: "new", objects: 0, version: 0, doubt: null, error: null };
const OPEN = {
  ...SUMMARY,
  document: { version: 0, state: "new", objects: [] },
  tiles: { size: 256, levels: 1 },
  raster: false,
  width: 4,
  height: 3,
  truth: [],
};

let open: ReturnType<typeof vi.fn>;
let toast: ReturnType<typeof vi.fn>;
let save: ReturnType<typeof vi.fn>;
let withdraw: ReturnType<typeof vi.fn>;
let hear: (told: { key: string; document: unknown }) => void;
let workspace: Workspace;

beforeEach(() => {
  vi.useFakeTimers(); // What is opened ahead comes later.
  [open, toast, save, withdraw] = [vi.fn(), vi.fn(), vi.fn(), vi.fn()];
  const saver = {
    status: new Signal({ state: "saved" }),
    onDocument: (listener: typeof hear) => void (hear = listener),
    told: vi.fn(),
    save,
    open: (_: string, document: unknown) => document,
  };
  const notices = { announce: vi.fn(), toast, withdraw };
  workspace = new Workspace({ open } as unknown as Client, saver as unknown as Saver, notices as unknown as Notices, vi.fn(), vi.fn());
  workspace.images.set([SUMMARY, { ...SUMMARY, key: "b", name: "b.jpg" }]);
});

afterEach(() => void vi.useRealTimers());

describe("a mask that is open when another image is chosen", () => {
  const mask = { size: [3, 4], counts: "06" } as const;
  const made = { uid: "m", label: null, mask, prompts: [] } as unknown as StudioObject;

  async function leave(isDraft: boolean): Promise<void> {
    open.mockResolvedValueOnce(OPEN).mockResolvedValueOnce({ ...OPEN, key: "b", name: "b.jpg" });
    await workspace.openKey("a");
    workspace.settle = () => {
      workspace.history.value!.do({ put: [made], remove: [] }, "Add object");
      return Promise.resolve(isDraft);
    };
    await workspace.openKey("b");
  }

  test("is kept, which is said with the name of its image, and is taken back from there", async () => {
    await leave(true);
    const [text, { does }] = toast.mock.calls[0] as [string, { does: { press: () => void } }];
    expect(text).toContain("a.jpg");
    expect(save).toHaveBeenLastCalledWith("a", expect.objectContaining({ put: [made] }));
    does.press();
    expect(save).toHaveBeenLastCalledWith("a", { put: [], remove: ["m"], state: "new" });
    expect(workspace.key.value).toBe("b");
  });

  test("is not talked of if a person had accepted it", async () => {
    await leave(false);
    expect(toast).not.toHaveBeenCalled();
  });
});

describe("steps", () => {
  const mask = { size: [3, 4], counts: "06" } as const;
  const made = { uid: "m", label: null, mask, prompts: [] } as unknown as StudioObject;
  const other = { ...OPEN, key: "b", name: "b.jpg" };

  test("of an image are undone also after another one was shown", async () => {
    const begun = { ...OPEN, document: { version: 1, state: "started", objects: [made] } };
    open.mockResolvedValueOnce(OPEN).mockResolvedValueOnce(other).mockResolvedValueOnce(begun);
    await workspace.openKey("a");
    workspace.do({ put: [made], remove: [] }, "Add object");
    await workspace.openKey("b");
    expect(workspace.steps.value.undo).toBeNull();
    await workspace.openKey("a");
    expect(workspace.steps.value.undo).toBe("Add object");
    workspace.edits.goBack("undo");
    expect(workspace.objects.value).toEqual([]);
    expect(save).toHaveBeenLastCalledWith("a", { put: [], remove: ["m"], state: "new" });
  });

  test("are undone in the order in which they were done, whether they are of the image or not", async () => {
    const done: string[] = [];
    const undoable = (name: string): Undoable => ({
      name,
      undo: () => Promise.resolve(void done.push(`undo ${name}`)),
      redo: () => Promise.resolve(void done.push(`redo ${name}`)),
    });
    open.mockResolvedValueOnce(OPEN);
    await workspace.openKey("a");
    workspace.undoables.done(undoable("import"));
    workspace.do({ put: [made], remove: [] }, "Add object");
    workspace.undoables.done(undoable("labels"));
    const names = (): (string | null)[] => [workspace.steps.value.undo, workspace.steps.value.redo];
    const seen = [names()];
    for (const way of ["undo", "undo", "undo", "redo", "redo", "redo"] as const) {
      workspace.edits.goBack(way);
      await vi.advanceTimersByTimeAsync(0);
      seen.push(names());
    }
    expect(seen).toEqual([
      ["labels", null],
      ["Add object", "labels"],
      ["import", "Add object"],
      [null, "import"],
      ["import", "Add object"],
      ["Add object", "labels"],
      ["labels", null],
    ]);
    expect(done).toEqual(["undo labels", "undo import", "redo import", "redo labels"]);
  });
});

describe("an image that cannot be opened", () => {
  test("is told with the server's reason, in place of the image before", async () => {
    open.mockResolvedValueOnce(OPEN).mockRejectedValueOnce(new Problem(422, "Unreadable", "the file is truncated"));
    await workspace.openKey("a");
    await workspace.openKey("b");
    expect(workspace.open.value).toBeNull();
    expect(workspace.failed.value).toEqual({ summary: workspace.summary("b"), why: "the file is truncated" });
  });

  test("is told without a reason where the server was not reached", async () => {
    open.mockRejectedValueOnce(new TypeError("Failed to fetch"));
    await workspace.openKey("a");
    expect(workspace.failed.value).toEqual({ summary: SUMMARY, why: null });
  });

  test("is opened at a later try, and nothing is told then", async () => {
    open.mockRejectedValueOnce(new Problem(422, "Unreadable", "")).mockResolvedValueOnce(OPEN);
    await workspace.openKey("a");
    await workspace.reopen();
    expect(workspace.failed.value).toBeNull();
    expect(workspace.open.value?.key).toBe("a");
    await workspace.reopen();
    expect(open).toHaveBeenCalledTimes(2);
  });

  test("is told no longer when another one is chosen", async () => {
    open.mockRejectedValueOnce(new Problem(422, "Unreadable", "")).mockResolvedValueOnce({ ...OPEN, key: "b" });
    await workspace.openKey("a");
    const opening = workspace.openKey("b");
    expect(workspace.failed.value).toBeNull();
    await opening;
  });
});

describe("while another image is being opened", () => {
  const mask = { size: [3, 4], counts: "06" } as const;
  const made = { uid: "m", label: null, mask, prompts: [] } as unknown as StudioObject;
  const other = { ...OPEN, key: "b", name: "b.jpg" };
  let give: (open: unknown) => void;
  let opening: Promise<void>;

  beforeEach(async () => {
    open.mockResolvedValueOnce(OPEN).mockReturnValueOnce(new Promise((resolve) => (give = resolve)));
    await workspace.openKey("a");
    opening = workspace.openKey("b");
  });

  test("nothing of the one before is changed, which is said once with the name of the next", async () => {
    expect(workspace.opening.value).toBe(true);
    expect(workspace.do({ put: [made], remove: [] }, "Add object")).toBe(false);
    workspace.setState("done");
    workspace.edits.goBack("undo");
    expect(workspace.objects.value).toEqual([]);
    expect(save).not.toHaveBeenCalled();
    expect(toast.mock.calls.map(([text]: unknown[]) => text)).toEqual(Array(3).fill("b.jpg is being opened"));
    expect(withdraw.mock.calls.slice(-3)).toEqual(Array(3).fill(["b.jpg is being opened"])); // So that one of them is seen.
    give(other);
    await opening;
    expect(workspace.do({ put: [made], remove: [] }, "Add object")).toBe(true);
    expect(save).toHaveBeenLastCalledWith("b", expect.objectContaining({ put: [made] }));
  });

  test("it is shown although it was asked for twice", async () => {
    const again = workspace.openKey("b");
    give(other);
    await Promise.all([opening, again]);
    expect([workspace.open.value?.key, workspace.opening.value]).toEqual(["b", false]);
    expect(open).toHaveBeenCalledTimes(2);
  });

  test("the last one that was asked for is shown, whichever comes first", async () => {
    open.mockResolvedValueOnce(OPEN);
    await workspace.openKey("a");
    expect([workspace.open.value?.key, workspace.opening.value]).toEqual(["a", false]);
    give(other);
    await opening;
    expect([workspace.open.value?.key, workspace.opening.value]).toEqual(["a", false]);
  });

  test("what others did to the next one is not shown on the one before", () => {
    hear({ key: "b", document: { version: 2, state: "started", objects: [made] } });
    expect(workspace.objects.value).toEqual([]);
    hear({ key: "a", document: { version: 2, state: "started", objects: [made] } });
    expect(workspace.objects.value).toEqual([made]);
  });

  test("a failure ends it", async () => {
    open.mockRejectedValueOnce(new Problem(422, "Unreadable", ""));
    workspace.images.update((images) => [...images, { ...SUMMARY, key: "c", name: "c.jpg" }]);
    await workspace.openKey("c");
    expect([workspace.opening.value, workspace.failed.value?.summary.key]).toEqual([false, "c"]);
  });
});

describe("summaries that the server tells", () => {
  test("change the list together, a moment later, and the newest counts", async () => {
    const lists: string[][] = [];
    workspace.images.subscribe((images) => lists.push(images.map(({ key, version }) => `${key}${version}`)));
    for (const version of [1, 2]) workspace.told({ ...SUMMARY, version });
    workspace.told({ ...SUMMARY, key: "c", version: 1 });
    workspace.images.update((images) => images.map((image) => (image.key === "b" ? { ...image, version: 5 } : image)));
    workspace.told({ ...SUMMARY, key: "b", version: 4 });
    await vi.advanceTimersByTimeAsync(50);
    expect(lists).toEqual([
      ["a0", "b5"],
      ["a2", "b5", "c1"],
    ]);
    workspace.told({ ...SUMMARY, version: 3 });
    await vi.advanceTimersByTimeAsync(50);
    expect(lists.at(-1)).toEqual(["a3", "b5", "c1"]);
  });
});
