import { expect, test } from "vitest";

import { openPages } from "../../src/model/open_pages.ts";

test("pages of one browser see one another, and no page that is gone", async () => {
  const held = new Set<string>();
  const locks = {
    request: (name: string, work: () => Promise<unknown>) => {
      held.add(name);
      return work();
    },
    query: () => Promise.resolve({ held: [...held].map((name) => ({ name })) }),
  } as unknown as LockManager;
  const first = await openPages(locks);
  const second = await openPages(locks);
  expect(first.own).not.toBe(second.own);
  expect(second.isOpen(first.own)).toBe(true);
  expect(second.isOpen(second.own)).toBe(true);
  expect(second.isOpen("another")).toBe(false);
});

test("where the browser has no locks, other pages count as gone", async () => {
  const pages = await openPages(undefined);
  expect(pages.isOpen(pages.own)).toBe(true);
  expect(pages.isOpen("another")).toBe(false);
});
