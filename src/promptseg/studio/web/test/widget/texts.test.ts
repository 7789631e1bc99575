import { expect, it } from "vitest";

import en from "../../src/i18n/en.json";
import { TOOLS } from "../../src/tools/tool.ts";
import { isOfWidget } from "../../widget-texts.mjs";

const SOURCES = {
  ...import.meta.glob("../../src/widget/*.ts", { query: "?raw", import: "default", eager: true }),
  ...import.meta.glob("../../src/tools/*.ts", { query: "?raw", import: "default", eager: true }),
};

/** Keys that a source writes out, and those that it makes of the name of a tool. */
function keysOf(source: string): string[] {
  const written = [...source.matchAll(/"([a-z]+\.[\w.]+)"/gi)].map(([, key]) => key ?? "");
  const made = [...source.matchAll(/`([a-z.]+\.)\$\{/gi)].flatMap(([, start]) => TOOLS.map((tool) => `${start ?? ""}${tool}`));
  return [...written, ...made].filter((key) => key in en);
}

it("the widget has all texts that its sources name", () => {
  const keys = Object.values(SOURCES).flatMap(keysOf);
  expect(keys).toContain("widget.smaller");
  expect(keys).toContain("keys.tool.brush");
  expect(keys.filter((key) => !isOfWidget(key) && !key.startsWith("keys.tool."))).toEqual([]);
});

it("the widget leaves the texts of the page alone out", () => {
  expect(Object.keys(en).filter(isOfWidget).length).toBeLessThan(Object.keys(en).length / 2);
});
