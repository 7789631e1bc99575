import { afterEach, describe, expect, test, vi } from "vitest";

import de from "../../src/i18n/de.json";
import en from "../../src/i18n/en.json";
import es from "../../src/i18n/es.json";
import pt from "../../src/i18n/pt.json";
import zh from "../../src/i18n/zh.json";
import { LANGUAGES, language, plural, preferred, setLanguage, t, type TextKey } from "../../src/i18n/index.ts";

type Text = string | Record<string, string>;

const catalogs: Record<string, Record<string, Text>> = { en, es, de, pt, zh };
const others = Object.entries(catalogs).filter(([name]) => name !== "en");
const sources = import.meta.glob("../../src/**/*.ts", { query: "?raw", import: "default", eager: true });

function formsOf(text: Text): string[] {
  return typeof text === "string" ? [text] : Object.values(text);
}

function placeholders(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).sort();
}

afterEach(() => {
  setLanguage("en");
  vi.unstubAllGlobals();
});

describe("the catalogs", () => {
  test("are those of the languages that can be chosen", () => {
    expect(Object.keys(catalogs).sort()).toEqual(Object.keys(LANGUAGES).sort());
  });

  test.each(others)("%s has the keys of en", (_, catalog) => {
    expect(Object.keys(catalog).sort()).toEqual(Object.keys(en).sort());
  });

  test.each(Object.entries(catalogs))("%s has the placeholders of en in each text", (_, catalog) => {
    for (const [key, source] of Object.entries<Text>(en)) {
      const wanted = placeholders(formsOf(source).at(-1)!);
      for (const form of formsOf(catalog[key] ?? "")) {
        // "One object" may do without its number.
        const found = placeholders(form);
        const allowed = typeof source === "string" ? [wanted] : [wanted, wanted.filter((name) => name !== "count")];
        expect(allowed, `${key}: ${form}`).toContainEqual(found);
      }
    }
  });

  test.each(Object.entries(catalogs))("%s has exactly the plural forms of its language", (name, catalog) => {
    const wanted = new Intl.PluralRules(name).resolvedOptions().pluralCategories;
    const usual = wanted.filter((form) => form !== "many"); // "Many" of Spanish and Portuguese is for millions.
    for (const [key, source] of Object.entries<Text>(en)) {
      const text = catalog[key]!;
      expect(typeof text, key).toBe(typeof source);
      if (typeof text === "object") expect(Object.keys(text).sort(), key).toEqual([...usual].sort());
    }
  });

  test.each(Object.entries(catalogs))("%s has no empty text", (_, catalog) => {
    expect(Object.entries(catalog).filter(([, text]) => formsOf(text).some((form) => form.trim() === ""))).toEqual([]);
  });
});

describe("the sources", () => {
  const used = Object.values(sources).flatMap((source) =>
    [...source.matchAll(/(?<![\w.])["'`]([a-z]+(?:\.[\w${}.]+)+)["'`]/gi)].map((match) => match[1]!),
  );
  const called = Object.values(sources).flatMap((source) =>
    [...source.matchAll(/(?<![\w.])(?:t|plural)\(\s*["'`]([^"'`]+)["'`]/g)].map((match) => match[1]!),
  );

  /** What a template like `keys.${action}` may stand for. */
  function keysOf(template: string): string[] {
    const pattern = template.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^$()|[\]\\]/g, "\\$&"));
    const expression = new RegExp(`^${pattern.join(".+")}$`);
    return Object.keys(en).filter((key) => expression.test(key));
  }

  test("use only keys that are in the catalogs", () => {
    expect(called.filter((key) => keysOf(key).length === 0)).toEqual([]);
  });

  test("use every key of the catalogs", () => {
    const all = new Set([...used, ...called].flatMap(keysOf));
    expect(Object.keys(en).filter((key) => !all.has(key))).toEqual([]);
  });
});

describe("a text", () => {
  test("is in the language that was chosen", () => {
    setLanguage("de");
    expect(language()).toBe("de");
    expect(plural("objects.count", 1)).toBe("1 Objekt");
    expect(plural("objects.count", 12345)).toBe("12.345 Objekte");
    setLanguage("zh");
    expect(plural("objects.count", 1)).toBe("1 个对象");
  });

  test("keeps the place of a value that is not given", () => {
    expect(plural("objects.count", 2, { count: "some" })).toBe("some objects");
    expect(t("{nothing}" as TextKey)).toBe("{nothing}");
  });
});

describe("the language", () => {
  test.each([
    [["fr-CA", "pt-BR", "en"], "pt"],
    [["zh-Hant-TW"], "zh"],
    [["DE"], "de"],
    [["constructor", "fr"], "en"],
    [[], "en"],
  ])("of a person who reads %j is %s", (wanted, chosen) => {
    expect(preferred(wanted)).toBe(chosen);
  });

  test("is remembered in the browser, and loaded from there", async () => {
    const kept = new Map<string, string>();
    vi.stubGlobal("localStorage", {
      getItem: (name: string) => kept.get(name) ?? null,
      setItem: (name: string, value: string) => kept.set(name, value),
    });
    setLanguage("es");
    vi.resetModules();
    const again = await import("../../src/i18n/index.ts");
    expect(again.language()).toBe("es");
    kept.set([...kept.keys()][0]!, "klingon");
    vi.resetModules();
    expect((await import("../../src/i18n/index.ts")).language()).toBe("en");
  });
});
