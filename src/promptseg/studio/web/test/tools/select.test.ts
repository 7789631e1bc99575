import { expect, test } from "vitest";

import { SelectTool } from "../../src/tools/select.ts";
import { disc, FakeContext, key, object, pointer } from "./fake.ts";

function begin(): { context: FakeContext; tool: SelectTool; chosen: () => string[] } {
  const context = new FakeContext([
    object("back", disc(50, 50, 30), { label: "cat" }),
    object("middle", disc(50, 50, 20)),
    object("front", disc(60, 50, 10), { locked: true }),
    object("hidden", disc(60, 50, 10), { hidden: true }),
  ]);
  return { context, tool: new SelectTool(context), chosen: () => [...context.selection.value] };
}

test("a click chooses the topmost object that is shown, and beside all none", () => {
  const { tool, chosen } = begin();
  tool.up(pointer(60, 50));
  expect(chosen()).toEqual(["front"]);
  tool.up(pointer(25, 50));
  expect(chosen()).toEqual(["back"]);
  tool.up(pointer(150, 50));
  expect(chosen()).toEqual([]);
});

test("with Shift it adds, and takes away", () => {
  const { tool, chosen } = begin();
  tool.up(pointer(60, 50));
  tool.up(pointer(25, 50, { shift: true }));
  tool.up(pointer(150, 50, { shift: true }));
  expect(chosen()).toEqual(["front", "back"]);
  tool.up(pointer(60, 50, { shift: true }));
  expect(chosen()).toEqual(["back"]);
});

test("Tab goes through what lies over one another, and then leaves", () => {
  const { tool, chosen } = begin();
  tool.up(pointer(60, 50));
  expect([0, 1, 2].map(() => [tool.key(key("Tab")), ...chosen()])).toEqual([
    [true, "middle"],
    [true, "back"],
    [false, "back"],
  ]);
});

test("Delete deletes what is not locked, as one step", () => {
  const { context, tool, chosen } = begin();
  tool.up(pointer(60, 50));
  tool.up(pointer(25, 50, { shift: true }));
  tool.up(pointer(45, 50, { shift: true }));
  expect(tool.key(key("Delete"))).toBe(true);
  expect(context.document.objects.map(({ uid }) => uid)).toEqual(["front", "hidden"]);
  expect(chosen()).toEqual(["front"]);
  expect(context.errors).toEqual(["The object is locked"]);
  context.history.undo();
  expect(context.document.objects.map(({ uid }) => uid)).toEqual(["back", "middle", "front", "hidden"]);
});

test("Escape chooses nothing, and is left to others where nothing is chosen", () => {
  const { tool, chosen } = begin();
  tool.up(pointer(60, 50));
  expect(tool.key(key("Escape"))).toBe(true);
  expect(chosen()).toEqual([]);
  expect(tool.key(key("Escape"))).toBe(false);
  expect(tool.key(key("Delete"))).toBe(false);
});

test("the object under the pointer lights up", () => {
  const { context, tool } = begin();
  tool.hover(pointer(60, 50));
  expect(context.stage.hovered).toBe("front");
  tool.away();
  expect(context.stage.hovered).toBeNull();
});

test("what is chosen is told", () => {
  const { context, tool } = begin();
  tool.up(pointer(25, 50));
  tool.up(pointer(60, 50, { shift: true }));
  expect(context.said).toEqual(["cat chosen", "2 objects chosen"]);
});
