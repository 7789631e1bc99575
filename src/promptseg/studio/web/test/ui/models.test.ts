import { describe, expect, test } from "vitest";

import type { Model, Prompt } from "../../src/model/types.ts";
import { modelFor, modelForAll, modelsFor, toolOf } from "../../src/ui/models.ts";

function model(name: string, accepts: string[], classes: string[] = []): Model {
  return { name, accepts, classes, detects: classes.length > 0 };
}

const sam = model("sam", ["point", "box", "mask", "everything"]);
const large = model("large", ["point", "box", "mask", "everything"]);
const words = model("words", ["text", "point"]);
const concepts = model("concepts", ["text", "example"]);
const salient = model("u2net", ["point"], ["object"]);
const all = [sam, large, words, concepts, salient];

describe("the model of a tool", () => {
  test("is the chosen one, if it takes such prompts", () => {
    expect(modelFor("point", all, { model: "large", detector: null })).toBe("large");
    expect(modelFor("text", all, { model: "large", detector: "concepts" })).toBe("concepts");
  });

  test("is the first that can otherwise, or none", () => {
    expect(modelFor("text", all, { model: "sam", detector: null })).toBe("words");
    expect(modelFor("like", all, { model: null, detector: "words" })).toBe("concepts");
    expect(modelFor("text", [sam], { model: "sam", detector: null })).toBeNull();
  });

  test("that finds what stands out has such a class", () => {
    expect(modelsFor("salient", all)).toEqual([salient]);
    expect(modelsFor("salient", [model("yolo", [], ["person"])])).toEqual([]);
  });
});

describe("the model for whole images", () => {
  test("takes the prompts", () => {
    expect(modelForAll([{ text: ["cup"] }], all, { model: "sam", detector: null })).toBe("words");
  });

  test("has a detector where there are none", () => {
    expect(modelForAll([], all, { model: "sam", detector: null })).toBe("u2net");
    expect(modelForAll([], [sam], { model: "sam", detector: null })).toBeNull();
  });
});

test.each<[Prompt[], string]>([
  [[{ points: [[1, 1]] }], "point"],
  [[{ box: [0, 0, 5, 5], points: [[1, 1]] }], "box"],
  [[{ text: ["cup"] }], "text"],
  [[{ concept: { phrase: "cup" } }], "text"],
  [[{ concept: { examples: [{ prompt: { box: [0, 0, 5, 5] } }] } }], "like"],
  [[{ everything: {} }], "everything"],
  [[], "salient"],
])("%j are prompts of %s", (prompts, tool) => {
  expect(toolOf(prompts)).toBe(tool);
});
