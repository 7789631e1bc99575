import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { bitmapOf } from "../../src/canvas/bitmaps.ts";
import { PointTool } from "../../src/tools/point.ts";
import { disc, FakeContext, found, key, object, pointer, settled } from "./fake.ts";

const [small, middle, large] = [disc(50, 50, 5), disc(50, 50, 10), disc(50, 50, 20)];

function begin(objects = [] as ReturnType<typeof object>[]): { context: FakeContext; tool: PointTool } {
  const context = new FakeContext(objects);
  const tool = new PointTool(context);
  tool.enter();
  return { context, tool };
}

describe("a click", () => {
  test("asks for the mask of a point on the object, and shows it", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    expect(context.last.prompts).toEqual([{ points: [[50, 50]], foreground: [true] }]);
    await context.last.answer([found(large, 0.6)]);
    expect(context.stage.draft?.bitmap.equals(large)).toBe(true);
    expect(context.stage.draft?.style?.kind).toBe("draft");
    expect(context.stage.marks).toEqual([{ kind: "point", at: [50, 50], foreground: true }]);
  });

  test.each([
    ["the other button", { button: 2 }],
    ["Alt", { alt: true }],
    ["Shift at the crosshair of the keys", { shift: true, kind: "keyboard" as const }],
  ])("with %s is a point on the background", (_, values) => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50, values));
    expect(context.last.prompts).toEqual([{ points: [[50, 50]], foreground: [false] }]);
  });

  test("is on the background while the session takes away, until the object is kept or dropped", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    await context.last.answer([found(middle)]);
    tool.session.takesAway.set(true);
    tool.up(pointer(60, 50));
    expect(context.last.prompts[0]).toMatchObject({ foreground: [true, false] });
    tool.key(key("Escape"));
    tool.up(pointer(50, 50));
    expect(context.last.prompts[0]).toMatchObject({ foreground: [true] });
  });

  test("is drawn in the color of the label of the moment, also when that changes", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    await context.last.answer([found(middle)]);
    const before = context.stage.draft?.style?.color;
    context.label.set(null);
    expect(context.stage.draft?.style?.color).toBe(context.colorOf(null));
    expect(context.colorOf(null)).not.toBe(before);
    expect(context.stage.draft?.bitmap.equals(middle)).toBe(true);
    tool.key(key("Escape"));
    context.label.set("thing");
    expect(context.stage.draft).toBeNull();
  });

  test("beside the image is none", () => {
    const { context, tool } = begin();
    tool.up(pointer(-3, 50));
    expect(context.asked).toEqual([]);
  });

  test("without a model says why", () => {
    const { context, tool } = begin();
    context.absent.add("point");
    tool.up(pointer(50, 50));
    expect(context.asked).toEqual([]);
    expect(context.errors).toEqual(["nothing for point"]);
  });

  test("that fails says why, and leaves what was there before it", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    await context.last.answer([found(middle)]);
    tool.up(pointer(60, 50));
    await context.last.fail("out of memory");
    expect(context.errors[0]).toContain("out of memory");
    expect(context.stage.draft?.bitmap.equals(middle)).toBe(true);
    expect(context.stage.marks).toHaveLength(1);
  });
});

describe("another click", () => {
  test("refines: all points, and the mask that was chosen", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    await context.last.answer([found(large, 0.9)]);
    await context.askedForOthers[0]!.answer([found(large, 0.9), found(middle, 0.6)]);
    tool.key(key("c"));
    tool.up(pointer(70, 50, { button: 2 }));
    expect(context.last.prompts).toEqual([
      {
        points: [
          [50, 50],
          [70, 50],
        ],
        foreground: [true, false],
        mask: middle.toRuns(),
      },
    ]);
  });

  test("before the answer replaces the question", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    tool.up(pointer(60, 50));
    expect(context.asked[0]!.options.signal!.aborted).toBe(true);
    await context.asked[0]!.answer([found(small)]);
    await context.last.answer([found(large)]);
    expect(context.stage.draft?.bitmap.equals(large)).toBe(true);
  });
});

describe("keys", () => {
  test("C goes through the candidates, and around", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    await context.last.answer([found(small, 0.7)]);
    await context.askedForOthers[0]!.answer([found(small, 0.7), found(large, 0.8), found(middle, 0.9)]);
    expect(context.stage.draft?.bitmap.equals(small)).toBe(true); // What is shown stays.
    const seen = [0, 1, 2].map(() => {
      tool.key(key("c"));
      return context.stage.draft?.bitmap.area;
    });
    expect(seen).toEqual([middle.area, large.area, small.area]);
    tool.key(key("C", { shift: true }));
    expect(context.stage.draft?.bitmap.area).toBe(large.area);
    expect(context.said).toContain("Mask 2 of 3");
  });

  test("C before the others came shows the next one when they come", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    await context.last.answer([found(small, 0.7)]);
    expect(tool.key(key("c"))).toBe(true);
    expect(context.stage.draft?.bitmap.equals(small)).toBe(true);
    await context.askedForOthers[0]!.answer([found(large, 0.8), found(middle, 0.9)]);
    expect(context.stage.draft?.bitmap.equals(middle)).toBe(true);
    expect(tool.session.state.value.candidate).toBe(1);
  });

  test("C where the others could not be had is left to others", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    await context.last.answer([found(small, 0.7)]);
    await context.askedForOthers[0]!.fail("no");
    expect(tool.key(key("c"))).toBe(false);
  });

  test("Enter keeps the mask with its label and its prompt, as one step", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    await context.last.answer([found(middle, 0.8)]);
    tool.up(pointer(70, 50, { button: 2 }));
    await context.last.answer([found(small, 0.7)]);
    expect(tool.key(key("Enter"))).toBe(true);
    const [kept] = context.document.objects;
    expect(kept).toMatchObject({ label: "thing", source: "model", score: 0.7 });
    expect(kept!.prompts).toEqual([
      {
        points: [
          [50, 50],
          [70, 50],
        ],
        foreground: [true, false],
        mask: middle.toRuns(),
      },
    ]);
    expect(bitmapOf(kept!.mask).equals(small)).toBe(true);
    expect(context.stage.draft).toBeNull();
    expect(context.stage.marks).toEqual([]);
    expect(context.selection.value).toEqual(new Set([kept!.uid]));
    context.history.undo();
    expect(context.document.objects).toEqual([]);
  });

  test("Enter before the answer keeps what comes", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    expect(tool.key(key("Enter"))).toBe(true);
    expect(context.document.objects).toEqual([]);
    await context.last.answer([found(middle)]);
    expect(context.document.objects).toHaveLength(1);
  });

  test("the next object can be prompted before the answer to an accepted one", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    tool.key(key("Enter"));
    context.label.set("other");
    tool.up(pointer(20, 20));
    expect(context.asked[0]!.options.signal?.aborted).toBe(false);
    await context.asked[0]!.answer([found(middle)]);
    expect(context.document.objects.map(({ label }) => label)).toEqual(["thing"]); // As it was when it was accepted.
    await context.asked[1]!.answer([found(small)]);
    tool.key(key("Enter"));
    expect(context.document.objects.map(({ label }) => label)).toEqual(["thing", "other"]);
  });

  test("what is accepted before the answer is kept with its image, also when another one is shown by then", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    tool.key(key("Enter"));
    const earlier = context.history;
    const kept: string[] = [];
    vi.spyOn(earlier, "do").mockImplementation((change) => (kept.push(...change.put.map(({ label }) => label ?? "")), false as never));
    Object.assign(context, { history: new FakeContext().history }); // That of the other image.
    await context.last.answer([found(middle)]);
    expect(kept).toEqual(["thing"]);
    expect(context.history.steps.value.undo).toBeNull();
    expect(context.selection.value.size).toBe(0);
  });

  test("leaving the tool keeps what is awaited, and finishing waits for it", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    tool.leave();
    let isFinished = false;
    const finished = tool.session.finish().then(() => (isFinished = true));
    await settled();
    expect(isFinished).toBe(false);
    expect(tool.session.awaited.value).toBe(1);
    await context.last.answer([found(middle)]);
    await finished;
    expect(context.document.objects).toHaveLength(1);
    expect(tool.session.awaited.value).toBe(0);
  });

  test("Escape drops everything, also an answer that comes later", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    expect(tool.key(key("Escape"))).toBe(true);
    await context.last.answer([found(middle)]);
    expect(context.stage.draft).toBeNull();
    expect(tool.session.state.value.phase).toBe("idle");
    expect(tool.key(key("Escape"))).toBe(false);
  });

  test("Backspace takes the last point away, and its mask comes back at once", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    await context.last.answer([found(large, 0.9)]);
    await context.askedForOthers[0]!.answer([found(large, 0.9), found(middle, 0.6)]);
    tool.key(key("c"));
    tool.up(pointer(60, 50));
    await context.last.answer([found(small)]);
    const asked = context.asked.length;
    expect(tool.key(key("Backspace"))).toBe(true);
    expect(context.stage.draft?.bitmap.equals(middle)).toBe(true);
    expect(context.stage.marks).toHaveLength(1);
    expect(tool.key(key("Backspace"))).toBe(true);
    expect(context.stage.draft).toBeNull();
    expect(tool.key(key("Backspace"))).toBe(false);
    expect(context.asked).toHaveLength(asked);
  });

  test("that nobody waits for are left to others", () => {
    const { tool } = begin();
    expect(["Enter", "Backspace", "c", "x"].map((name) => tool.key(key(name)))).toEqual([false, false, false, false]);
  });
});

describe("refining an object that is kept", () => {
  test("goes on with its points and its mask, and changes it as one step", async () => {
    const kept = object("a", middle, { label: "cat", prompts: [{ points: [[50, 50]], foreground: [true] }] });
    const { context, tool } = begin([kept]);
    context.selection.set(new Set(["a"]));
    tool.up(pointer(65, 50, { control: true }));
    expect(context.last.prompts).toEqual([
      {
        points: [
          [50, 50],
          [65, 50],
        ],
        foreground: [true, true],
        mask: kept.mask,
      },
    ]);
    expect(context.stage.draft?.lifted).toBe("a");
    await context.last.answer([found(large)]);
    tool.key(key("Enter"));
    expect(context.document.objects).toHaveLength(1);
    expect(context.document.get("a")).toMatchObject({ label: "cat", mask: large.toRuns() });
    context.history.undo();
    expect(context.document.get("a")).toEqual(kept);
  });

  test("that is locked says so, and makes a new one", () => {
    const { context, tool } = begin([object("a", middle, { locked: true })]);
    context.selection.set(new Set(["a"]));
    tool.up(pointer(65, 50, { control: true }));
    expect(context.errors).toEqual(["The object is locked"]);
    expect(context.last.prompts).toEqual([{ points: [[65, 50]], foreground: [true] }]);
  });
});

describe("leaving the tool", () => {
  test("keeps what was made", async () => {
    const { context, tool } = begin();
    tool.up(pointer(50, 50));
    await context.last.answer([found(middle)]);
    tool.leave();
    expect(context.document.objects).toHaveLength(1);
  });

  test("keeps no preview", async () => {
    const { context, tool } = begin();
    tool.hover(pointer(50, 50));
    await context.last.answer([found(middle)]);
    tool.leave();
    expect(context.document.objects).toEqual([]);
    expect(context.stage.draft).toBeNull();
  });
});

describe("the preview", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("is what a click at the pointer would give", async () => {
    const { context, tool } = begin();
    tool.hover(pointer(50, 50));
    expect(context.last.prompts).toEqual([{ points: [[50, 50]], foreground: [true] }]);
    await context.last.answer([found(middle, 0.8)]);
    expect(context.stage.draft?.style?.kind).toBe("preview");
    expect(tool.session.state.value).toMatchObject({ phase: "preview", score: 0.8 });
  });

  test("is asked for at least eight times a second while the pointer moves, one at a time", async () => {
    const { context, tool } = begin();
    let most = 0;
    for (let time = 0; time < 1000; time += 10) {
      tool.hover(pointer(20 + time / 10, 50));
      await vi.advanceTimersByTimeAsync(10);
      const open = context.asked.filter(({ options }) => !options.signal!.aborted && !answered.has(options.signal!));
      most = Math.max(most, open.length);
      if (time % 100 === 90) {
        for (const each of open) {
          answered.add(each.options.signal!);
          await each.answer([found(middle)]);
        }
      }
    }
    expect(most).toBe(1);
    expect(answered.size).toBeGreaterThanOrEqual(8);
  });
  const answered = new Set<AbortSignal>();

  test("of where the pointer rests comes in the end", async () => {
    const { context, tool } = begin();
    for (let x = 20; x <= 80; x++) tool.hover(pointer(x, 50));
    await context.last.answer([found(small)]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(context.last.prompts).toEqual([{ points: [[80, 50]], foreground: [true] }]);
  });

  test("gives a request up that takes too long, for the newest point", async () => {
    const { context, tool } = begin();
    tool.hover(pointer(20, 50));
    tool.hover(pointer(80, 50));
    expect(context.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(context.asked[0]!.options.signal!.aborted).toBe(true);
    expect(context.last.prompts).toEqual([{ points: [[80, 50]], foreground: [true] }]);
  });

  test("does not come after a click", async () => {
    const { context, tool } = begin();
    tool.hover(pointer(50, 50));
    tool.up(pointer(50, 50));
    expect(context.asked[0]!.options.signal!.aborted).toBe(true);
    await context.last.answer([found(large)]);
    tool.hover(pointer(90, 50));
    await vi.advanceTimersByTimeAsync(1000);
    expect(context.asked).toHaveLength(2);
    expect(context.stage.draft?.bitmap.equals(large)).toBe(true);
  });

  test("stays as the draft until the click is answered", async () => {
    const { context, tool } = begin();
    tool.hover(pointer(50, 50));
    await context.last.answer([found(middle)]);
    tool.up(pointer(50, 50));
    expect(context.stage.draft?.bitmap.equals(middle)).toBe(true);
    expect(context.stage.draft?.style?.kind).toBe("draft");
    expect(context.last.prompts[0]).not.toHaveProperty("mask");
  });

  test("goes when the pointer leaves the image", async () => {
    const { context, tool } = begin();
    tool.hover(pointer(50, 50));
    await context.last.answer([found(middle)]);
    tool.hover(pointer(50, 150));
    expect(context.stage.draft).toBeNull();
    tool.hover(pointer(60, 50));
    tool.away();
    await context.last.answer([found(middle)]);
    expect(context.stage.draft).toBeNull();
  });

  test("can be turned off", async () => {
    const { context, tool } = begin();
    context.settings.preview.set(false);
    tool.hover(pointer(50, 50));
    await settled();
    expect(context.asked).toEqual([]);
  });
});
