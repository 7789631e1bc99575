import { expect, test } from "vitest";

import { DocumentModel, type DocumentEvent } from "../../src/model/document.ts";
import { document, object, overTheWire, uidsOf } from "./documents.ts";

function watched(uids: string): { model: DocumentModel; events: DocumentEvent[] } {
  const model = new DocumentModel(document(uids));
  const events: DocumentEvent[] = [];
  model.onChange((event) => events.push(event));
  return { model, events };
}

test("a change of the page is told, and what it returns undoes it", () => {
  const { model, events } = watched("abc");
  const undo = model.apply({ put: [object("d")], remove: ["a"] });
  expect(uidsOf(model)).toBe("bcd");
  expect(model.get("d")).toEqual(object("d"));
  expect(model.get("a")).toBeUndefined();
  expect(events).toEqual([{ change: { put: [object("d")], remove: ["a"] }, origin: "page" }]);
  model.apply(undo);
  expect(model.value).toEqual(document("abc"));
});

test("what changes nothing is not told, and of the rest only what changes", () => {
  const { model, events } = watched("abc");
  model.apply({ put: [overTheWire(object("a"))], remove: ["x"], order: ["a", "b", "c"], state: "started" });
  expect(events).toEqual([]);
  model.apply({ put: [object("a"), object("b", { label: "cup" })], remove: [], state: "done" });
  expect(events.map((event) => event.change)).toEqual([{ put: [object("b", { label: "cup" })], remove: [], state: "done" }]);
});

test("a document of the server is told by its difference, with its origin", () => {
  const { model, events } = watched("abc");
  model.replace(overTheWire(document("abc", { version: 7 })));
  expect(events).toEqual([]);
  expect(model.value.version).toBe(7);
  model.replace(document("acd", { version: 8 }));
  expect(events).toEqual([{ change: { put: [object("d")], remove: ["b"] }, origin: "server" }]);
});
