/** Changes of a document as values: what they do, one after the other, and between two documents. */
import type { Change, ImageDocument, StudioObject } from "./types.ts";

export const NO_CHANGE: Change = { put: [], remove: [] };

export function isNothing(change: Change): boolean {
  return change.put.length === 0 && change.remove.length === 0 && change.order === undefined && change.state === undefined;
}

/** The uids that a change puts or removes. */
export function touched(change: Change): string[] {
  return [...change.put.map((object) => object.uid), ...change.remove];
}

/**
 * The document with a change. Its version stays: the server gives versions.
 *
 * New objects come to the front, in their order. What is not there needs no removal. An order may leave objects out, which then are in front,
 * and may name some that are gone.
 */
export function applied(document: ImageDocument, change: Change): ImageDocument {
  const objects = new Map(document.objects.map((object) => [object.uid, object]));
  for (const uid of change.remove) objects.delete(uid);
  for (const object of change.put) objects.set(object.uid, object);
  return { ...document, state: change.state ?? document.state, objects: ordered(objects, change.order ?? []) };
}

/** The change that makes one document of another. Members of an object are compared by their values. */
export function difference(from: ImageDocument, to: ImageDocument): Change {
  const [before, after] = [byUid(from), byUid(to)];
  const change: Change = {
    put: to.objects.filter((object) => !sameObject(before.get(object.uid), object)),
    remove: from.objects.flatMap((object) => (after.has(object.uid) ? [] : [object.uid])),
  };
  const reached = applied(from, change).objects;
  if (to.objects.some((object, index) => reached[index]?.uid !== object.uid)) change.order = to.objects.map((object) => object.uid);
  if (to.state !== from.state) change.state = to.state;
  return change;
}

/** One change that does what two do, one after the other. */
export function joined(first: Change, second: Change): Change {
  const removed = new Set(second.remove);
  const put = new Map(first.put.filter((object) => !removed.has(object.uid)).map((object) => [object.uid, object]));
  for (const object of second.put) put.set(object.uid, object);
  const change: Change = {
    put: [...put.values()],
    remove: [...new Set([...first.remove, ...second.remove])].filter((uid) => !put.has(uid)),
  };
  const order = second.order ?? first.order;
  const state = second.state ?? first.state;
  if (order !== undefined) change.order = order;
  if (state !== undefined) change.state = state;
  return change;
}

/** A change without what it does to some objects. */
export function without(change: Change, uids: ReadonlySet<string>): Change {
  return {
    ...change,
    put: change.put.filter((object) => !uids.has(object.uid)),
    remove: change.remove.filter((uid) => !uids.has(uid)),
  };
}

/** Whether two objects have the same values; two that are missing are the same. */
export function sameObject(one: StudioObject | undefined, other: StudioObject | undefined): boolean {
  if (one === undefined || other === undefined || one === other) return one === other;
  return canonical(one) === canonical(other);
}

/** A value of JSON as one text, whatever the order of its members. Members that are null count as missing. */
export function canonical(value: object): string {
  return JSON.stringify(value, (_, each: unknown) => (isRecord(each) ? sortedMembers(each) : each));
}

function sortedMembers(record: Record<string, unknown>): Record<string, unknown> {
  const members = Object.entries(record).filter(([, value]) => value !== null);
  return Object.fromEntries(members.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function ordered(objects: Map<string, StudioObject>, order: readonly string[]): StudioObject[] {
  if (order.length === 0) return [...objects.values()];
  const named = [...new Set(order)].flatMap((uid) => objects.get(uid) ?? []);
  const uids = new Set(order);
  return [...named, ...[...objects.values()].filter((object) => !uids.has(object.uid))];
}

function byUid(document: ImageDocument): Map<string, StudioObject> {
  return new Map(document.objects.map((object) => [object.uid, object]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
