import { expect, it } from "vitest";

import { isForNotebook } from "../../src/widget/view.ts";

function pressed(written: string): KeyboardEvent {
  const parts = written.split("+");
  const [key, ctrlKey, shiftKey] = [parts.at(-1), parts.includes("Ctrl"), parts.includes("Shift")];
  return { key, ctrlKey, shiftKey, metaKey: false, altKey: false } as KeyboardEvent;
}

it.each([
  ["Shift+Enter", true],
  ["Ctrl+Enter", true],
  ["Ctrl+s", true],
  ["Enter", false],
  ["Ctrl+z", false],
  ["d", false],
  ["Escape", false],
])("%s is for the notebook: %s", (written, isNotebooks) => {
  expect(isForNotebook(pressed(written))).toBe(isNotebooks);
});
