import { expect, test, vi } from "vitest";

import { Signal } from "../../src/model/signal.ts";
import type { Label } from "../../src/model/types.ts";
import { LabelBook } from "../../src/ui/labelbook.ts";
import type { Workspace } from "../../src/ui/workspace.ts";

function begin(): { labels: Signal<readonly Label[]>; label: Signal<string | null>; book: LabelBook } {
  const labels = new Signal<readonly Label[]>([{ name: "cup", color: "#ff0000", key: "1" }]);
  const label = new Signal<string | null>("cup");
  const server = { saveLabels: vi.fn(() => Promise.resolve()) };
  const workspace = { labels, label, server, objects: new Signal([]), notices: { toast: vi.fn() } };
  return { labels, label, book: new LabelBook(workspace as unknown as Workspace) };
}

test("a new label is the one that new objects get", () => {
  const { labels, label, book } = begin();
  expect(book.keep(null, "spoon", null)).toBe(true);
  expect(labels.value.map(({ name }) => name)).toEqual(["cup", "spoon"]);
  expect(label.value).toBe("spoon");
});

test("a label that is recolored does not become the one that new objects get", () => {
  const { label, book } = begin();
  book.keep(null, "spoon", null);
  expect(book.keep("cup", "cup", "#00ff00")).toBe(true);
  expect(label.value).toBe("spoon");
});

test("a label that there is already is no new one", () => {
  const { label, book } = begin();
  book.keep(null, "spoon", null);
  expect(book.keep(null, "cup", null)).toBe(false);
  expect(label.value).toBe("spoon");
});
