import { expect, test } from "vitest";

import { BoxTool } from "../../src/tools/box.ts";
import { boxBetween } from "../../src/tools/dragging.ts";
import { disc, FakeContext, found, key, pointer } from "./fake.ts";

function begin(): { context: FakeContext; tool: BoxTool } {
  const context = new FakeContext();
  const tool = new BoxTool(context);
  tool.enter();
  return { context, tool };
}

test("a drag asks for what is in the box, whichever way it goes", () => {
  const { context, tool } = begin();
  tool.down(pointer(60.5, 40.5));
  tool.move(pointer(30.5, 20.5));
  expect(context.stage.marks).toEqual([{ kind: "box", box: [31, 21, 61, 41] }]);
  tool.up(pointer(19.5, 9.5));
  expect(context.last.prompts).toEqual([{ box: [20, 10, 61, 41] }]);
});

test("a box ends at the image, and a pixel's box is half-open", () => {
  expect(boxBetween([-50, 5], [5, 500], { width: 200, height: 100 })).toEqual([0, 5.5, 5.5, 100]);
  expect(boxBetween([-0.5, -0.5], [0.5, 0.5], { width: 200, height: 100 })).toEqual([0, 0, 1, 1]);
});

test("clicks refine the mask of the box", async () => {
  const { context, tool } = begin();
  tool.down(pointer(20, 20));
  tool.up(pointer(60, 60));
  await context.last.answer([found(disc(40, 40, 15))]);
  tool.down(pointer(55, 55, { button: 2 }));
  tool.up(pointer(55, 55, { button: 2 }));
  const mask = disc(40, 40, 15).toRuns();
  expect(context.last.prompts).toEqual([{ box: [20.5, 20.5, 60.5, 60.5], points: [[55, 55]], foreground: [false], mask }]);
  await context.last.answer([found(disc(40, 40, 12))]);
  tool.key(key("Enter"));
  expect(context.document.objects[0]!.prompts).toEqual([{ box: [20.5, 20.5, 60.5, 60.5], points: [[55, 55]], foreground: [false], mask }]);
});

test("another drag begins anew", async () => {
  const { context, tool } = begin();
  tool.down(pointer(20, 20));
  tool.up(pointer(60, 60));
  await context.last.answer([found(disc(40, 40, 15))]);
  tool.down(pointer(70, 20));
  tool.up(pointer(90, 60));
  expect(context.last.prompts).toEqual([{ box: [70.5, 20.5, 90.5, 60.5] }]);
});

test("a click without a box is nothing, and so is a drag that the system took away", () => {
  const { context, tool } = begin();
  tool.down(pointer(20, 20));
  tool.up(pointer(21, 20));
  tool.down(pointer(20, 20));
  tool.move(pointer(60, 60));
  tool.cancel();
  tool.up(pointer(60, 60));
  expect(context.asked).toEqual([]);
  expect(context.stage.marks).toEqual([]);
});
