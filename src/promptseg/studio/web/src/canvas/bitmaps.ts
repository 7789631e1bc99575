/** Decoded masks, each decoded once. */

import { Bitmap } from "../model/mask.ts";
import type { RunLengths, StudioObject } from "../model/types.ts";
import type { ShownObject } from "./painters.ts";

const decoded = new WeakMap<RunLengths, Bitmap>();

/** The mask of run lengths. The same run lengths give the same mask, so that its paths are made once. */
export function bitmapOf(mask: RunLengths): Bitmap {
  return decoded.get(mask) ?? remember(Bitmap.fromRuns(mask), mask);
}

/** The run lengths of a mask that was made here: `bitmapOf` will not decode them. */
export function runsOf(bitmap: Bitmap): RunLengths {
  const mask = bitmap.toRuns();
  remember(bitmap, mask);
  return mask;
}

function remember(bitmap: Bitmap, mask: RunLengths): Bitmap {
  decoded.set(mask, bitmap);
  return bitmap;
}

/** Makes what the stage shows of objects. An object that stays as it was stays the same value, also where the server sent it anew. */
export class ShownObjects {
  #known = new Map<string, { mask: RunLengths; shown: ShownObject }>();

  /** `colorOf` gives the color of a label, for objects that have none of their own. */
  of(objects: readonly StudioObject[], colorOf: (label: string | null) => string): ShownObject[] {
    const known = new Map<string, { mask: RunLengths; shown: ShownObject }>();
    for (const { uid, mask, color, label, hidden } of objects) {
      const before = this.#known.get(uid);
      const stays = before?.mask === mask || (before?.mask.counts === mask.counts && before.mask.size.join() === mask.size.join());
      const bitmap = stays ? before.shown.bitmap : bitmapOf(mask);
      if (stays) remember(bitmap, mask);
      known.set(uid, { mask, shown: { uid, bitmap, color: color ?? colorOf(label), hidden } });
    }
    this.#known = known;
    return [...known.values()].map(({ shown }) => shown);
  }
}
