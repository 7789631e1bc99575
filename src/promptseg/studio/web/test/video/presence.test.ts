import { describe, expect, it } from "vitest";

import { eventsOf, kindAt, nextStop, runAt, stopsOf, withKind, withKnown, withNumber } from "../../src/video/presence.ts";
import type { Kind, Run, VideoObject } from "../../src/video/types.ts";

const RUNS: Run[] = [
  [2, 5, 1],
  [5, 7, 2],
  [9, 12, 1],
];

function objectOf(change: Partial<VideoObject> = {}): VideoObject {
  const base = {
    uid: "cat",
    number: 1,
    label: null,
    color: null,
    hidden: false,
    locked: false,
    attributes: {},
    runs: RUNS,
    keys: [2],
    gone: [],
  };
  return { ...base, ...change };
}

/** The runs as one kind a frame. */
function flat(runs: readonly Run[], length: number): (Kind | null)[] {
  return Array.from({ length }, (_, frame) => kindAt(runs, frame));
}

describe("runs", () => {
  it("tell what is known of a frame", () => {
    expect(flat(RUNS, 13)).toEqual([null, null, 1, 1, 1, 2, 2, null, null, 1, 1, 1, null]);
    expect([runAt(RUNS, 1), runAt(RUNS, 4), runAt(RUNS, 99)]).toEqual([-1, 0, 2]);
  });

  it("change on one frame alone, and stay as few as they can be", () => {
    for (let frame = 0; frame < 14; frame++) {
      for (const kind of [null, 1, 2, 4] as const) {
        const changed = withKind(RUNS, frame, kind);
        const expected = flat(RUNS, 16);
        expected[frame] = kind;
        expect(flat(changed, 16)).toEqual(expected);
        changed.forEach(([start, stop, own], index) => {
          const next = changed[index + 1];
          expect(stop).toBeGreaterThan(start);
          if (next) expect(next[0] > stop || (next[0] === stop && next[2] !== own)).toBe(true);
        });
      }
    }
    expect(RUNS).toEqual([[2, 5, 1], [5, 7, 2], [9, 12, 1]]); // prettier-ignore
  });

  it("grow frame by frame into one", () => {
    let runs: Run[] = [];
    for (let frame = 0; frame < 50; frame++) runs = withKind(runs, frame, 1);
    expect(runs).toEqual([[0, 50, 1]]);
    for (let frame = 49; frame >= 0; frame--) runs = withKind(runs, frame, null);
    expect(runs).toEqual([]);
  });
});

describe("an object", () => {
  it("knows its keyframes", () => {
    const marked = withKnown(objectOf(), 6, "key");
    expect([marked.keys, kindAt(marked.runs, 6)]).toEqual([[2, 6], 1]);
    const gone = withKnown(marked, 6, "gone");
    expect([gone.keys, gone.gone, kindAt(gone.runs, 6)]).toEqual([[2], [6], 4]);
    const nothing = withKnown(gone, 6, null);
    expect([nothing.gone, kindAt(nothing.runs, 6)]).toEqual([[], null]);
  });

  it("keeps a list of numbers in order", () => {
    expect(withNumber([2, 6], 4, true)).toEqual([2, 4, 6]);
    expect(withNumber([2, 6], 7, true)).toEqual([2, 6, 7]);
    expect(withNumber([2, 6], 2, false)).toEqual([6]);
    expect(withNumber([2, 6], 3, false)).toEqual([2, 6]);
  });

  it("appears, is lost and is found", () => {
    expect(eventsOf(objectOf())).toEqual([
      { frame: 2, uid: "cat", kind: "added" },
      { frame: 5, uid: "cat", kind: "lost" },
      { frame: 9, uid: "cat", kind: "found" },
    ]);
  });
});

describe("stops", () => {
  const all = [objectOf(), objectOf({ uid: "dog", runs: [[4, 6, 1]], keys: [4] })];

  it("are the events and keyframes of all objects in order", () => {
    expect(stopsOf(all).map(({ frame, kind }) => `${frame} ${kind}`)).toEqual([
      "2 added",
      "2 key",
      "4 added",
      "4 key",
      "5 lost",
      "9 found",
    ]);
  });

  it("are gone to in both directions", () => {
    expect([nextStop(all, 2, false)?.frame, nextStop(all, 9, true)?.frame]).toEqual([4, 5]);
    expect([nextStop(all, 9, false), nextStop(all, 2, true)]).toEqual([null, null]);
  });
});
