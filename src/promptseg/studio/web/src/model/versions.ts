/** What two versions of an object have that differs. */
import { canonical } from "./changes.ts";
import type { Conflict } from "./pending.ts";
import type { StudioObject } from "./types.ts";

export const PARTS = ["label", "mask", "color", "attributes", "hidden", "locked"] as const;

/** A member of an object that a person knows. */
export type Part = (typeof PARTS)[number];

/** The parts in which the versions of a conflict differ; none where one of them was removed. */
export function differingParts({ mine, theirs }: Pick<Conflict, "mine" | "theirs">): Part[] {
  if (mine === null || theirs === null) return [];
  const same = (part: keyof StudioObject): boolean => canonical({ part: mine[part] }) === canonical({ part: theirs[part] });
  return PARTS.filter((part) => !same(part));
}
