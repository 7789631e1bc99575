/** Changes that the server may not have yet, and how they meet a document that others changed too. */
import { applied, canonical, joined, NO_CHANGE, touched, without } from "./changes.ts";
import { sha256Hex } from "./sha256.ts";
import type { Change, ImageDocument, StudioObject } from "./types.ts";

/** A change, and what its objects were before: a fingerprint by uid, null for an object that was not there. */
export interface Pending {
  change: Change;
  base: Record<string, string | null>;
}

export const NOTHING_PENDING: Pending = { change: NO_CHANGE, base: {} };

/** An object that this page and somebody else changed. Null is an object that was removed. */
export interface Conflict {
  uid: string;
  mine: StudioObject | null;
  theirs: StudioObject | null;
}

/** A pending change with one more change of a document, in which the pending one already is. */
export function withChange(pending: Pending, change: Change, document: ImageDocument): Pending {
  const base = { ...pending.base };
  for (const uid of touched(change)) {
    if (!(uid in base)) base[uid] = fingerprint(objectOf(document, uid));
  }
  return { change: joined(pending.change, change), base };
}

/**
 * Brings two pending changes, of which the server may have the first, onto a document of the server.
 *
 * What the document has already is done. What others did not touch goes on. The rest are conflicts, and are in the change as this page has
 * them.
 */
export function rebased(sent: Pending, waiting: Pending, document: ImageDocument): { pending: Pending; conflicts: Conflict[] } {
  const all = joined(sent.change, waiting.change);
  const done = new Set<string>();
  const conflicts: Conflict[] = [];
  const base: Record<string, string | null> = {};
  for (const uid of touched(all)) {
    const mine = all.put.find((object) => object.uid === uid) ?? null;
    const theirs = objectOf(document, uid);
    const now = fingerprint(theirs);
    if (now === fingerprint(mine)) {
      done.add(uid);
      continue;
    }
    if (now !== sent.base[uid] && now !== waiting.base[uid]) conflicts.push({ uid, mine, theirs });
    base[uid] = now;
  }
  return { pending: { change: withoutEqual(without(all, done), document), base }, conflicts };
}

/** A change without the order and the state that the document has anyway. */
function withoutEqual({ order, state, ...objects }: Change, document: ImageDocument): Change {
  const change: Change = { ...objects };
  if (state !== undefined && state !== document.state) change.state = state;
  if (order === undefined) return change;
  const [unordered, reordered] = [applied(document, objects).objects, applied(document, { ...objects, order }).objects];
  if (unordered.some((object, index) => object !== reordered[index])) change.order = order;
  return change;
}

/** A short text that is the same for the same values. */
function fingerprint(object: StudioObject | null): string | null {
  return object === null ? null : sha256Hex(canonical(object)).slice(0, 16);
}

function objectOf(document: ImageDocument, uid: string): StudioObject | null {
  return document.objects.find((object) => object.uid === uid) ?? null;
}
