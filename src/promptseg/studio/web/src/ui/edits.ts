/** What is done to objects, as changes of the document. An edit that would change nothing is null. */

import { bitmapOf, runsOf } from "../canvas/bitmaps.ts";
import type { Bitmap } from "../model/mask.ts";
import type { Change, StudioObject } from "../model/types.ts";
import { newUid } from "../tools/objects.ts";

function change(put: StudioObject[], remove: string[] = []): Change | null {
  return put.length + remove.length === 0 ? null : { put, remove };
}

/** The objects that may be changed: locked ones are left as they are. */
export function free(objects: readonly StudioObject[]): StudioObject[] {
  return objects.filter((object) => !object.locked);
}

/** Make one object of several: the frontmost stays, with the label of the largest that has one. */
export function merge(chosen: readonly StudioObject[]): Change | null {
  const parts = free(chosen);
  const kept = parts.at(-1);
  if (kept === undefined || parts.length < 2) return null;
  const mask = parts.map((part) => bitmapOf(part.mask)).reduce((all, part) => all.union(part));
  const label = labelOfLargest(parts);
  const prompts = parts.flatMap((part) => part.prompts);
  const attributes = Object.assign({}, ...parts.map((part) => part.attributes)) as Record<string, string>;
  const merged: StudioObject = { ...kept, label, prompts, attributes, mask: runsOf(mask), score: null, source: "hand" };
  return change(
    [merged],
    parts.slice(0, -1).map((part) => part.uid),
  );
}

function labelOfLargest(objects: readonly StudioObject[]): string | null {
  const labeled = objects.filter((object) => object.label !== null);
  const [largest] = labeled.sort((a, b) => bitmapOf(b.mask).area - bitmapOf(a.mask).area);
  return largest?.label ?? null;
}

/** The label that merging gives to objects that have different ones; null where they agree. Having none is no label. */
export function labelMergedFromSeveral(chosen: readonly StudioObject[]): string | null {
  const parts = free(chosen);
  const labels = new Set(parts.flatMap(({ label }) => label ?? []));
  return labels.size > 1 ? labelOfLargest(parts) : null;
}

/** Make one object of each connected part; the largest keeps the uid. */
export function split(chosen: readonly StudioObject[], uid: () => string = newUid): Change | null {
  const put = free(chosen).flatMap((object) => {
    const parts = bitmapOf(object.mask)
      .components()
      .sort((a, b) => b.area - a.area);
    if (parts.length < 2) return [];
    return parts.map((part, index): StudioObject => ({
      ...object,
      uid: index === 0 ? object.uid : uid(),
      mask: runsOf(part),
      source: "hand",
    }));
  });
  return change(put);
}

/** Change the masks of objects. Those that stay equal are left out, and those that become empty are removed. */
export function reshape(chosen: readonly StudioObject[], shape: (mask: Bitmap) => Bitmap): Change | null {
  const put: StudioObject[] = [];
  const remove: string[] = [];
  for (const object of free(chosen)) {
    const mask = shape(bitmapOf(object.mask));
    const runs = runsOf(mask);
    if (mask.area === 0) remove.push(object.uid);
    else if (runs.counts !== object.mask.counts) put.push({ ...object, mask: runs, source: "hand" });
  }
  return change(put, remove);
}

export function fillHoles(chosen: readonly StudioObject[]): Change | null {
  return reshape(chosen, (mask) => mask.filled());
}

/** Take what the chosen objects cover out of all others, so that they do not overlap. */
export function cutOutOfOthers(all: readonly StudioObject[], chosen: readonly StudioObject[]): Change | null {
  if (chosen.length === 0) return null;
  const covered = chosen.map((object) => bitmapOf(object.mask)).reduce((sum, mask) => sum.union(mask));
  const uids = new Set(chosen.map((object) => object.uid));
  return reshape(
    all.filter((object) => !uids.has(object.uid)),
    (mask) => mask.subtract(covered),
  );
}

/** Smooth outlines by a radius that suits the size of each object. */
export function smooth(chosen: readonly StudioObject[]): Change | null {
  return reshape(chosen, (mask) => mask.smoothed(Math.max(1, Math.min(12, Math.round(Math.sqrt(mask.area) / 40)))));
}

export function remove(chosen: readonly StudioObject[]): Change | null {
  return change(
    [],
    free(chosen).map((object) => object.uid),
  );
}

/** Set members of objects: label, color, attributes. */
export function set(chosen: readonly StudioObject[], values: Partial<Pick<StudioObject, "label" | "color" | "attributes">>): Change | null {
  const differs = (object: StudioObject): boolean => JSON.stringify({ ...object, ...values }) !== JSON.stringify(object);
  return change(
    free(chosen)
      .filter(differs)
      .map((object) => ({ ...object, ...values })),
  );
}

/** Lock, unlock, hide or show: all become what the first one is not. */
export function toggle(chosen: readonly StudioObject[], member: "locked" | "hidden"): Change | null {
  const first = chosen[0];
  if (first === undefined) return null;
  return change(chosen.filter((object) => object[member] === first[member]).map((object) => ({ ...object, [member]: !first[member] })));
}

/** The order of all uids after the chosen ones move to the place before which `place` others are behind them; null where it is the same. */
export function moved(all: readonly StudioObject[], chosen: ReadonlySet<string>, place: number): Change | null {
  const uids = all.map((object) => object.uid);
  const moving = uids.filter((uid) => chosen.has(uid));
  const staying = uids.filter((uid) => !chosen.has(uid));
  const order = [...staying.slice(0, place), ...moving, ...staying.slice(place)];
  return order.every((uid, index) => uid === uids[index]) ? null : { put: [], remove: [], order };
}

/** Move the chosen objects by one place, to the front (1) or to the back (-1). */
export function step(all: readonly StudioObject[], chosen: ReadonlySet<string>, by: 1 | -1): Change | null {
  const places = all.flatMap((object, index) => (chosen.has(object.uid) ? [index] : []));
  const first = places[0];
  const last = places.at(-1);
  if (first === undefined || last === undefined) return null;
  const behind = by === 1 ? all.slice(0, last + 2) : all.slice(0, Math.max(0, first - 1));
  return moved(all, chosen, behind.filter((object) => !chosen.has(object.uid)).length);
}

/** Copies of the objects of another image of the same size, as new ones. */
export function copies(others: readonly StudioObject[], size: [number, number], uid: () => string = newUid): Change | null {
  const fitting = others.filter((object) => object.mask.size[0] === size[0] && object.mask.size[1] === size[1]);
  return change(
    fitting.map((object) => ({ ...object, uid: uid(), prompts: [], score: null, source: "hand", locked: false, hidden: false })),
  );
}
