/** Whether a notebook is dark, whichever program shows it. */

import type { Stop } from "../model/emitter.ts";

/** Have the styles of an element be dark or light as what is behind it, also when that changes. */
export function followTheme(element: HTMLElement): Stop {
  const follow = (): void => {
    element.style.colorScheme = isDark(behind(element)) ? "dark" : "light";
  };
  // Programs change the theme by an attribute or a class of the page's root or body.
  const observer = new MutationObserver(follow);
  for (const root of [document.documentElement, document.body]) observer.observe(root, { attributes: true });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", follow);
  const frame = requestAnimationFrame(follow); // The element may not be in the page yet.
  follow();
  return () => {
    cancelAnimationFrame(frame);
    observer.disconnect();
    system.removeEventListener("change", follow);
  };
}

/** The color behind an element, as CSS writes it; white where nothing has one. */
function behind(element: HTMLElement): string {
  for (let each: Element | null = element.parentElement; each !== null; each = parentOf(each)) {
    const color = getComputedStyle(each).backgroundColor;
    if (color !== "" && color !== "transparent" && !/[,/] *0\)$/.test(color)) return color;
  }
  return "rgb(255, 255, 255)";
}

function parentOf(element: Element): Element | null {
  const root = element.getRootNode();
  return element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/** Whether a color is nearer to black than to white. */
export function isDark(color: string): boolean {
  const values = (/\(([^)]*)\)/.exec(color)?.[1] ?? "").split(/[\s,/]+/).map(Number);
  const [red = 255, green = 255, blue = 255] = color.startsWith("color(") ? values.slice(1).map((value) => value * 255) : values;
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}
