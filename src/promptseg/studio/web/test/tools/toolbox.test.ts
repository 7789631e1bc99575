import { expect, test } from "vitest";

import { Toolbox } from "../../src/tools/toolbox.ts";
import { TOOLS } from "../../src/tools/tool.ts";
import { disc, FakeContext, found, key, object, pointer } from "./fake.ts";

test("every tool can be taken, and says why it cannot be used: as an error where no panel tells it", () => {
  const context = new FakeContext();
  const toolbox = new Toolbox(context, "pan");
  for (const id of TOOLS) context.absent.add(id);
  for (const id of TOOLS.filter((each) => each !== "pan")) {
    toolbox.use(id);
    expect(toolbox.current.value).toBe(id);
    const told = ["text", "like", "everything", "salient"].includes(id) ? context.said : context.errors;
    expect(told.at(-1)).toBe(`nothing for ${id}`);
  }
});

test("what is like the chosen objects is found as soon as its tool is taken", () => {
  const context = new FakeContext([object("a", disc(50, 50, 10), { label: "cat" }), object("b", disc(150, 50, 10))]);
  context.selection.set(new Set(["a"]));
  new Toolbox(context, "pan").use("like");
  expect(context.last.prompts).toEqual([{ concept: { examples: [{ prompt: { mask: disc(50, 50, 10).toRuns() } }], label: "cat" } }]);
});

test("the main button moves the image with one tool alone", () => {
  const context = new FakeContext();
  const toolbox = new Toolbox(context, "pan");
  expect(context.stage.pans).toBe(true);
  toolbox.use("box");
  expect(context.stage.pans).toBe(false);
});

test("keys draw with the tools that draw, and click with the others", () => {
  const context = new FakeContext();
  const toolbox = new Toolbox(context, "select");
  const draw = TOOLS.filter((id) => {
    toolbox.use(id);
    return context.stage.keysDrag;
  });
  expect(draw).toEqual(["box", "brush", "eraser", "lasso", "like"]);
});

test("what was made with a tool is kept when another is taken", async () => {
  const context = new FakeContext();
  const toolbox = new Toolbox(context, "point");
  toolbox.point.up(pointer(50, 50));
  await context.last.answer([found(disc(50, 50, 10))]);
  toolbox.use("pan");
  expect(context.document.objects).toHaveLength(1);
});

test("keys go to the tool that is used", async () => {
  const context = new FakeContext();
  const toolbox = new Toolbox(context, "point");
  expect(toolbox.key(key("Enter"))).toBe(false);
  toolbox.point.up(pointer(50, 50));
  await context.last.answer([found(disc(50, 50, 10))]);
  expect(toolbox.key(key("Enter"))).toBe(true);
});
