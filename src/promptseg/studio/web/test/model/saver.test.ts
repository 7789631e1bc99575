import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Problem } from "../../src/model/problem.ts";
import { Saver } from "../../src/model/saver.ts";
import type { ImageDocument } from "../../src/model/types.ts";
import { UnsentStore } from "../../src/model/unsent.ts";
import { document, object, overTheWire, uidsOf } from "./documents.ts";
import { FakeServer } from "./fake_server.ts";
import { FakeStorage } from "./fake_storage.ts";

const gone = (): boolean => false;
const add = (uid: string) => ({ put: [object(uid)], remove: [] });

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

class World {
  readonly storage = new FakeStorage();
  readonly servers: Record<string, FakeServer> = { one: new FakeServer(document("ab")), two: new FakeServer(document("cd")) };
  readonly shown: { key: string; document: ImageDocument }[] = [];
  private pages = 0;

  /** A new page; those before are gone. */
  page(): Saver {
    const saver = new Saver(
      {
        send: (key, version, change) => this.servers[key]!.send(version, change),
        load: (key) => this.servers[key]?.load() ?? Promise.reject(new Problem(404, "Not found", "")),
        choose: () => Promise.resolve({}),
      },
      new UnsentStore(this.storage, () => "cups", `page${++this.pages}`),
    );
    saver.onDocument((event) => this.shown.push(event));
    return saver;
  }

  opened(key: string): ImageDocument {
    return overTheWire(this.servers[key]!.document);
  }
}

test("changes of several images are saved, each for itself, and the status is that which matters most", async () => {
  const world = new World();
  const saver = world.page();
  saver.open("one", world.opened("one"));
  world.servers.one!.fates = ["unreachable"];
  saver.save("one", add("x"));
  saver.open("two", world.opened("two"));
  saver.save("two", add("y"));
  expect(saver.status.value.state).toBe("saving");
  await vi.advanceTimersByTimeAsync(10);
  expect(saver.status.value).toEqual({ state: "offline", reason: "Failed to fetch" });
  expect(uidsOf(world.servers.two!.document)).toBe("cdy");
  await vi.advanceTimersByTimeAsync(1000);
  expect(saver.status.value).toEqual({ state: "saved", reason: null });
  expect(uidsOf(world.servers.one!.document)).toBe("abx");
});

test("an image that is opened again shows what is still unsent", async () => {
  const world = new World();
  const saver = world.page();
  world.servers.one!.fates = ["unreachable"];
  saver.open("one", world.opened("one"));
  saver.save("one", add("x"));
  await vi.advanceTimersByTimeAsync(10);
  expect(uidsOf(saver.open("one", world.opened("one")))).toBe("abx");
});

test("what was accepted of an image comes late, when it is saved and others were opened since, and is saved too", async () => {
  const world = new World();
  const saver = world.page();
  saver.open("one", world.opened("one"));
  saver.save("one", add("x"));
  await vi.advanceTimersByTimeAsync(10);
  saver.open("two", world.opened("two"));
  saver.save("one", add("y"));
  await vi.advanceTimersByTimeAsync(10);
  expect(uidsOf(world.servers.one!.document)).toBe("abxy");
});

test("an image that is opened again, saved, shows what others changed", async () => {
  const world = new World();
  const saver = world.page();
  saver.open("one", world.opened("one"));
  saver.open("two", world.opened("two"));
  world.servers.one!.change(add("x"));
  expect(uidsOf(saver.open("one", world.opened("one")))).toBe("abx");
  await vi.advanceTimersByTimeAsync(10);
  expect(world.servers.one!.requests).toEqual([]);
});

test("what others change is told with its image, once the server tells its version", async () => {
  const world = new World();
  const saver = world.page();
  saver.open("one", world.opened("one"));
  world.servers.one!.change(add("x"));
  saver.told("two", 9);
  saver.told("one", 2);
  await vi.advanceTimersByTimeAsync(10);
  expect(world.shown.map(({ key, document: shown }) => [key, uidsOf(shown)])).toEqual([["one", "abx"]]);
});

test("what earlier pages left is sent without that anybody opens the images; what cannot be loaded stays", async () => {
  const world = new World();
  const first = world.page();
  for (const key of ["one", "two"]) {
    world.servers[key]!.fates = Array.from({ length: 99 }, () => "unreachable");
    first.open(key, world.opened(key));
    first.save(key, add("x"));
  }
  await vi.advanceTimersByTimeAsync(10);
  vi.clearAllTimers(); // The first page is gone.
  const { one, two } = world.servers;
  one!.fates = [];
  delete world.servers.two;
  expect(await world.page().resume(gone)).toEqual(["two"]);
  await vi.advanceTimersByTimeAsync(10);
  expect(uidsOf(one!.document)).toBe("abx");

  world.servers.two = two!;
  two!.fates = [];
  const third = world.page();
  expect(await third.resume(gone)).toEqual([]);
  expect((await third.settled()).state).toBe("saved");
  expect(uidsOf(two!.document)).toBe("cdx");
  expect(one!.made).toHaveLength(1);
  expect(world.storage.values.size).toBe(0);
});

test("the page knows when closing it would lose changes", async () => {
  const world = new World();
  world.storage.size = 100;
  const saver = world.page();
  saver.open("one", world.opened("one"));
  expect(saver.wouldLose).toBe(false);
  saver.save("one", add("x"));
  expect(saver.wouldLose).toBe(true);
  await vi.advanceTimersByTimeAsync(10);
  expect(saver.wouldLose).toBe(false);
});

test("an image that was not opened cannot be changed", () => {
  expect(() => new World().page().save("one", add("x"))).toThrow("image one was not opened");
});
