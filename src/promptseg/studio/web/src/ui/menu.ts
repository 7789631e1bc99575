/** A menu below its button, or where the pointer is: arrows move, Enter chooses, Escape closes, and the focus returns. */

import type { Point } from "../model/types.ts";
import { fill, h } from "./dom.ts";
import { icon, type IconName } from "./icons.ts";
import { ariaKeys, shownKeys } from "./keys.ts";
import { placeAt, placeBeside } from "./tooltips.ts";

export type MenuItem =
  | { text: string; icon?: IconName; action?: string; checked?: boolean; disabled?: boolean; testid?: string; choose: () => void }
  | { heading: string }
  | "line";

let closeOpen: (() => void) | null = null;

/** Open a menu below a button. A second call closes it. */
export function openMenu(opener: HTMLElement, name: string, items: readonly MenuItem[]): void {
  const wasOpen = opener.getAttribute("aria-expanded") === "true";
  closeOpen?.();
  if (wasOpen) return;
  const menu = show(opener, name, items, { keeps: opener, closed: () => opener.setAttribute("aria-expanded", "false") });
  opener.setAttribute("aria-expanded", "true");
  placeBeside(menu, opener.getBoundingClientRect(), "below");
}

/** Open a menu at a point of the window. The focus returns to its owner. */
export function openMenuAt(owner: HTMLElement, [x, y]: Point, name: string, items: readonly MenuItem[]): void {
  closeOpen?.();
  placeAt(show(owner, name, items), x, y);
}

interface ShowOptions {
  /** What may be pressed without closing the menu. */
  keeps?: HTMLElement;
  closed?: () => void;
}

function show(owner: HTMLElement, name: string, items: readonly MenuItem[], { keeps, closed }: ShowOptions = {}): HTMLElement {
  const menu = h("div", { class: "menu", attrs: { role: "menu", "aria-label": name, tabindex: -1 } });
  const close = (): void => {
    closeOpen = null;
    const hadFocus = menu.contains(document.activeElement);
    closed?.();
    menu.remove();
    removeEventListener("pointerdown", outside, true);
    removeEventListener("resize", close);
    if (hadFocus) owner.focus({ preventScroll: true });
  };
  const outside = (event: Event): void => {
    if (event.target instanceof Node && !menu.contains(event.target) && !keeps?.contains(event.target)) close();
  };
  fill(menu, ...items.map((item) => itemOf(item, close)));
  menu.addEventListener("keydown", (event) => moveBy(event, menu, close));
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget instanceof Node && !menu.contains(event.relatedTarget) && event.relatedTarget !== keeps) close();
  });
  menu.addEventListener("contextmenu", (event) => event.preventDefault());
  (owner.closest("dialog, section, header, aside, main") ?? document.body).append(menu); // Within a landmark.
  addEventListener("pointerdown", outside, true);
  addEventListener("resize", close);
  closeOpen = close;
  choices(menu)[0]?.focus({ preventScroll: true });
  return menu;
}

function itemOf(item: MenuItem, close: () => void): HTMLElement {
  if (item === "line") return h("div", { attrs: { role: "separator" } });
  if ("heading" in item) return h("div", { class: "heading", attrs: { role: "presentation" } }, item.heading);
  const keys = item.action === undefined ? null : shownKeys(item.action);
  const element = h(
    "button",
    {
      class: "item",
      attrs: {
        type: "button",
        role: item.checked === undefined ? "menuitem" : "menuitemradio",
        "aria-checked": item.checked === undefined ? null : String(item.checked),
        "aria-keyshortcuts": item.action === undefined ? null : ariaKeys(item.action),
        "data-testid": item.testid,
        tabindex: -1,
      },
      on: {
        click: () => {
          close();
          item.choose();
        },
      },
    },
    item.icon || item.checked ? icon(item.icon ?? "check") : h("span"),
    h("span", { class: "ellipsis" }, item.text),
    keys !== null && h("kbd", { attrs: { "aria-hidden": "true" } }, keys),
  );
  element.disabled = item.disabled ?? false;
  return element;
}

function choices(menu: HTMLElement): HTMLButtonElement[] {
  return [...menu.querySelectorAll<HTMLButtonElement>(".item:not(:disabled)")];
}

function moveBy(event: KeyboardEvent, menu: HTMLElement, close: () => void): void {
  const all = choices(menu);
  const at = all.findIndex((each) => each === document.activeElement);
  const to: Record<string, number> = {
    ArrowDown: (at + 1) % all.length,
    ArrowUp: (at + all.length - 1) % all.length,
    Home: 0,
    End: all.length - 1,
  };
  if (event.key === "Escape" || event.key === "Tab") close();
  else if (to[event.key] !== undefined) all[to[event.key]!]?.focus();
  else if (event.key.length === 1 && /\p{L}/u.test(event.key)) startingWith(all, at, event.key)?.focus();
  else return;
  event.stopPropagation();
  if (event.key !== "Tab") event.preventDefault();
}

function startingWith(all: HTMLButtonElement[], at: number, letter: string): HTMLButtonElement | undefined {
  const around = [...all.slice(at + 1), ...all.slice(0, at + 1)];
  return around.find((each) => each.textContent.trim().toLowerCase().startsWith(letter.toLowerCase()));
}
