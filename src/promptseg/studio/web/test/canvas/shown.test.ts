import { expect, test } from "vitest";

import type { ShownObject } from "../../src/canvas/painters.ts";
import { changesOf } from "../../src/canvas/shown.ts";
import { disc } from "../tools/fake.ts";

const mask = disc(20, 20, 5);

function shown(uids: string, values: Partial<ShownObject> = {}): ShownObject[] {
  return Array.from(uids, (uid) => ({ uid, bitmap: mask, color: "#ff0000", ...values }));
}

function changed(before: readonly ShownObject[], after: readonly ShownObject[]): string {
  return changesOf(before, after)
    .map(({ uid }) => uid)
    .sort()
    .join("");
}

test("what is the same changes nothing, whoever made it", () => {
  expect(changed(shown("abc"), shown("abc"))).toBe("");
});

test("what is new, gone or elsewhere in the order changes", () => {
  expect(changed(shown("ab"), shown("abc"))).toBe("c");
  expect(changed(shown("abc"), shown("ac"))).toBe("b");
  expect(changed(shown("abc"), shown("bca"))).toBe("a");
});

test("what looks different changes as it was and as it is", () => {
  expect(changed(shown("a"), shown("a", { color: "#00ff00" }))).toBe("aa");
  expect(changed(shown("a"), shown("a", { hidden: true }))).toBe("aa");
  expect(changed(shown("a"), shown("a", { bitmap: disc(60, 20, 5) }))).toBe("aa");
});
