import { describe, expect, test } from "vitest";

import { bitmapOf } from "../../src/canvas/bitmaps.ts";
import { PaintTool } from "../../src/tools/painting.ts";
import { strokeMask } from "../../src/tools/strokes.ts";
import { disc, FakeContext, HEIGHT, key, object, pointer, WIDTH } from "./fake.ts";

function begin(id: "brush" | "eraser", objects: ReturnType<typeof object>[] = []): { context: FakeContext; tool: PaintTool } {
  const context = new FakeContext(objects);
  const tool = new PaintTool(context, id);
  tool.enter();
  return { context, tool };
}

function drag(tool: PaintTool, x0: number, x1: number, values = {}): void {
  tool.down(pointer(x0, 50, values));
  tool.move(
    pointer(x1, 50, {
      ...values,
      path: [
        [(x0 + x1) / 2, 50],
        [x1, 50],
      ],
    }),
  );
  tool.up(pointer(x1, 50, values));
}

const stroke = strokeMask(
  [
    [50, 50],
    [90, 50],
  ],
  5,
  WIDTH,
  HEIGHT,
);

describe("the brush", () => {
  test("makes a new object where none is chosen, and chooses it", () => {
    const { context, tool } = begin("brush");
    drag(tool, 50, 90);
    const [made] = context.document.objects;
    expect(made).toMatchObject({ label: "thing", source: "hand", score: null, prompts: [] });
    expect(bitmapOf(made!.mask).equals(stroke)).toBe(true);
    expect(context.selection.value).toEqual(new Set([made!.uid]));
    drag(tool, 100, 120);
    expect(context.document.objects).toHaveLength(1);
  });

  test("adds to the chosen object, as one step", () => {
    const before = object("a", disc(50, 50, 10));
    const { context, tool } = begin("brush", [before]);
    context.selection.set(new Set(["a"]));
    drag(tool, 50, 90);
    expect(bitmapOf(context.document.get("a")!.mask).equals(disc(50, 50, 10).union(stroke))).toBe(true);
    expect(context.document.get("a")).toMatchObject({ score: null, source: "hand" });
    context.history.undo();
    expect(context.document.get("a")).toEqual(before);
  });

  test("is drawn while it moves, with the object in the place of the kept one", () => {
    const { context, tool } = begin("brush", [object("a", disc(50, 50, 10))]);
    context.selection.set(new Set(["a"]));
    tool.down(pointer(50, 50));
    tool.move(
      pointer(60, 50, {
        path: [
          [55, 50],
          [60, 50],
        ],
      }),
    );
    expect(context.stage.stroke?.path).toEqual([
      [50, 50],
      [55, 50],
      [60, 50],
    ]);
    expect(context.stage.draft?.lifted).toBe("a");
    expect(context.document.get("a")!.mask).toEqual(disc(50, 50, 10).toRuns());
    tool.up(pointer(60, 50));
    expect(context.stage.stroke).toBeNull();
    expect(context.stage.draft).toBeNull();
  });

  test("leaves locked objects alone, and says so", () => {
    const { context, tool } = begin("brush", [object("a", disc(50, 50, 10), { locked: true })]);
    context.selection.set(new Set(["a"]));
    drag(tool, 50, 90);
    expect(context.errors).toEqual(["The object is locked"]);
    expect(context.document.get("a")!.mask).toEqual(disc(50, 50, 10).toRuns());
  });

  test("forgets a stroke that was cancelled", () => {
    const { context, tool } = begin("brush");
    tool.down(pointer(50, 50));
    tool.move(pointer(60, 50));
    expect(tool.key(key("Escape"))).toBe(true);
    tool.up(pointer(60, 50));
    expect(context.document.objects).toEqual([]);
    expect(context.stage.stroke).toBeNull();
  });

  test("keeps a stroke that was not ended when another tool is taken", () => {
    const { context, tool } = begin("brush");
    tool.down(pointer(50, 50));
    tool.leave();
    expect(context.document.objects).toHaveLength(1);
    expect(context.stage.ring).toBeNull();
  });

  test("changes its size by [ and ], and shows it", () => {
    const { context, tool } = begin("brush");
    tool.hover(pointer(30, 30));
    expect(context.stage.ring).toEqual({ at: [30, 30], radius: 5 });
    tool.key(key("]"));
    expect(context.stage.ring?.radius).toBeCloseTo(6.25);
    tool.key(key("["));
    expect(context.settings.brushRadius.value).toBeCloseTo(5);
    tool.away();
    expect(context.stage.ring).toBeNull();
  });

  test("is larger under a pen that is pressed, where that is wanted", () => {
    const { context, tool } = begin("brush");
    tool.down(pointer(50, 50, { kind: "pen", pressure: 1 }));
    expect(context.stage.stroke?.radius).toBe(5);
    tool.cancel();
    context.settings.pressure.set(true);
    tool.down(pointer(50, 50, { kind: "pen", pressure: 1 }));
    expect(context.stage.stroke!.radius).toBeGreaterThan(5);
  });
});

describe("the eraser", () => {
  test("takes from the object under it where none is chosen", () => {
    const { context, tool } = begin("eraser", [object("a", disc(50, 50, 20))]);
    drag(tool, 50, 90);
    expect(bitmapOf(context.document.get("a")!.mask).equals(disc(50, 50, 20).subtract(stroke))).toBe(true);
  });

  test("deletes an object of which nothing is left, and undo brings it back", () => {
    const { context, tool } = begin("eraser", [object("a", disc(70, 50, 3))]);
    context.selection.set(new Set(["a"]));
    drag(tool, 50, 90);
    expect(context.document.objects).toEqual([]);
    expect(context.selection.value).toEqual(new Set());
    context.history.undo();
    expect(context.document.get("a")!.mask).toEqual(disc(70, 50, 3).toRuns());
  });

  test("makes no step where it took nothing", () => {
    const { context, tool } = begin("eraser", [object("a", disc(150, 50, 10))]);
    context.selection.set(new Set(["a"]));
    drag(tool, 20, 40);
    expect(context.history.steps.value.undo).toBeNull();
  });

  test("says so where nothing is under it", () => {
    const { context, tool } = begin("eraser");
    drag(tool, 50, 90);
    expect(context.errors).toEqual(["There is nothing to erase: choose an object first"]);
  });
});

test("with Alt the brush takes away", () => {
  const { context, tool } = begin("brush", [object("a", disc(50, 50, 20))]);
  context.selection.set(new Set(["a"]));
  drag(tool, 50, 90, { alt: true });
  expect(bitmapOf(context.document.get("a")!.mask).equals(disc(50, 50, 20).subtract(stroke))).toBe(true);
});
