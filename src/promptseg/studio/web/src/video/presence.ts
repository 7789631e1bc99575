/** On which frames an object is seen: runs in order that neither overlap nor touch with the same kind. */

import { GONE, LOST, SEEN, type Kind, type ObjectOnFrame, type Run, type VideoObject } from "./types.ts";

/** The index of the last run that begins at or before a frame; -1 for none. */
export function runAt(runs: readonly Run[], frame: number): number {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle]![0] <= frame) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** What is known of a frame, or null. */
export function kindAt(runs: readonly Run[], frame: number): Kind | null {
  const run = runs[runAt(runs, frame)];
  return run !== undefined && frame < run[1] ? run[2] : null;
}

/** The runs with another kind on one frame; null for nothing. The runs that are given stay as they are. */
export function withKind(runs: readonly Run[], frame: number, kind: Kind | null): Run[] {
  if (kindAt(runs, frame) === kind) return runs as Run[];
  const at = runAt(runs, frame);
  const inside = at >= 0 && frame < runs[at]![1];
  const before = runs.slice(0, inside ? at : at + 1);
  const after = runs.slice(at + 1);
  const parts: Run[] = [];
  if (inside) {
    const [start, stop, old] = runs[at]!;
    if (start < frame) parts.push([start, frame, old]);
    if (kind !== null) parts.push([frame, frame + 1, kind]);
    if (frame + 1 < stop) parts.push([frame + 1, stop, old]);
  } else if (kind !== null) {
    parts.push([frame, frame + 1, kind]);
  }
  const last = before.pop();
  const first = after.shift();
  return [...before, ...joined([...(last ? [last] : []), ...parts, ...(first ? [first] : [])]), ...after];
}

function joined(runs: Run[]): Run[] {
  const all: Run[] = [];
  for (const [start, stop, kind] of runs) {
    const last = all.at(-1);
    if (last?.[1] === start && last[2] === kind) last[1] = stop;
    else all.push([start, stop, kind]);
  }
  return all;
}

/** A sorted list with a number, or without it. */
export function withNumber(numbers: readonly number[], number: number, there: boolean): number[] {
  const at = numbers.findIndex((each) => each >= number);
  const place = at < 0 ? numbers.length : at;
  const known = numbers[place] === number;
  if (known === there) return numbers as number[];
  return there ? [...numbers.slice(0, place), number, ...numbers.slice(place)] : [...numbers.slice(0, place), ...numbers.slice(place + 1)];
}

/** An object after something has become known of it on a frame; null for nothing. */
export function withKnown(object: VideoObject, frame: number, kind: ObjectOnFrame["kind"] | null): VideoObject {
  const runs = withKind(object.runs, frame, kind === null ? null : KINDS[kind]);
  const keys = withNumber(object.keys, frame, kind === "key");
  const gone = withNumber(object.gone, frame, kind === "gone");
  return { ...object, runs, keys, gone };
}

const KINDS: Record<ObjectOnFrame["kind"], Kind> = { seen: SEEN, key: SEEN, lost: LOST, gone: GONE };

export type EventKind = "added" | "lost" | "found" | "key";

export interface TimelineEvent {
  frame: number;
  uid: string;
  kind: EventKind;
}

/** When an object appears, is lost and is found again. */
export function eventsOf({ uid, runs }: Pick<VideoObject, "uid" | "runs">): TimelineEvent[] {
  const events: TimelineEvent[] = [];
  let before: Kind | null = null;
  for (const [frame, , kind] of runs) {
    if (kind === SEEN && before !== SEEN) events.push({ frame, uid, kind: before === null ? "added" : "found" });
    else if (kind !== SEEN && before === SEEN) events.push({ frame, uid, kind: "lost" });
    before = kind;
  }
  return events;
}

/** All frames to which one jumps, in order: events and keyframes. */
export function stopsOf(objects: readonly VideoObject[]): TimelineEvent[] {
  const all = objects.flatMap((object) => [
    ...eventsOf(object),
    ...object.keys.map((frame): TimelineEvent => ({ frame, uid: object.uid, kind: "key" })),
  ]);
  return all.sort((a, b) => a.frame - b.frame);
}

/** The next stop after a frame, or before it; null for none. */
export function nextStop(objects: readonly VideoObject[], frame: number, back: boolean): TimelineEvent | null {
  const stops = stopsOf(objects);
  return (back ? stops.filter((stop) => stop.frame < frame).at(-1) : stops.find((stop) => stop.frame > frame)) ?? null;
}
