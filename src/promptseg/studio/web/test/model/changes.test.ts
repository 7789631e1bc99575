import { describe, expect, test } from "vitest";

import { applied, difference, isNothing, joined, sameObject, without } from "../../src/model/changes.ts";
import type { Change, ImageDocument } from "../../src/model/types.ts";
import { document, object, overTheWire, uidsOf } from "./documents.ts";
import { random } from "./naive.ts";

describe("a change", () => {
  test("puts new objects to the front, and new values in place", () => {
    const changed = applied(document("abc"), { put: [object("b", { label: "cup" }), object("x"), object("y")], remove: [] });
    expect(uidsOf(changed)).toBe("abcxy");
    expect(changed.objects[1]?.label).toBe("cup");
  });

  test("removes objects, and those that are gone need nothing", () => {
    expect(uidsOf(applied(document("abc"), { put: [], remove: ["b", "x"] }))).toBe("ac");
  });

  test("orders the objects that it names; others stay in front", () => {
    expect(uidsOf(applied(document("abcd"), { put: [], remove: [], order: ["c", "x", "a", "c"] }))).toBe("cabd");
  });

  test("leaves the document that it is made to as it was", () => {
    const before = document("abc");
    applied(before, { put: [object("a", { label: "cup" })], remove: ["b"], order: ["c", "a"], state: "done" });
    expect(before).toEqual(document("abc"));
  });
});

/** Any change of a document, with uids that are there and some that are not. */
function randomChange(next: () => number): Change {
  const uids = Array.from("abcdefgh").filter(() => next() < 0.3);
  const remove = uids.filter(() => next() < 0.4);
  const change: Change = {
    put: uids.filter((uid) => !remove.includes(uid)).map((uid) => object(uid, { label: `label ${Math.floor(next() * 3)}` })),
    remove,
  };
  if (next() < 0.3) change.order = Array.from("abcdefgh").sort(() => next() - 0.5);
  if (next() < 0.3) change.state = next() < 0.5 ? "done" : "doubt";
  return change;
}

function complete(change: Change, before: ImageDocument): Change {
  return change.order ? { ...change, order: Array.from(uidsOf(applied(before, change))) } : change;
}

describe.each(Array.from({ length: 200 }, (_, seed) => seed))("random changes: %i", (seed) => {
  const next = random(seed);
  const before = document("abcde");
  const first = complete(randomChange(next), before);
  const middle = applied(before, first);
  const second = complete(randomChange(next), middle);
  const after = applied(middle, second);

  test("the difference makes one document of another", () => {
    expect(applied(before, difference(before, after))).toEqual(after);
    expect(applied(after, difference(after, before))).toEqual(before);
    expect(isNothing(difference(after, overTheWire(after)))).toBe(true);
  });

  test("two joined do what both do, up to the places of objects that were removed and put again", () => {
    const both = applied(before, joined(first, second));
    const put = new Set(second.put.map((each) => each.uid));
    const moved = new Set(first.remove.filter((uid) => put.has(uid)));
    const staying = (one: ImageDocument): string => Array.from(uidsOf(one)).filter((uid) => !moved.has(uid)).join(""); // prettier-ignore
    expect(both.state).toBe(after.state);
    expect(new Set(both.objects)).toEqual(new Set(after.objects));
    if (second.order) expect(uidsOf(both)).toBe(uidsOf(after));
    else if (!first.order) expect(staying(both)).toBe(staying(after));
  });
});

test("a change without some objects keeps the rest", () => {
  const change: Change = { put: [object("a"), object("b")], remove: ["c", "d"], state: "done" };
  expect(without(change, new Set(["a", "d"]))).toEqual({ put: [object("b")], remove: ["c"], state: "done" });
});

test("objects are the same by their values; a member that is null counts as missing", () => {
  const one = object("a", { attributes: { x: "1", y: "2" }, prompts: [{ points: [[1, 2]], foreground: [true] }] });
  expect(sameObject(one, overTheWire(one))).toBe(true);
  expect(sameObject(one, { ...one, attributes: { x: "1", y: "3" } })).toBe(false);
  const bare: Partial<typeof one> = { ...one };
  delete bare.color;
  expect(sameObject(one, bare as typeof one)).toBe(true);
  expect(sameObject(one, undefined)).toBe(false);
  expect(sameObject(undefined, undefined)).toBe(true);
});
