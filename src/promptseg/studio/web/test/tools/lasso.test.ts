import { expect, test } from "vitest";

import { bitmapOf } from "../../src/canvas/bitmaps.ts";
import { Bitmap } from "../../src/model/mask.ts";
import type { Point } from "../../src/model/types.ts";
import { LassoTool } from "../../src/tools/lasso.ts";
import { disc, FakeContext, HEIGHT, key, object, pointer, WIDTH } from "./fake.ts";

const triangle: Point[] = [
  [30, 20],
  [90, 20],
  [60, 80],
];
const inside = Bitmap.empty(WIDTH, HEIGHT).withPolygon(triangle, true);

function draw(tool: LassoTool, values = {}): void {
  const [[x, y], ...others] = triangle as [Point, ...Point[]];
  tool.down(pointer(x, y, values));
  tool.move(pointer(...others.at(-1)!, { ...values, path: others }));
  tool.up();
}

test("around nothing chosen it makes an object of what is inside", () => {
  const context = new FakeContext();
  draw(new LassoTool(context));
  expect(context.document.objects).toHaveLength(1);
  expect(bitmapOf(context.document.objects[0]!.mask).equals(inside)).toBe(true);
  expect(context.stage.marks).toEqual([]);
});

test("it adds to the chosen object, and with Alt takes away, each as one step", () => {
  const context = new FakeContext([object("a", disc(60, 40, 25))]);
  const tool = new LassoTool(context);
  context.selection.set(new Set(["a"]));
  draw(tool);
  expect(bitmapOf(context.document.get("a")!.mask).equals(disc(60, 40, 25).union(inside))).toBe(true);
  draw(tool, { alt: true });
  expect(bitmapOf(context.document.get("a")!.mask).equals(disc(60, 40, 25).subtract(inside))).toBe(true);
  context.history.undo();
  context.history.undo();
  expect(context.document.get("a")!.mask).toEqual(disc(60, 40, 25).toRuns());
});

test("it is drawn while it moves, and Escape drops it", () => {
  const context = new FakeContext();
  const tool = new LassoTool(context);
  tool.down(pointer(30, 20));
  tool.move(pointer(90, 20));
  expect(context.stage.marks).toEqual([
    {
      kind: "lasso",
      path: [
        [30, 20],
        [90, 20],
      ],
      adds: true,
    },
  ]);
  expect(tool.key(key("Escape"))).toBe(true);
  tool.up();
  expect(context.document.objects).toEqual([]);
  expect(context.stage.marks).toEqual([]);
});

test("taking away from nothing says so", () => {
  const context = new FakeContext();
  draw(new LassoTool(context), { alt: true });
  expect(context.errors).toEqual(["There is nothing to erase: choose an object first"]);
});
