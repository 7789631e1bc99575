/**
 * Texts in the language of the person. `en.json` is the source; the other catalogs have the same keys and placeholders.
 *
 *     t("save.saved")                                // Values: "{width} × {height} pixels" takes { width: 640, height: 480 }.
 *     plural("objects.count", 3)                     // "objects.count": { "one": "{count} object", "other": "{count} objects" }
 */
import de from "./de.json";
import en from "./en.json";
import es from "./es.json";
import pt from "./pt.json";
import zh from "./zh.json";

type Catalog = typeof en;
type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };
type Values = Record<string, string | number>;

/** Keys of texts, and of texts that depend on a number. */
export type TextKey = { [Key in keyof Catalog]: Catalog[Key] extends string ? Key : never }[keyof Catalog];
export type PluralKey = Exclude<keyof Catalog, TextKey>;

export type Language = "en" | "es" | "de" | "pt" | "zh";

/** The languages by their own names. */
export const LANGUAGES: Record<Language, string> = { en: "English", es: "Español", de: "Deutsch", pt: "Português", zh: "中文" };

const CATALOGS: Record<Language, Record<string, string | Plural>> = { en, es, de, pt, zh };
const REMEMBERED = "promptseg.studio.language";

let current: Language = remembered() ?? preferred(browserLanguages());

/** The language of the texts. */
export function language(): Language {
  return current;
}

/** Changes the language of the texts from now on, and remembers it in this browser. Texts that are shown already stay as they are. */
export function setLanguage(chosen: Language): void {
  current = chosen;
  try {
    localStorage.setItem(REMEMBERED, chosen);
  } catch {
    return; // Storage is forbidden: the choice is forgotten with the page.
  }
}

/** The text of a key, with values in the places of `{name}`. Numbers are written as the language writes them. */
export function t(key: TextKey, values: Values = {}): string {
  return filled((CATALOGS[current][key] as string | undefined) ?? key, values);
}

/** The text of a key for a number of things, which is also the value of `{count}`. */
export function plural(key: PluralKey, count: number, values: Values = {}): string {
  const forms = CATALOGS[current][key] as Plural;
  return filled(forms[new Intl.PluralRules(current).select(count)] ?? forms.other, { count, ...values });
}

/** The first of the languages that a person reads which there is, or else English. */
export function preferred(wanted: readonly string[]): Language {
  return wanted.map((tag) => tag.toLowerCase().split("-")[0]).find(isLanguage) ?? "en";
}

function filled(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    if (value === undefined) return place;
    return typeof value === "number" ? new Intl.NumberFormat(current).format(value) : value;
  });
}

function browserLanguages(): readonly string[] {
  return typeof navigator === "undefined" ? [] : navigator.languages; // Tests have no browser.
}

function remembered(): Language | null {
  try {
    const kept = localStorage.getItem(REMEMBERED);
    return isLanguage(kept) ? kept : null;
  } catch {
    return null; // Storage is forbidden, or this is no browser.
  }
}

function isLanguage(text: string | null | undefined): text is Language {
  return text !== null && text !== undefined && Object.hasOwn(LANGUAGES, text);
}
