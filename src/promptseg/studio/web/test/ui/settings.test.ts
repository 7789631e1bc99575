import { afterEach, expect, test, vi } from "vitest";

import { recall, remember, theme } from "../../src/ui/settings.ts";

afterEach(() => vi.unstubAllGlobals());

function storage(): Map<string, string> {
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
  });
  return kept;
}

test("what is remembered is recalled", () => {
  storage();
  expect(recall("brush", 12)).toBe(12);
  remember("brush", 30);
  expect(recall("brush", 12)).toBe(30);
});

test("damaged or forbidden storage is as if there were none", () => {
  storage().set("promptseg.studio.brush", "{");
  expect(recall("brush", 12)).toBe(12);
  vi.stubGlobal("localStorage", undefined);
  remember("brush", 30);
  expect(recall("brush", 12)).toBe(12);
});

test("a theme that there is not is that of the system", () => {
  storage();
  remember("theme", "pink");
  expect(theme()).toBe("auto");
  remember("theme", "dark");
  expect(theme()).toBe("dark");
});
