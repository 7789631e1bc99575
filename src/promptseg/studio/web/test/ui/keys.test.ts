import { describe, expect, test } from "vitest";

import en from "../../src/i18n/en.json";
import { actionOf, ariaKeys, shown, shownKeys, SHORTCUTS, writtenOf, type Pressed } from "../../src/ui/keys.ts";
import { TOOLS } from "../../src/tools/tool.ts";

function pressed(key: string, held: Partial<Pressed> = {}): Pressed {
  return { key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held };
}

describe("the table", () => {
  test("has every action and every key once", () => {
    const actions = SHORTCUTS.map((shortcut) => shortcut.action);
    const keys = SHORTCUTS.filter((shortcut) => shortcut.elsewhere !== true).flatMap((shortcut) => shortcut.keys);
    expect(new Set(actions).size).toBe(actions.length);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("has a key for every tool", () => {
    expect(TOOLS.filter((tool) => shownKeys(`tool.${tool}`) === null)).toEqual([]);
  });

  test("has a text for every action", () => {
    expect(SHORTCUTS.map(({ action }) => `keys.${action}`).filter((key) => !(key in en))).toEqual([]);
  });
});

describe("pressed keys", () => {
  test.each([
    ["b", {}, "tool.brush"],
    ["B", {}, "tool.brush"], // Caps lock.
    ["z", { ctrlKey: true }, "undo"],
    ["z", { metaKey: true }, "undo"],
    ["Z", { ctrlKey: true, shiftKey: true }, "redo"],
    ["y", { ctrlKey: true }, "redo"],
    ["ArrowUp", { altKey: true }, "objects.up"],
    ["M", { shiftKey: true }, "objects.split"],
    ["?", { shiftKey: true }, "view.help"],
    ["/", { shiftKey: true }, "images.search"], // As on a German keyboard.
    ["7", {}, "label.7"],
  ])("%s with %j do %s", (key, held, action) => {
    expect(actionOf(pressed(key, held))).toBe(action);
  });

  test.each([
    ["b", { ctrlKey: true }],
    ["7", { ctrlKey: true }],
    ["ArrowUp", {}],
    ["Enter", {}], // The tools use it.
    ["ß", {}],
  ])("%s with %j do nothing", (key, held) => {
    expect(actionOf(pressed(key, held))).toBeNull();
  });

  test("are written as in the table", () => {
    expect(writtenOf(pressed(" ", { shiftKey: true }))).toBe("Shift+Space");
    expect(writtenOf(pressed("+", { shiftKey: true }))).toBe("+");
  });
});

describe("keys as they are shown", () => {
  test("have the names or the signs of the machine", () => {
    expect(shown("Mod+Shift+Z", false)).toBe("Ctrl+Shift+Z");
    expect(shown("Mod+Shift+Z", true)).toBe("⌘⇧Z");
    expect(shown("Alt+ArrowUp", false)).toBe("Alt+↑");
    expect(shown("+", false)).toBe("+");
  });

  test("are told to screen readers as ARIA writes them", () => {
    expect(ariaKeys("redo")).toBe("Control+Shift+Z Control+Y");
    expect(ariaKeys("label.4")).toBe("4");
    expect(ariaKeys("nothing")).toBeNull();
  });
});
