/** What the page remembers in this browser: theme, language, size of the folder, hints that were seen. */

const PREFIX = "promptseg.studio.";

/** Return what is remembered under a name, or `otherwise`. */
export function recall<T>(name: string, otherwise: T): T {
  try {
    const kept = localStorage.getItem(PREFIX + name);
    return kept === null ? otherwise : (JSON.parse(kept) as T);
  } catch {
    return otherwise; // Storage is forbidden, or holds what is not JSON.
  }
}

/** Remember a value. Where storage is full or forbidden, it is forgotten with the page. */
export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    return;
  }
}

export type Theme = "auto" | "light" | "dark";
export const THEMES: readonly Theme[] = ["auto", "light", "dark"];

/** The theme that was chosen: "auto" is that of the system. */
export function theme(): Theme {
  const kept = recall<Theme>("theme", "auto");
  return THEMES.includes(kept) ? kept : "auto";
}

export function setTheme(chosen: Theme): void {
  remember("theme", chosen);
  applyTheme();
}

export function applyTheme(): void {
  const chosen = theme();
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}
