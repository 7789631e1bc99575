import { expect, test } from "vitest";

import { Bitmap } from "../../src/model/mask.ts";
import { agreement, bestIou, differences } from "../../src/ui/agreement.ts";

function rectangle(x0: number, y0: number, x1: number, y1: number): Bitmap {
  return Bitmap.fromBits(40, 30, { x0, y0, x1, y1 }, new Uint8Array((x1 - x0) * (y1 - y0)).fill(1));
}

const [cup, plate] = [rectangle(0, 0, 10, 10), rectangle(20, 0, 30, 10)];

test("each true mask has the object that agrees most, which is given once", () => {
  const half = rectangle(0, 0, 10, 5);
  const exact = rectangle(0, 0, 10, 10);
  const { pairs, mean, extra } = agreement([cup, plate], [half, exact]);
  expect(pairs).toEqual([
    { object: 1, iou: 1 },
    { object: null, iou: 0 },
  ]);
  expect(mean).toBe(0.5);
  expect(extra).toEqual([0]);
});

test("without true masks there is no mean", () => {
  expect(agreement([], [cup])).toEqual({ pairs: [], mean: null, extra: [0] });
  expect(bestIou([], cup)).toBeNull();
});

test("a mask is compared with the true mask that is nearest", () => {
  expect(bestIou([cup, plate], rectangle(20, 0, 30, 5))).toBe(0.5);
});

test("differences are what is missed, and what is too much", () => {
  const { missed, extra } = differences([cup], [rectangle(5, 0, 15, 10)], Bitmap.empty(40, 30));
  expect(missed.box).toEqual([0, 0, 5, 10]);
  expect(extra.box).toEqual([10, 0, 15, 10]);
});
