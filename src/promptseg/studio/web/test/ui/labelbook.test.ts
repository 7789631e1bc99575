import { expect, test, vi } from "vitest";

import { Undoables } from "../../src/model/undoables.ts";
import { DocumentModel } from "../../src/model/document.ts";
import { History } from "../../src/model/history.ts";
import { Signal } from "../../src/model/signal.ts";
import { Turns, type Way } from "../../src/model/turns.ts";
import type { Change, Label, StudioObject } from "../../src/model/types.ts";
import { LabelBook } from "../../src/ui/labelbook.ts";
import { document as documentOf, object } from "../model/documents.ts";
import type { Workspace } from "../../src/ui/workspace.ts";

const CUP: Label = { name: "cup", color: "#ff0000", key: "1" };

function begin() {
  const labels = new Signal<readonly Label[]>([CUP]);
  const label = new Signal<string | null>("cup");
  const server = { saveLabels: vi.fn(() => Promise.resolve()) };
  const turns = new Turns();
  const document = new DocumentModel(documentOf(""));
  const history = new History(document, turns);
  const workspace = {
    labels,
    label,
    server,
    objects: new Signal<readonly StudioObject[]>([]),
    notices: { toast: vi.fn() },
    undoables: new Undoables(turns),
    history: new Signal(history),
    do: (change: Change, name: string) => (history.do(change, name), true),
  };
  const book = new LabelBook(workspace as unknown as Workspace);
  const names = (): string => labels.value.map(({ name }) => name).join();
  const goBack = (way: Way): Promise<void> => workspace.undoables.go(way, workspace.undoables.next(way, history.turnOf(way))!);
  return { ...workspace, document, book, names, goBack };
}

test("a new label is the one that new objects get", () => {
  const { labels, label, book } = begin();
  expect(book.add("spoon")).toBe(true);
  expect(labels.value.map(({ name }) => name)).toEqual(["cup", "spoon"]);
  expect(label.value).toBe("spoon");
});

test("a label that is recolored does not become the one that new objects get", () => {
  const { label, book } = begin();
  book.add("spoon");
  expect(book.edit("cup", "cup", "#00ff00")).toBe(true);
  expect(label.value).toBe("spoon");
});

test("a label that there is already is no new one", () => {
  const { label, book } = begin();
  book.add("spoon");
  expect(book.add("cup")).toBe(false);
  expect(label.value).toBe("spoon");
});

test("a label that is written as it is changes nothing, and is no undoable", () => {
  const { book, server, undoables } = begin();
  expect(book.edit("cup", "cup", "#FF0000")).toBe(false);
  expect(server.saveLabels).not.toHaveBeenCalled();
  expect(undoables.next("undo", 0)).toBeNull();
});

test("a label that was removed comes back by undo, with its key, and goes again by redo", async () => {
  const { book, labels, names, goBack } = begin();
  book.remove("cup");
  expect(names()).toBe("");
  await goBack("undo");
  expect(labels.value).toEqual([CUP]);
  await goBack("redo");
  expect(names()).toBe("");
});

test("a label is renamed with its objects, and one undo takes back both", async () => {
  const { book, names, label, document, objects, goBack } = begin();
  const one = object("a", { label: "cup" });
  document.replace({ ...documentOf(""), objects: [one] });
  objects.set(document.objects);
  book.edit("cup", "mug", "#ff0000");
  expect([names(), label.value, document.get("a")?.label]).toEqual(["mug", "mug", "mug"]);
  await goBack("undo");
  expect([names(), label.value, document.get("a")?.label]).toEqual(["cup", "cup", "cup"]);
  await goBack("redo");
  expect([names(), label.value, document.get("a")?.label]).toEqual(["mug", "mug", "mug"]);
});

test("a list that cannot be kept stays as it was, and the undo can be tried again", async () => {
  const { book, names, server, undoables, goBack } = begin();
  book.remove("cup");
  server.saveLabels.mockReturnValueOnce(Promise.reject(new TypeError("Failed to fetch")));
  await expect(goBack("undo")).rejects.toThrow("Failed to fetch");
  expect(names()).toBe("");
  expect(undoables.next("undo", 0)).not.toBeNull();
  await goBack("undo");
  expect(names()).toBe("cup");
});
