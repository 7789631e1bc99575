/** Which model answers which prompts. */

import type { Model, Prompt } from "../model/types.ts";
import type { ToolId } from "../tools/tool.ts";

/** What the person chose; null for what fits first. */
export interface Chosen {
  /** For points, boxes and everything. */
  model: string | null;
  /** For text and examples. */
  detector: string | null;
}

/** The kinds of prompts of a tool: a model must take one of them. */
const KINDS: Partial<Record<ToolId, readonly string[]>> = {
  point: ["point"],
  box: ["box"],
  text: ["text"],
  like: ["example"],
  everything: ["everything"],
};

/** The models that a tool can use. Salient objects are found without a prompt. */
export function modelsFor(tool: ToolId, models: readonly Model[]): Model[] {
  if (tool === "salient")
    return models.filter((model) => model.detects && model.classes.some((name) => /salien|foreground|^object$/i.test(name)));
  const kinds = KINDS[tool];
  return kinds === undefined ? [...models] : models.filter((model) => kinds.some((kind) => model.accepts.includes(kind)));
}

/** The tool that makes such prompts. */
export function toolOf(prompts: readonly Prompt[]): ToolId {
  const [first] = prompts;
  if (first === undefined) return "salient";
  if ("text" in first) return "text";
  if ("concept" in first) return first.concept.phrase === undefined ? "like" : "text";
  if ("everything" in first) return "everything";
  return "box" in first ? "box" : "point";
}

/** The model for a tool: the chosen one if it can, else the first that can, or null. */
export function modelFor(tool: ToolId, models: readonly Model[], chosen: Chosen): string | null {
  const able = modelsFor(tool, models);
  const wanted = tool === "text" || tool === "like" ? [chosen.detector, chosen.model] : [chosen.model];
  const found = wanted.map((name) => able.find((model) => model.name === name)).find((model) => model !== undefined);
  return (found ?? able[0])?.name ?? null;
}

/** The model for prompts on whole images. Without any, its detector finds the classes that it knows. */
export function modelForAll(prompts: readonly Prompt[], models: readonly Model[], chosen: Chosen): string | null {
  if (prompts.length > 0) return modelFor(toolOf(prompts), models, chosen);
  const able = models.filter((model) => model.detects);
  return (able.find(({ name }) => name === chosen.detector || name === chosen.model) ?? able[0])?.name ?? null;
}
