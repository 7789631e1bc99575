/** How well objects agree with true masks. */

import type { Bitmap } from "../model/mask.ts";

export interface Agreement {
  /** For each true mask, the place of its object and their intersection over union; no object: null and 0. */
  pairs: { object: number | null; iou: number }[];
  /** Mean over the true masks; null where there are none. */
  mean: number | null;
  /** Places of the objects that belong to no true mask. */
  extra: number[];
}

/** Give each true mask at most one object: the pair that agrees most first. Pairs that do not touch are none. */
export function agreement(truth: readonly Bitmap[], objects: readonly Bitmap[]): Agreement {
  const touching = truth.flatMap((mask, index) =>
    objects.flatMap((object, place) => {
      const iou = mask.iou(object);
      return iou > 0 ? [{ index, place, iou }] : [];
    }),
  );
  touching.sort((a, b) => b.iou - a.iou);
  const pairs = truth.map((): { object: number | null; iou: number } => ({ object: null, iou: 0 }));
  const taken = new Set<number>();
  for (const { index, place, iou } of touching) {
    if (pairs[index]!.object !== null || taken.has(place)) continue;
    pairs[index] = { object: place, iou };
    taken.add(place);
  }
  const mean = pairs.length === 0 ? null : pairs.reduce((sum, pair) => sum + pair.iou, 0) / pairs.length;
  return { pairs, mean, extra: objects.flatMap((_, place) => (taken.has(place) ? [] : [place])) };
}

/** Of a mask that is being made: its best intersection over union with a true mask, or null where there are none. */
export function bestIou(truth: readonly Bitmap[], mask: Bitmap): number | null {
  return truth.length === 0 ? null : Math.max(...truth.map((each) => each.iou(mask)));
}

/** What the objects miss of the truth, and what they cover beyond it. */
export function differences(truth: readonly Bitmap[], objects: readonly Bitmap[], empty: Bitmap): { missed: Bitmap; extra: Bitmap } {
  const all = truth.reduce((sum, mask) => sum.union(mask), empty);
  const covered = objects.reduce((sum, mask) => sum.union(mask), empty);
  return { missed: all.subtract(covered), extra: covered.subtract(all) };
}
