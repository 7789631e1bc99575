import { expect, test } from "vitest";

import { cellsOf, inSight, offsetFor } from "../../src/ui/virtual.ts";

test("what is in sight is what the view shows, and some more", () => {
  expect(inSight(5000, 100, 0, 850, 2)).toEqual({ first: 0, last: 11 });
  expect(inSight(5000, 100, 250_050, 850, 2)).toEqual({ first: 2498, last: 2511 });
  expect(inSight(10, 100, 900, 850, 2)).toEqual({ first: 7, last: 10 });
});

test("nothing is in sight of an empty list, or of one that is shorter than it was scrolled", () => {
  expect(inSight(0, 100, 0, 850, 2)).toEqual({ first: 0, last: 0 });
  expect(inSight(3, 100, 90_000, 850, 2)).toEqual({ first: 3, last: 3 });
});

test("cells fill the width", () => {
  expect(cellsOf(25, 1000, 104, 86)).toEqual({ columns: 9, rows: 3, width: 1000 / 9, height: 86 });
  expect(cellsOf(25, 50, 104, 86).columns).toBe(1);
});

test("an item comes into sight by the least movement", () => {
  expect(offsetFor(5, 100, 0, 850)).toBe(0);
  expect(offsetFor(9, 100, 0, 850)).toBe(150);
  expect(offsetFor(2, 100, 500, 850)).toBe(200);
});
