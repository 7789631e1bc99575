import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { DocumentModel } from "../../src/model/document.ts";
import type { Conflict } from "../../src/model/pending.ts";
import { Problem } from "../../src/model/problem.ts";
import { SaveQueue, type Choice, type SaveState } from "../../src/model/queue.ts";
import type { Change, ImageDocument } from "../../src/model/types.ts";
import type { Unsent } from "../../src/model/unsent.ts";
import { document, object, overTheWire, uidsOf } from "./documents.ts";
import { FakeServer, type Fate } from "./fake_server.ts";
import { random } from "./naive.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A page with one image: its document, its queue, and its storage. */
class Page {
  readonly model: DocumentModel;
  readonly queue: SaveQueue;
  readonly asked: Conflict[][] = [];
  readonly states: SaveState[] = [];
  isClosed = false;

  constructor(
    readonly server: FakeServer,
    public choose: (conflicts: Conflict[]) => Promise<Record<string, Choice>> = () => Promise.resolve({}),
    public kept: Unsent | null = null,
    opened: ImageDocument = overTheWire(server.document),
  ) {
    this.queue = new SaveQueue(
      {
        send: async (version, change) => {
          await this.whileOpen();
          const answer = await server.send(version, change);
          await this.whileOpen(); // Otherwise nobody hears the answer.
          return answer;
        },
        load: () => server.load(),
        choose: (conflicts) => {
          this.asked.push(conflicts);
          return this.choose(conflicts);
        },
        keep: (unsent) => {
          if (!this.isClosed) this.kept = unsent === null ? null : overTheWire(unsent);
        },
        show: (merged) => this.model.replace(merged),
      },
      opened,
      kept,
    );
    this.model = new DocumentModel(this.queue.document);
    this.model.onChange(({ change, origin }) => {
      if (origin === "page") this.queue.save(change);
    });
    this.queue.status.watch(({ state }) => this.states.push(state));
  }

  /** Never ends for a page that is closed. */
  private whileOpen(): Promise<unknown> {
    return this.isClosed ? new Promise(() => undefined) : Promise.resolve();
  }

  label(uid: string, label: string): void {
    this.model.apply({ put: [{ ...(this.model.get(uid) ?? object(uid)), label }], remove: [] });
  }

  labels(): Record<string, string | null> {
    return labelsOf(this.model);
  }
}

function labelsOf({ objects }: { readonly objects: readonly { uid: string; label: string | null }[] }): Record<string, string | null> {
  return Object.fromEntries(objects.map(({ uid, label }) => [uid, label]));
}

function put(uid: string, label: string): Change {
  return { put: [object(uid, { label })], remove: [] };
}

/** Lets everything happen that does not wait for more than a minute. */
async function later(): Promise<void> {
  await vi.advanceTimersByTimeAsync(60_000);
}

describe("changes", () => {
  test("are sent one after another, and what is done meanwhile waits as one", async () => {
    const page = new Page(new FakeServer(document("ab")));
    for (const label of ["1", "2", "3"]) page.label("a", label);
    page.label("b", "4");
    expect(page.queue.status.value.state).toBe("saving");
    await later();
    expect(page.server.requests.map((change) => change.put.map(({ uid, label }) => uid + (label ?? "")))).toEqual([["a1"], ["a3", "b4"]]);
    expect(page.states).toEqual(["saved", "saving", "saved"]);
    expect(labelsOf(page.server.document)).toEqual({ a: "3", b: "4" });
    expect(page.kept).toBeNull();
  });

  test("are in storage before they are sent", () => {
    const page = new Page(new FakeServer(document("ab")));
    page.label("a", "mine");
    expect(page.kept?.sent.change.put[0]?.label).toBe("mine");
    page.label("b", "mine");
    expect(page.kept?.waiting.change.put[0]?.uid).toBe("b");
  });

  test("of others that do not touch the same objects are merged, also while the next one waits", async () => {
    const page = new Page(new FakeServer(document("abc")));
    page.server.change({ put: [object("x")], remove: ["c"], state: "doubt" });
    page.label("a", "mine");
    page.label("b", "mine");
    await later();
    expect(page.asked).toEqual([]);
    expect(page.labels()).toEqual({ a: "mine", b: "mine", x: null });
    expect(labelsOf(page.server.document)).toEqual(page.labels());
    expect(page.model.state).toBe("doubt");
  });

  test("that waited for an answer which tells that others changed the same are asked about", async () => {
    const page = new Page(new FakeServer(document("ab")));
    page.server.change(put("b", "theirs"));
    page.label("a", "mine");
    page.label("b", "mine");
    page.choose = () => Promise.resolve({ b: "theirs" });
    await later();
    expect(page.asked.map((conflicts) => conflicts.map(({ uid, mine, theirs }) => [uid, mine?.label, theirs?.label]))).toEqual([
      [["b", "mine", "theirs"]],
    ]);
    expect(page.labels()).toEqual({ a: "mine", b: "theirs" });
    expect(labelsOf(page.server.document)).toEqual(page.labels());
  });
});

describe("a conflict", () => {
  test.each([
    ["mine", { a: "mine", b: "mine" }],
    ["theirs", { a: "theirs", b: "mine" }],
  ] as const)("is settled for %s, and the rest of the change is kept", async (choice, labels) => {
    const page = new Page(new FakeServer(document("ab")), () => Promise.resolve({ a: choice }));
    page.server.change(put("a", "theirs"));
    page.model.apply({ put: [object("a", { label: "mine" }), object("b", { label: "mine" })], remove: [] });
    await later();
    expect(page.labels()).toEqual(labels);
    expect(labelsOf(page.server.document)).toEqual(labels);
    expect(page.states.at(-1)).toBe("saved");
    expect(page.asked).toHaveLength(1);
  });

  test("waits for the person: nothing is sent, the page goes on, and storage has all", async () => {
    let answer: (choices: Record<string, Choice>) => void = () => undefined;
    const page = new Page(new FakeServer(document("ab")), () => new Promise((resolve) => (answer = resolve)));
    page.server.change(put("a", "theirs"));
    page.label("a", "mine");
    await later();
    expect(page.queue.status.value.state).toBe("conflict");
    expect(page.labels()).toEqual({ a: "mine", b: null });
    page.label("b", "mine");
    await later();
    expect(page.server.requests).toHaveLength(1);
    expect(page.kept?.waiting.change.put.map((each) => each.uid)).toEqual(["a", "b"]);
    answer({});
    await later();
    expect(labelsOf(page.server.document)).toEqual({ a: "mine", b: "mine" });
  });

  test("may be about an object that they or this page removed", async () => {
    const page = new Page(new FakeServer(document("abc")), () => Promise.resolve({ a: "mine", b: "theirs", c: "theirs" }));
    page.server.change({ put: [object("b", { label: "theirs" })], remove: ["a", "c"] });
    page.model.apply({ put: [object("a", { label: "mine" }), object("c", { label: "mine" })], remove: ["b"] });
    await later();
    expect(page.asked[0]?.map(({ uid, mine, theirs }) => [uid, mine?.label, theirs?.label])).toEqual([
      ["a", "mine", undefined],
      ["c", "mine", undefined],
      ["b", undefined, "theirs"],
    ]);
    expect(page.labels()).toEqual({ a: "mine", b: "theirs" });
    expect(labelsOf(page.server.document)).toEqual(page.labels());
  });

  test("is none where both did the same", async () => {
    const page = new Page(new FakeServer(document("abc")));
    page.server.change({ put: [object("a", { label: "both" })], remove: ["c"] });
    page.model.apply({ put: [object("a", { label: "both" })], remove: ["c"] });
    page.label("b", "mine");
    await later();
    expect(page.asked).toEqual([]);
    expect(labelsOf(page.server.document)).toEqual({ a: "both", b: "mine" });
  });
});

describe("a server that cannot be reached", () => {
  test("is tried again, ever more seldom, until it can", async () => {
    const page = new Page(new FakeServer(document("a")));
    page.server.fates = Array.from({ length: 6 }, () => "unreachable");
    page.label("a", "mine");
    await vi.advanceTimersByTimeAsync(0);
    expect(page.queue.status.value).toEqual({ state: "offline", reason: "Failed to fetch" });
    const times: number[] = [];
    for (let second = 0; second < 60; second += 0.5) {
      const before = page.server.requests.length;
      await vi.advanceTimersByTimeAsync(500);
      if (page.server.requests.length > before) times.push(second + 0.5);
    }
    expect(times).toEqual([0.5, 1.5, 3.5, 7.5, 15.5, 30.5]);
    expect(page.queue.status.value.state).toBe("saved");
    expect(page.server.made).toHaveLength(1);
  });

  test("is tried at once by `retry` and by the next change", async () => {
    const page = new Page(new FakeServer(document("a")));
    page.server.fates = Array.from({ length: 20 }, () => "unreachable");
    page.label("a", "mine");
    await later();
    const before = page.server.requests.length;
    page.queue.retry();
    await vi.advanceTimersByTimeAsync(0);
    page.label("a", "again");
    await vi.advanceTimersByTimeAsync(0);
    expect(page.server.requests.length).toBe(before + 2);
  });

  test("may ask to be left alone for longer", async () => {
    const page = new Page(new FakeServer(document("a")));
    page.server.fates = [new Problem(503, "Not ready", "", null, 20)];
    page.label("a", "mine");
    await vi.advanceTimersByTimeAsync(19_000);
    expect(page.server.requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(page.queue.status.value.state).toBe("saved");
  });
});

describe("a lost answer", () => {
  test("is made good by the same request, which is made only once", async () => {
    const page = new Page(new FakeServer(document("ab")));
    page.server.fates = ["lost"];
    page.model.apply({ put: [object("x"), object("a", { label: "mine" })], remove: ["b"] });
    page.label("x", "later");
    await later();
    expect(page.server.requests[1]).toEqual(page.server.requests[0]);
    expect(page.asked).toEqual([]);
    expect(page.server.made).toHaveLength(2);
    expect(labelsOf(page.server.document)).toEqual({ a: "mine", x: "later" });
  });

  test("is recognized where others changed other objects since", async () => {
    const page = new Page(new FakeServer(document("ab")));
    page.server.fates = ["lost"];
    page.label("a", "mine");
    await vi.advanceTimersByTimeAsync(1);
    page.server.change(put("b", "theirs"));
    await later();
    expect(page.asked).toEqual([]);
    expect(page.labels()).toEqual({ a: "mine", b: "theirs" });
  });

  test("is recognized where a later change of the same object waits, and others changed another since", async () => {
    const page = new Page(new FakeServer(document("ab")));
    page.server.fates = ["lost"];
    page.label("a", "1");
    page.label("a", "2");
    await vi.advanceTimersByTimeAsync(1);
    page.server.change(put("b", "theirs"));
    await later();
    expect(page.asked).toEqual([]);
    expect(labelsOf(page.server.document)).toEqual({ a: "2", b: "theirs" });
  });

  test("is a conflict where others changed the same object since", async () => {
    const page = new Page(new FakeServer(document("a")), () => Promise.resolve({ a: "theirs" }));
    page.server.fates = ["lost"];
    page.label("a", "mine");
    await vi.advanceTimersByTimeAsync(1);
    page.server.change(put("a", "theirs"));
    await later();
    expect(page.asked).toHaveLength(1);
    expect(page.labels()).toEqual({ a: "theirs" });
  });
});

describe("a change that the server refuses", () => {
  test("is kept and told, and goes again with the next one", async () => {
    const page = new Page(new FakeServer(document("ab")));
    page.server.fates = [new Problem(422, "No", "the mask of a is empty")];
    page.label("a", "mine");
    await later();
    expect(page.queue.status.value).toEqual({ state: "refused", reason: "the mask of a is empty" });
    expect(page.kept?.waiting.change.put[0]?.label).toBe("mine");
    expect(page.server.requests).toHaveLength(1);
    page.label("b", "mine");
    await later();
    expect(page.queue.status.value.state).toBe("saved");
    expect(labelsOf(page.server.document)).toEqual({ a: "mine", b: "mine" });
  });

  test("is not tried without end where the server has no other document", async () => {
    const page = new Page(new FakeServer(document("a")));
    page.server.fates = [new Problem(409, "Changed by others", "", document("a"))];
    page.label("a", "mine");
    await later();
    expect(page.server.requests).toHaveLength(1);
    expect(page.queue.status.value.state).toBe("refused");
  });
});

describe("what others changed", () => {
  test("is loaded when the server tells a version that is not of this page", async () => {
    const page = new Page(new FakeServer(document("ab")));
    page.label("a", "mine");
    page.queue.told(2);
    await later();
    page.server.change(put("b", "theirs"));
    page.queue.told(3);
    await later();
    expect(page.labels()).toEqual({ a: "mine", b: "theirs" });
    expect(page.server.requests).toHaveLength(1);
  });

  test("is loaded as soon as nothing is on its way", async () => {
    const page = new Page(new FakeServer(document("ab")));
    const send = page.server.send.bind(page.server);
    page.server.send = async (version, change) => {
      const answer = await send(version, change);
      page.server.change(put("b", "theirs"));
      page.queue.told(3);
      return answer;
    };
    page.label("a", "mine");
    await later();
    expect(page.labels()).toEqual({ a: "mine", b: "theirs" });
  });

  test("is not asked for by versions that are known", async () => {
    const page = new Page(new FakeServer(document("a")));
    const load = vi.spyOn(page.server, "load");
    page.queue.told(1);
    page.label("a", "mine");
    await later();
    page.queue.told(2);
    await later();
    expect(load).not.toHaveBeenCalled();
  });
});

describe("a page that ends before its answer", () => {
  /** Another page with what the first one left. */
  function reopened(page: Page): Page {
    page.isClosed = true;
    return new Page(page.server, page.choose, overTheWire(page.kept));
  }

  test.each<Fate>(["answer", "lost", "unreachable"])("leaves its changes to the next one, whatever became of them: %s", async (fate) => {
    const page = new Page(new FakeServer(document("ab")));
    page.server.fates = [fate];
    page.model.apply({ put: [object("x"), object("a", { label: "1" })], remove: ["b"], order: ["x", "a"] });
    page.label("a", "2");
    await vi.advanceTimersByTimeAsync(1);
    const next = reopened(page);
    expect(next.labels()).toEqual({ x: null, a: "2" });
    expect(uidsOf(next.model)).toBe("xa");
    await later();
    expect(next.asked).toEqual([]);
    expect(next.queue.status.value.state).toBe("saved");
    expect(next.kept).toBeNull();
    expect(labelsOf(page.server.document)).toEqual({ x: null, a: "2" });
    expect(page.server.made).toHaveLength(2);
  });

  test("leaves a conflict to the next one where others changed the same meanwhile", async () => {
    const page = new Page(new FakeServer(document("ab")), () => Promise.resolve({ a: "mine" }));
    page.server.fates = ["unreachable"];
    page.label("a", "mine");
    page.label("b", "mine");
    await vi.advanceTimersByTimeAsync(1);
    page.server.change(put("a", "theirs"));
    const next = reopened(page);
    await later();
    expect(next.asked.map((conflicts) => conflicts.map(({ uid }) => uid))).toEqual([["a"]]);
    expect(labelsOf(page.server.document)).toEqual({ a: "mine", b: "mine" });
  });
});

test.each(Array.from({ length: 60 }, (_, seed) => seed))(
  "two pages with bad connections, reloads and conflicts lose nothing, and agree in the end: %i",
  async (seed) => {
    const next = random(seed);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)]!;
    const server = new FakeServer(document("abxyz"));
    const fates: Fate[] = ["answer", "answer", "lost", "unreachable", new Problem(503, "Not ready", "")];
    const choose = (conflicts: Conflict[]): Promise<Record<string, Choice>> =>
      Promise.resolve(Object.fromEntries(conflicts.map(({ uid }) => [uid, pick(["mine", "theirs"])])));
    const pages = [new Page(server, choose), new Page(server, choose)];
    const own: Record<string, string> = {}; // What only one page changes has its last label in the end.
    for (let step = 0; step < 40; step++) {
      const index = pick([0, 1]);
      const page = pages[index]!;
      const action = next();
      server.fates = Array.from({ length: 3 }, () => pick(fates));
      if (action < 0.15) {
        page.isClosed = true;
        pages[index] = new Page(server, choose, overTheWire(page.kept));
      } else if (action < 0.25) page.model.apply({ put: [], remove: [pick(["x", "y", "z"])] });
      else if (action < 0.6) page.label(pick(["x", "y", "z"]), `${index} ${step}`);
      else {
        const uid = pick(
          [
            ["a", "c"],
            ["b", "d"],
          ][index]!,
        );
        page.label(uid, (own[uid] = `${index} ${step}`));
      }
      await vi.advanceTimersByTimeAsync(pick([0, 0, 1, 700, 3000]));
      if (next() < 0.3) for (const each of pages) each.queue.told(server.document.version);
    }
    server.fates = [];
    await later();
    for (const page of pages) page.queue.told(server.document.version);
    await later();
    expect(labelsOf(server.document)).toMatchObject(own);
    for (const page of pages) {
      expect(page.queue.status.value.state).toBe("saved");
      expect(page.kept).toBeNull();
      expect(page.queue.document).toEqual(server.document);
      expect({ ...page.model.value, version: server.document.version }).toEqual(server.document);
    }
  },
);
