/** One tooltip for all controls: the name of what the pointer rests on or the focus is at, and its keys. */

import { fill, h } from "./dom.ts";
import { shownKeys } from "./keys.ts";

const WAIT = 450; // Milliseconds; none while another one was just shown.
const GAP = 6;

export function installTooltips(root: HTMLElement): void {
  const tip = h("div", { class: "tip", attrs: { hidden: true, "aria-hidden": "true" } });
  document.body.append(tip);
  let timer = 0;
  let lastShown = 0;

  const hide = (): void => {
    clearTimeout(timer);
    if (!tip.hidden) lastShown = performance.now();
    tip.hidden = true;
  };
  const show = (target: HTMLElement): void => {
    const text = target.dataset.tip ?? target.getAttribute("aria-label");
    if (!text || !target.isConnected) return;
    const keys = shownKeys(target.dataset.action ?? "");
    fill(tip, h("span", {}, text), keys !== null && h("kbd", {}, keys));
    tip.hidden = false;
    placeBeside(tip, target.getBoundingClientRect(), target.closest(".rail") ? "right" : "below");
  };
  const later = (target: HTMLElement): void => {
    hide();
    timer = window.setTimeout(() => show(target), performance.now() - lastShown < 300 ? 0 : WAIT);
  };
  const targetOf = (event: Event): HTMLElement | null =>
    event.target instanceof Element ? event.target.closest<HTMLElement>("[aria-label].button, [data-tip]") : null;

  root.addEventListener("pointerover", (event) => {
    const target = targetOf(event);
    if (target && event.pointerType !== "touch") later(target);
    else hide();
  });
  root.addEventListener("focusin", (event) => {
    const target = targetOf(event);
    if (target?.matches(":focus-visible")) later(target);
  });
  root.addEventListener("focusout", hide);
  root.addEventListener("pointerdown", hide);
  root.addEventListener("pointerleave", hide);
  addEventListener("keydown", hide, true);
}

/** Put a fixed element beside a place, within the window. */
export function placeBeside(element: HTMLElement, beside: DOMRect, side: "right" | "below" | "above" | "left"): void {
  const { width, height } = element.getBoundingClientRect();
  let x = beside.left + beside.width / 2 - width / 2;
  let y = beside.bottom + GAP;
  if (side === "right" || side === "left") {
    x = side === "right" ? beside.right + GAP : beside.left - width - GAP;
    y = beside.top + beside.height / 2 - height / 2;
  } else if (side === "above" || y + height > innerHeight - GAP) y = beside.top - height - GAP;
  place(element, x, y);
}

/** Put a fixed element with its corner at a point, within the window. */
export function placeAt(element: HTMLElement, x: number, y: number): void {
  const { width, height } = element.getBoundingClientRect();
  place(element, x + width > innerWidth - GAP ? x - width : x, y + height > innerHeight - GAP ? y - height : y);
}

function place(element: HTMLElement, x: number, y: number): void {
  const { width, height } = element.getBoundingClientRect();
  const within = (value: number, most: number): number => Math.max(GAP, Math.min(value, most - GAP));
  element.style.setProperty("translate", `${within(x, innerWidth - width)}px ${within(y, innerHeight - height)}px`);
}
