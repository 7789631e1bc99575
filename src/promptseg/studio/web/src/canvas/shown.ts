/** Which of the objects that are shown look different after a change. */

import type { ShownObject } from "./painters.ts";

/** The objects that are new, gone, or look different or lie elsewhere in the order: before and after. */
export function changesOf(before: readonly ShownObject[], after: readonly ShownObject[]): ShownObject[] {
  const old = new Map(before.map((object, index) => [object.uid, { object, index }]));
  const changed: ShownObject[] = [];
  let last = -1; // Where the objects that stay were before: as long as it grows, their order is the same.
  for (const object of after) {
    const was = old.get(object.uid);
    old.delete(object.uid);
    if (was === undefined) changed.push(object);
    else if (!looksLike(was.object, object)) changed.push(was.object, object);
    else if (was.index < last) changed.push(object);
    last = Math.max(last, was?.index ?? -1);
  }
  for (const { object } of old.values()) changed.push(object);
  return changed;
}

function looksLike(a: ShownObject, b: ShownObject): boolean {
  return a.bitmap === b.bitmap && a.color === b.color && (a.hidden === true) === (b.hidden === true);
}
