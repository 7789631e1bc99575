import { expect, test } from "vitest";

import { UnsentStore, type Unsent } from "../../src/model/unsent.ts";
import { object } from "./documents.ts";
import { FakeStorage } from "./fake_storage.ts";

const gone = (): boolean => false;

function unsent(uid: string): Unsent {
  const pending = { change: { put: [object(uid)], remove: [] }, base: { [uid]: null } };
  return { version: 3, sent: pending, waiting: { change: { put: [], remove: [] }, base: {} } };
}

test("what is kept is read again until it is dropped", () => {
  const store = new UnsentStore(new FakeStorage(), () => "data set/ü", "page");
  expect(store.keep("aa", unsent("a"))).toBe(true);
  expect(store.keep("aa", unsent("b"))).toBe(true);
  expect(store.get("aa")).toEqual(unsent("b"));
  store.drop("aa");
  expect(store.get("aa")).toBeNull();
});

test("a page takes over what pages that are gone have left, of its own dataset", () => {
  const storage = new FakeStorage();
  new UnsentStore(storage, () => "cups", "old").keep("aa", unsent("a"));
  new UnsentStore(storage, () => "cups", "open").keep("bb", unsent("b"));
  new UnsentStore(storage, () => "dogs", "old").keep("cc", unsent("c"));
  const store = new UnsentStore(storage, () => "cups", "new");
  store.keep("dd", unsent("d"));
  expect(store.takeOver((page) => page === "open").sort()).toEqual(["aa", "dd"]);
  expect(store.get("aa")).toEqual(unsent("a"));
  expect(new UnsentStore(storage, () => "cups", "old").get("aa")).toBeNull();
  expect(new UnsentStore(storage, () => "cups", "open").get("bb")).toEqual(unsent("b"));
  expect(new UnsentStore(storage, () => "dogs", "new").takeOver(gone)).toEqual(["cc"]);
});

test("what two pages left of one image is taken over one after the other", () => {
  const storage = new FakeStorage();
  new UnsentStore(storage, () => "cups", "one").keep("aa", unsent("a"));
  new UnsentStore(storage, () => "cups", "two").keep("aa", unsent("b"));
  const store = new UnsentStore(storage, () => "cups", "new");
  const found = [];
  for (let turn = 0; turn < 2; turn++) {
    expect(store.takeOver(gone)).toEqual(["aa"]);
    found.push(store.get("aa")?.sent.change.put[0]?.uid);
    store.drop("aa");
  }
  expect(found.sort()).toEqual(["a", "b"]);
  expect(store.takeOver(gone)).toEqual([]);
});

test("full storage is told, and what was there stays", () => {
  const storage = new FakeStorage(2.5 * JSON.stringify(unsent("a")).length);
  const store = new UnsentStore(storage, () => "cups", "page");
  expect(store.keep("aa", unsent("a"))).toBe(true);
  expect(store.keep("bb", unsent("b"))).toBe(true);
  expect(store.keep("cc", unsent("c"))).toBe(false);
  expect(store.get("aa")).toEqual(unsent("a"));
});

test("what cannot be taken over, as storage is full, is left where it is", () => {
  const storage = new FakeStorage();
  new UnsentStore(storage, () => "cups", "old").keep("aa", unsent("a"));
  storage.size = 10;
  expect(new UnsentStore(storage, () => "cups", "new").takeOver(gone)).toEqual([]);
  storage.size = Infinity;
  expect(new UnsentStore(storage, () => "cups", "new").takeOver(gone)).toEqual(["aa"]);
});

test("forbidden storage keeps nothing, and breaks nothing", () => {
  const storage = new FakeStorage();
  storage.isForbidden = true;
  const store = new UnsentStore(storage, () => "cups", "page");
  expect(store.keep("aa", unsent("a"))).toBe(false);
  store.drop("aa");
  expect(store.get("aa")).toBeNull();
  expect(store.takeOver(gone)).toEqual([]);
});

test.each(["", "{", "null", "[]", "{}", '{"version":1,"sent":{"change":{}},"waiting":null}'])(
  "damaged storage reads as nothing: %j",
  (value) => {
    const storage = new FakeStorage();
    new UnsentStore(storage, () => "cups", "old").keep("aa", unsent("a"));
    const [name] = storage.values.keys();
    storage.values.set(name!, value);
    expect(new UnsentStore(storage, () => "cups", "old").get("aa")).toBeNull();
    expect(new UnsentStore(storage, () => "cups", "new").takeOver(gone)).toEqual([]);
    expect(storage.values.size).toBe(0);
  },
);
