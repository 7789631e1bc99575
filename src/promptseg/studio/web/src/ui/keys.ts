/** The one table of keys: what they do, how they are written, and which of them is pressed. The help sheet and the tooltips read it too. */

export type Group = "tools" | "prompt" | "objects" | "labels" | "images" | "view";

export interface Shortcut {
  /** What is done: the name of an action, and of its text `keys.<action>` in the catalog. */
  action: string;
  group: Group;
  /** Written like "Mod+Shift+Z"; `Mod` is Ctrl, or ⌘ on a Mac. */
  keys: readonly string[];
  /** The tool or the canvas handles it; it is here to be shown. */
  elsewhere?: boolean;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { action: "tool.select", group: "tools", keys: ["V"] },
  { action: "tool.pan", group: "tools", keys: ["H"] },
  { action: "tool.point", group: "tools", keys: ["P"] },
  { action: "tool.box", group: "tools", keys: ["R"] },
  { action: "tool.brush", group: "tools", keys: ["B"] },
  { action: "tool.eraser", group: "tools", keys: ["E"] },
  { action: "tool.lasso", group: "tools", keys: ["L"] },
  { action: "tool.text", group: "tools", keys: ["T"] },
  { action: "tool.like", group: "tools", keys: ["K"] },
  { action: "tool.everything", group: "tools", keys: ["A"] },
  { action: "tool.salient", group: "tools", keys: ["S"] },

  { action: "prompt.move", group: "prompt", keys: ["ArrowLeft", "ArrowUp", "ArrowDown", "ArrowRight"], elsewhere: true },
  { action: "prompt.set", group: "prompt", keys: ["Space", "Enter"], elsewhere: true },
  { action: "prompt.background", group: "prompt", keys: ["Shift+Space"], elsewhere: true },
  { action: "prompt.candidate", group: "prompt", keys: ["C"], elsewhere: true },
  { action: "prompt.accept", group: "prompt", keys: ["Enter"], elsewhere: true },
  { action: "prompt.back", group: "prompt", keys: ["Backspace"], elsewhere: true },
  { action: "prompt.cancel", group: "prompt", keys: ["Escape"], elsewhere: true },
  { action: "prompt.size", group: "prompt", keys: ["[", "]"], elsewhere: true },

  { action: "undo", group: "objects", keys: ["Mod+Z"] },
  { action: "redo", group: "objects", keys: ["Mod+Shift+Z", "Mod+Y"] },
  { action: "objects.all", group: "objects", keys: ["Mod+A"] },
  { action: "objects.next", group: "objects", keys: ["."] },
  { action: "objects.previous", group: "objects", keys: [","] },
  { action: "objects.delete", group: "objects", keys: ["Delete"] },
  { action: "objects.rename", group: "objects", keys: ["F2"] },
  { action: "objects.refine", group: "objects", keys: ["I"] },
  { action: "objects.hide", group: "objects", keys: ["X"] },
  { action: "objects.lock", group: "objects", keys: ["Shift+L"] },
  { action: "objects.up", group: "objects", keys: ["Alt+ArrowUp"] },
  { action: "objects.down", group: "objects", keys: ["Alt+ArrowDown"] },
  { action: "objects.merge", group: "objects", keys: ["M"] },
  { action: "objects.split", group: "objects", keys: ["Shift+M"] },
  { action: "objects.fill", group: "objects", keys: ["F"] },
  { action: "objects.cut", group: "objects", keys: ["Shift+F"] },
  { action: "objects.smooth", group: "objects", keys: ["G"] },
  { action: "objects.copyImage", group: "objects", keys: ["Mod+C"] },
  { action: "objects.fromBefore", group: "objects", keys: ["Mod+Shift+V"] },
  { action: "objects.code", group: "objects", keys: ["Mod+Shift+C"] },
  { action: "objects.menu", group: "objects", keys: ["ContextMenu", "Shift+F10"], elsewhere: true },

  { action: "labels.give", group: "labels", keys: ["1–9"] },
  { action: "labels.none", group: "labels", keys: ["U"] },
  { action: "labels.add", group: "labels", keys: ["Shift+N"] },

  { action: "images.next", group: "images", keys: ["PageDown"] },
  { action: "images.previous", group: "images", keys: ["PageUp"] },
  { action: "images.nextUndone", group: "images", keys: ["N"] },
  { action: "images.done", group: "images", keys: ["D"] },
  { action: "images.doneNext", group: "images", keys: ["Mod+Enter"] },
  { action: "images.doubt", group: "images", keys: ["Q"] },
  { action: "images.search", group: "images", keys: ["/"] },

  { action: "view.in", group: "view", keys: ["+"] },
  { action: "view.out", group: "view", keys: ["-"] },
  { action: "view.fit", group: "view", keys: ["0"] },
  { action: "view.truth", group: "view", keys: ["Y"] },
  { action: "view.folder", group: "view", keys: ["Shift+G"] },
  { action: "view.export", group: "view", keys: ["Mod+E"] },
  { action: "view.help", group: "view", keys: ["?"] },
];

const BY_ACTION = new Map(SHORTCUTS.map((shortcut) => [shortcut.action, shortcut]));
const MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.userAgent);

/** What of a keyboard event decides. */
export interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
}

/** The action of the pressed keys, or null. Digits give labels: `label.3`. */
export function actionOf(pressed: Pressed): string | null {
  const written = writtenOf(pressed);
  if (/^[1-9]$/.test(written)) return `label.${written}`;
  const found = SHORTCUTS.find((shortcut) => shortcut.elsewhere !== true && shortcut.keys.includes(written));
  return found?.action ?? null;
}

/** The keys as the table writes them. Shift is left out with signs, which need it on some keyboards only. */
export function writtenOf(pressed: Pressed): string {
  const { key } = pressed;
  const name = key === " " ? "Space" : key.length === 1 ? key.toUpperCase() : key;
  const isSign = key.length === 1 && !/[\p{L}\p{N} ]/u.test(key);
  const parts = [
    pressed.ctrlKey || pressed.metaKey ? "Mod" : "",
    pressed.altKey ? "Alt" : "",
    pressed.shiftKey && !isSign ? "Shift" : "",
    name,
  ];
  return parts.filter(Boolean).join("+");
}

/** The first keys of an action as a person reads them on this machine, or null. */
export function shownKeys(action: string): string | null {
  const digit = /^label\.([1-9])$/.exec(action);
  if (digit) return digit[1] ?? null;
  const keys = BY_ACTION.get(action)?.keys[0];
  return keys === undefined ? null : shown(keys);
}

const SIGNS: Record<string, string> = {
  ArrowLeft: "←",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowRight: "→",
  Escape: "Esc",
  Delete: "Del",
  PageDown: "PgDn",
  PageUp: "PgUp",
  ContextMenu: "☰",
};

/** Keys of the table as a person reads them: "Ctrl+Shift+Z", or "⇧⌘Z" on a Mac. */
export function shown(keys: string, mac: boolean = MAC): string {
  const parts = keys === "+" ? ["+"] : keys.split("+");
  const names = parts.map((part) => SIGNS[part] ?? part);
  if (!mac) return names.map((name) => (name === "Mod" ? "Ctrl" : name)).join("+");
  const signs: Record<string, string> = { Mod: "⌘", Shift: "⇧", Alt: "⌥" };
  return names.map((name) => signs[name] ?? name).join("");
}

/** The keys of an action for `aria-keyshortcuts`, or null. */
export function ariaKeys(action: string): string | null {
  const digit = /^label\.([1-9])$/.exec(action);
  if (digit) return digit[1] ?? null;
  const keys = BY_ACTION.get(action)?.keys;
  return keys ? keys.map((each) => each.replace("Mod", MAC ? "Meta" : "Control")).join(" ") : null;
}
