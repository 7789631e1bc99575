import { expect, test } from "vitest";

import type { Ledger } from "../../src/model/ledger.ts";
import { UnsentStore, type Unsent } from "../../src/model/unsent.ts";
import { object } from "./documents.ts";
import { FakeStorage } from "./fake_storage.ts";

const gone = (): boolean => false;

class FakeLedger implements Ledger {
  readonly isSettled = true;
  readonly entries = new Map<string, string>();

  put(name: string, text: string): void {
    this.entries.set(name, text);
  }

  delete(name: string): void {
    this.entries.delete(name);
  }

  all(): Promise<[string, string][]> {
    return Promise.resolve([...this.entries]);
  }
}

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

/** Storage as a browser that was killed has it: with what it had when it was copied. */
function copyOf(storage: FakeStorage): FakeStorage {
  const copy = new FakeStorage();
  storage.values.forEach((text, name) => copy.setItem(name, text));
  return copy;
}

test("what storage has forgotten comes back from the ledger", async () => {
  const ledger = new FakeLedger();
  new UnsentStore(new FakeStorage(), () => "cups", "old", ledger).keep("aa", unsent("a"));
  new UnsentStore(new FakeStorage(), () => "cups", "open", ledger).keep("bb", unsent("b"));
  new UnsentStore(new FakeStorage(), () => "dogs", "old", ledger).keep("cc", unsent("c"));
  const store = new UnsentStore(new FakeStorage(), () => "cups", "new", ledger);
  await store.recover((page) => page === "open");
  expect(store.takeOver((page) => page === "open")).toEqual(["aa"]);
  expect(store.get("aa")).toEqual(unsent("a"));
});

test("what storage has of an older time gives way to the ledger", async () => {
  const [storage, ledger] = [new FakeStorage(), new FakeLedger()];
  const old = new UnsentStore(storage, () => "cups", "old", ledger);
  old.keep("changed", unsent("a"));
  old.keep("saved", unsent("b"));
  const killed = copyOf(storage);
  old.keep("changed", unsent("c"));
  old.drop("saved");
  const store = new UnsentStore(killed, () => "cups", "new", ledger);
  await store.recover(gone);
  expect(store.takeOver(gone)).toEqual(["changed"]);
  expect(store.get("changed")).toEqual(unsent("c"));
});

test("what storage has of a newer time is kept", async () => {
  const [storage, ledger] = [new FakeStorage(), new FakeLedger()];
  const old = new UnsentStore(storage, () => "cups", "old", ledger);
  old.drop("aa");
  const behind = new Map(ledger.entries);
  old.keep("aa", unsent("a"));
  ledger.entries.clear();
  behind.forEach((text, name) => ledger.put(name, text));
  const store = new UnsentStore(storage, () => "cups", "new", ledger);
  await store.recover(gone);
  expect(store.takeOver(gone)).toEqual(["aa"]);
});

test("what was taken over is not taken over again when storage brings it back", async () => {
  const [storage, ledger] = [new FakeStorage(), new FakeLedger()];
  new UnsentStore(storage, () => "cups", "old", ledger).keep("aa", unsent("a"));
  const killed = copyOf(storage);
  const next = new UnsentStore(storage, () => "cups", "next", ledger);
  expect(next.takeOver(gone)).toEqual(["aa"]);
  next.drop("aa");
  const store = new UnsentStore(killed, () => "cups", "new", ledger);
  await store.recover(gone);
  expect(store.takeOver(gone)).toEqual([]);
});
