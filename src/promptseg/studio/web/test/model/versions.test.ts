import { expect, test } from "vitest";

import { differingParts } from "../../src/model/versions.ts";
import { disc } from "./naive.ts";
import { object, overTheWire } from "./documents.ts";

const theirs = object("a", { label: "cup", attributes: { color: "red", size: "large" } });

test("versions differ in nothing where they have the same values", () => {
  expect(differingParts({ mine: overTheWire(theirs), theirs })).toEqual([]);
});

test("versions differ in what a person sees", () => {
  const mine = { ...theirs, label: "mug", mask: disc([12, 8], [1, 1], 1).toRuns(), attributes: { color: "red" }, hidden: true };
  expect(differingParts({ mine, theirs })).toEqual(["label", "mask", "attributes", "hidden"]);
});

test("a version that was removed differs in no part", () => {
  expect(differingParts({ mine: null, theirs })).toEqual([]);
});
