/** Documents for tests. */
import type { ImageDocument, StudioObject } from "../../src/model/types.ts";
import { disc } from "./naive.ts";

/** An object whose values follow from its uid. */
export function object(uid: string, values: Partial<StudioObject> = {}): StudioObject {
  const mask = disc([12, 8], [uid.charCodeAt(0) % 12, uid.charCodeAt(0) % 8], 2).toRuns();
  const rest = { score: 0.5, source: "model", locked: false, hidden: false, color: null, attributes: {}, prompts: [] } as const;
  return { uid, label: null, mask, ...rest, prompts: [], ...values };
}

export function document(uids: string, values: Partial<ImageDocument> = {}): ImageDocument {
  return { version: 1, state: "started", objects: Array.from(uids, (uid) => object(uid)), ...values };
}

/** The uids, from back to front. */
export function uidsOf({ objects }: { readonly objects: readonly StudioObject[] }): string {
  return objects.map((each) => each.uid).join("");
}

/** A copy as JSON carries it, with the members of objects in another order. */
export function overTheWire<T>(value: T): T {
  const turned = (_: string, each: unknown): unknown =>
    typeof each === "object" && each !== null && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).reverse()) : each;
  return JSON.parse(JSON.stringify(value, turned)) as T;
}
