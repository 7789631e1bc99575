import { describe, expect, test } from "vitest";

import { EverythingTool } from "../../src/tools/everything.ts";
import { LikeTool } from "../../src/tools/like.ts";
import { SalientTool } from "../../src/tools/salient.ts";
import { phrasesOf, TextTool } from "../../src/tools/text.ts";
import { disc, FakeContext, found, key, object, pointer, settled } from "./fake.ts";

const dog = found(disc(40, 50, 20), 0.9, "dog");
const nose = found(disc(50, 50, 5), 0.6, "nose");
const doubtful = found(disc(150, 50, 20), 0.3, "dog");

async function searched(): Promise<{ context: FakeContext; tool: TextTool }> {
  const context = new FakeContext();
  const tool = new TextTool(context);
  tool.enter();
  void tool.search("dog, nose");
  await context.last.answer([doubtful, nose, dog]);
  return { context, tool };
}

describe("text", () => {
  test("is phrases, each once", () => {
    expect(phrasesOf(" a red dog,nose; \n dog\nnose ，猫")).toEqual(["a red dog", "nose", "dog", "猫"]);
  });

  test("proposes what is found, the best first, from the threshold on", async () => {
    const { context, tool } = await searched();
    expect(context.last.prompts).toEqual([{ text: ["dog", "nose"] }]);
    expect(tool.proposals.state.value.found.map(({ mask }) => mask)).toEqual([dog, nose, doubtful]);
    expect(tool.proposals.state.value.shown.map(({ mask }) => mask)).toEqual([dog, nose]);
    expect(context.stage.proposals).toHaveLength(2);
    expect(context.said).toEqual(["2 objects found"]);
  });

  test("follows the threshold without asking again", async () => {
    const { context, tool } = await searched();
    context.settings.threshold.set(0.7);
    expect(context.stage.proposals).toHaveLength(1);
    context.settings.threshold.set(0.1);
    expect(tool.proposals.state.value.shown).toHaveLength(3);
    expect(context.asked).toHaveLength(1);
  });

  test("is picked by a click: the smallest under the pointer, with its label", async () => {
    const { context, tool } = await searched();
    tool.hover(pointer(50, 50));
    expect(context.stage.hovered).toBe(tool.proposals.state.value.shown[1]!.id);
    tool.up(pointer(50, 50));
    expect(context.document.objects.map(({ label, score, prompts }) => ({ label, score, prompts }))).toEqual([
      { label: "nose", score: 0.6, prompts: [{ text: ["dog", "nose"] }] },
    ]);
    expect(context.stage.proposals).toHaveLength(1);
  });

  test("is taken as a whole by Enter, the large ones at the back, as one step", async () => {
    const { context, tool } = await searched();
    expect(tool.key(key("Enter"))).toBe(true);
    expect(context.document.objects.map(({ label }) => label)).toEqual(["dog", "nose"]);
    expect(tool.proposals.state.value.found).toHaveLength(1);
    context.history.undo();
    expect(context.document.objects).toEqual([]);
    expect(tool.key(key("Enter"))).toBe(false);
  });

  test("is taken as a whole without what is there already: much the same mask with the same label", async () => {
    const there = object("there", disc(40, 50, 19), { label: "dog" });
    const context = new FakeContext([there, object("other", disc(50, 50, 5), { label: "dog" })]);
    const tool = new TextTool(context);
    void tool.search("dog, nose");
    await context.last.answer([nose, dog]);
    expect(tool.key(key("Enter"))).toBe(true);
    expect(context.document.objects.map(({ label }) => label)).toEqual(["dog", "dog", "nose"]);
    expect(context.said.at(-1)).toBe("1 object added; 1 was there already");
    void tool.search("dog, nose");
    await context.last.answer([nose, dog]);
    expect(tool.key(key("Enter"))).toBe(true);
    expect(context.document.objects).toHaveLength(3);
    expect(context.said.at(-1)).toBe("0 objects added; 2 were there already");
    expect(context.stage.proposals).toEqual([]);
  });

  test("is forgotten by Escape, and when another tool is taken", async () => {
    const { context, tool } = await searched();
    expect(tool.key(key("Escape"))).toBe(true);
    expect(context.stage.proposals).toEqual([]);
    expect(tool.key(key("Escape"))).toBe(false);
    void tool.search("cat");
    await context.last.answer([dog]);
    tool.leave();
    expect(context.stage.proposals).toEqual([]);
  });

  test("that is searched anew gives up the search before", async () => {
    const context = new FakeContext();
    const tool = new TextTool(context);
    void tool.search("dog");
    void tool.search("cat");
    expect(context.asked[0]!.options.signal!.aborted).toBe(true);
    expect(tool.busy.value).toBe(true);
    await context.last.answer([dog]);
    expect(tool.busy.value).toBe(false);
    expect(context.errors).toEqual([]);
  });

  test("that fails, or has no model, says why", async () => {
    const context = new FakeContext();
    const tool = new TextTool(context);
    void tool.search("dog");
    await context.last.fail("no such phrase");
    expect(context.errors[0]).toContain("no such phrase");
    context.absent.add("text");
    await tool.search("dog");
    expect(context.asked).toHaveLength(1);
    expect(context.errors[1]).toBe("nothing for text");
  });
});

describe("like this", () => {
  test("takes an object as the example, and its label", () => {
    const context = new FakeContext([object("a", disc(50, 50, 10), { label: "cat" })]);
    const tool = new LikeTool(context);
    tool.down(pointer(50, 50));
    tool.up(pointer(50, 50));
    expect(context.last.prompts).toEqual([{ concept: { examples: [{ prompt: { mask: disc(50, 50, 10).toRuns() } }], label: "cat" } }]);
  });

  test("takes a box as the example, and the label of the moment", () => {
    const context = new FakeContext();
    const tool = new LikeTool(context);
    tool.down(pointer(20, 20));
    tool.move(pointer(50, 50));
    expect(context.stage.marks).toHaveLength(1);
    tool.up(pointer(60, 60));
    expect(context.stage.marks).toEqual([]);
    expect(context.last.prompts).toEqual([{ concept: { examples: [{ prompt: { box: [20.5, 20.5, 60.5, 60.5] } }], label: "thing" } }]);
  });

  test("picks what was found by a click", async () => {
    const context = new FakeContext([object("a", disc(150, 50, 10))]);
    const tool = new LikeTool(context);
    void tool.search([{ box: [0, 0, 9, 9] }], null);
    await context.last.answer([found(disc(50, 50, 10), 0.9)]);
    tool.down(pointer(50, 50));
    tool.up(pointer(50, 50));
    expect(context.document.objects).toHaveLength(2);
    expect(context.asked).toHaveLength(1);
  });
});

test("what is like an object does not propose that object again", async () => {
  const context = new FakeContext([object("a", disc(50, 50, 10))]);
  const tool = new LikeTool(context);
  void tool.search([{ mask: disc(50, 50, 10).toRuns() }], null);
  await context.last.answer([found(disc(50, 50, 10), 0.9), found(disc(150, 50, 10), 0.8)]);
  await settled();
  expect(tool.proposals.state.value.shown.map(({ mask }) => mask.score)).toEqual([0.8]);
});

describe("everything", () => {
  test("tells how far it is, and proposes all, whatever their scores", async () => {
    const context = new FakeContext();
    const tool = new EverythingTool(context);
    void tool.run(16);
    expect(context.last.prompts).toEqual([{ everything: { points_per_side: 16 } }]);
    const progress = { stage: "masks", done: 1, total: 4, unit: "points", failed: 0 };
    context.job!({ id: "j", kind: "segment", state: "running", progress, error: null });
    expect(tool.job.value?.progress).toEqual(progress);
    await context.last.answer([dog, doubtful]);
    expect(tool.proposals.state.value.shown).toHaveLength(2);
    await settled();
    expect(tool.job.value).toBeNull();
  });

  test("is stopped by Escape", () => {
    const context = new FakeContext();
    const tool = new EverythingTool(context);
    void tool.run();
    expect(tool.key(key("Escape"))).toBe(true);
    expect(context.last.options.signal!.aborted).toBe(true);
    expect(tool.busy.value).toBe(false);
  });
});

test("salient objects are found without a prompt", async () => {
  const context = new FakeContext();
  const tool = new SalientTool(context);
  void tool.run();
  expect(context.last.prompts).toEqual([]);
  await context.last.answer([dog]);
  expect(tool.proposals.state.value.shown).toHaveLength(1);
});
