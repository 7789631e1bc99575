import { expect, test, vi } from "vitest";

import type { ImageSummary, OpenImage } from "../../src/model/types.ts";
import { Opened } from "../../src/ui/opened.ts";

function image(key: string, version = 1): ImageSummary {
  return { key, name: key, state: "new", objects: 0, version, doubt: null, error: null };
}

function begin(): { load: ReturnType<typeof vi.fn<(key: string) => Promise<OpenImage>>>; warm: ReturnType<typeof vi.fn>; opened: Opened } {
  const load = vi.fn((key: string) => Promise.resolve({ key } as OpenImage));
  const warm = vi.fn();
  return { load, warm, opened: new Opened(load, warm) };
}

test("an image that was opened ahead is not loaded again, and its tiles are fetched", async () => {
  const { load, warm, opened } = begin();
  opened.ahead(image("a"));
  opened.ahead(image("a"));
  expect((await opened.get(image("a"))).key).toBe("a");
  expect(load).toHaveBeenCalledTimes(1);
  expect(warm).toHaveBeenCalledTimes(1);
});

test("it is given once: later it may have changed", async () => {
  const { load, opened } = begin();
  opened.ahead(image("a"));
  await opened.get(image("a"));
  await opened.get(image("a"));
  expect(load).toHaveBeenCalledTimes(2);
});

test("an image that others changed since is loaded anew", async () => {
  const { load, opened } = begin();
  opened.ahead(image("a", 1));
  await opened.get(image("a", 2));
  expect(load).toHaveBeenCalledTimes(2);
});

test("what failed ahead is tried again when it is shown", async () => {
  const { load, opened } = begin();
  load.mockRejectedValueOnce(new Error("busy"));
  opened.ahead(image("a"));
  expect((await opened.get(image("a"))).key).toBe("a");
});

test("only the last few are kept", async () => {
  const { load, opened } = begin();
  for (const key of "abcdef") opened.ahead(image(key));
  load.mockClear();
  await opened.get(image("f"));
  await opened.get(image("a"));
  expect(load.mock.calls).toEqual([["a"]]);
});
