import { expect, test } from "vitest";

import { DocumentModel } from "../../src/model/document.ts";
import { History } from "../../src/model/history.ts";
import { Turns } from "../../src/model/turns.ts";
import type { ImageDocument } from "../../src/model/types.ts";
import { document, object, overTheWire, uidsOf } from "./documents.ts";
import { random } from "./naive.ts";

function begun(uids: string, values: Partial<ImageDocument> = {}): { model: DocumentModel; history: History } {
  const model = new DocumentModel(document(uids, values));
  return { model, history: new History(model, new Turns(), 5) };
}

test("steps are undone and made again, one by one, by their names", () => {
  const { model, history } = begun("ab");
  history.do({ put: [object("c")], remove: [] }, "add");
  history.do({ put: [], remove: ["a"] }, "remove");
  expect(history.steps.value).toEqual({ undo: "remove", redo: null });
  expect(history.undo()).toEqual({ name: "remove", skipped: [] });
  expect(uidsOf(model)).toBe("abc");
  expect(history.undo()).toEqual({ name: "add", skipped: [] });
  expect(history.steps.value).toEqual({ undo: null, redo: "add" });
  expect(history.undo()).toBeNull();
  expect(history.redo()?.name).toBe("add");
  expect(history.redo()?.name).toBe("remove");
  expect(history.redo()).toBeNull();
  expect(uidsOf(model)).toBe("bc");
});

test("any steps are undone to the beginning, and made again to the end", () => {
  const next = random(7);
  const model = new DocumentModel(document("abcd"));
  const history = new History(model);
  const seen = [model.value];
  for (let index = 0; index < 60; index++) {
    const uid = "abcdefgh"[Math.floor(next() * 8)]!;
    const order = model.objects.map((each) => each.uid).sort(() => next() - 0.5);
    const before = model.value;
    if (next() < 0.2) history.do({ put: [], remove: [], order }, "order");
    else if (next() < 0.3) history.do({ put: [], remove: [uid] }, "remove");
    else history.do({ put: [object(uid, { label: `${index}` })], remove: [] }, "put");
    if (model.value !== before && JSON.stringify(model.value) !== JSON.stringify(seen.at(-1))) seen.push(model.value);
  }
  for (const document of seen.slice(0, -1).reverse()) {
    history.undo();
    expect(model.value).toEqual(document);
  }
  expect(history.undo()).toBeNull();
  for (const document of seen.slice(1)) {
    history.redo();
    expect(model.value).toEqual(document);
  }
});

test("a new step ends what could be made again", () => {
  const { history } = begun("a");
  history.do({ put: [object("b")], remove: [] }, "add");
  history.undo();
  history.do({ put: [object("c")], remove: [] }, "add another");
  expect(history.redo()).toBeNull();
});

test("a change that changes nothing is no step", () => {
  const { history } = begun("a");
  history.do({ put: [object("a")], remove: ["x"] }, "nothing");
  expect(history.steps.value).toEqual({ undo: null, redo: null });
});

test("only so many steps are kept", () => {
  const { model, history } = begun("a");
  for (let index = 0; index < 8; index++) history.do({ put: [object("a", { label: `${index}` })], remove: [] }, "rename");
  while (history.undo() !== null);
  expect(model.get("a")?.label).toBe("2");
});

test("the first object begins an image, and the last one that goes makes it new again", () => {
  const { model, history } = begun("", { state: "new" });
  history.do({ put: [object("a")], remove: [] }, "add");
  expect(model.state).toBe("started");
  history.do({ put: [], remove: ["a"] }, "remove");
  expect(model.state).toBe("new");
  history.undo();
  expect(model.state).toBe("started");
  history.do({ put: [], remove: [], state: "done" }, "mark");
  history.do({ put: [object("b")], remove: [] }, "add");
  expect(model.state).toBe("done");
});

test("what another page changed since is not undone, and is named", () => {
  const { model, history } = begun("abc");
  history.do({ put: [object("a", { label: "mine" }), object("b", { label: "mine" })], remove: ["c"], state: "done" }, "edit");
  const theirs = document("ab", { version: 2, state: "doubt" });
  model.replace({ ...theirs, objects: [object("a", { label: "theirs" }), overTheWire(object("b", { label: "mine" }))] });
  expect(history.undo()).toEqual({ name: "edit", skipped: ["a"] });
  expect(model.objects.map((each) => each.label)).toEqual(["theirs", null, null]);
  expect(uidsOf(model)).toBe("abc");
  expect(model.state).toBe("doubt");
});

test("an object that another page removed does not come back by undo, nor by redo", () => {
  const { model, history } = begun("a");
  history.do({ put: [object("a", { label: "mine" })], remove: [] }, "rename");
  model.replace(document("", { version: 2 }));
  expect(history.undo()?.skipped).toEqual(["a"]);
  expect(history.redo()?.skipped).toEqual(["a"]);
  expect(uidsOf(model)).toBe("");
});

test("an image of which another page holds an object is not new again by undo", () => {
  const { model, history } = begun("", { state: "new" });
  history.do({ put: [object("a"), object("b")], remove: [] }, "add");
  model.replace({ ...document("a", { version: 2 }), objects: [object("a"), object("b", { label: "theirs" })] });
  expect(history.undo()).toEqual({ name: "add", skipped: ["b"] });
  expect(uidsOf(model)).toBe("b");
  expect(model.state).toBe("started");
});
