/** Objects that tools make and change. */

import { runsOf } from "../canvas/bitmaps.ts";
import { t } from "../i18n/index.ts";
import type { Bitmap } from "../model/mask.ts";
import type { Prompt, RunLengths, Source, StudioObject } from "../model/types.ts";
import type { ToolContext } from "./tool.ts";

export interface Made {
  mask: RunLengths;
  source: Source;
  label?: string | null;
  score?: number | null;
  prompts?: Prompt[];
}

/** A new object, with the label of the moment unless another is given. */
export function newObject(context: ToolContext, made: Made): StudioObject {
  return {
    uid: newUid(),
    label: made.label === undefined ? context.label.value : made.label,
    mask: made.mask,
    score: made.score ?? null,
    source: made.source,
    locked: false,
    hidden: false,
    color: null,
    attributes: {},
    prompts: made.prompts ?? [],
  };
}

/** Random, so that pages that know nothing of one another choose different ones. `crypto.randomUUID` is on secure pages only. */
export function newUid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The one selected object, if it may be changed. Announces why it may not. */
export function editable(context: ToolContext): StudioObject | null {
  const { selection, document } = context;
  if (selection.value.size !== 1) return null;
  const [uid] = selection.value;
  const object = uid === undefined ? undefined : document.get(uid);
  if (object === undefined || object.hidden) return null;
  if (object.locked) {
    context.announce(t("tools.locked"), "error");
    return null;
  }
  return object;
}

/** Keep a painted mask: as the new mask of an object, or as a new object. An object without pixels is deleted. One entry of the history. */
export function keepPainted(context: ToolContext, object: StudioObject | null, bitmap: Bitmap, name: string): void {
  if (bitmap.isEmpty) {
    if (object === null) return;
    context.history.do({ put: [], remove: [object.uid] }, name);
    context.selection.set(new Set());
    context.announce(t("tools.emptied"));
    return;
  }
  const mask = runsOf(bitmap);
  // The score was that of the model's mask.
  const put: StudioObject =
    object === null ? newObject(context, { mask, source: "hand" }) : { ...object, mask, score: null, source: "hand" };
  context.history.do({ put: [put], remove: [] }, name);
  context.selection.set(new Set([put.uid]));
}
