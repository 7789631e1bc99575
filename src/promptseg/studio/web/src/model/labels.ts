/** The list of labels. Functions return a new list, or throw a `LabelError` that says why a list cannot be so. */
import { COLORS, isColor, labelColor, paletteColor } from "./colors.ts";
import type { Label } from "./types.ts";

/** Longest name, in characters. */
export const LONGEST_NAME = 200;
export const MOST_LABELS = 5000;

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

export type LabelProblem = "empty" | "long" | "taken" | "many" | "color" | "key";

/** Why a list of labels cannot be so. `problem` is for the catalog of texts. */
export class LabelError extends Error {
  override readonly name = "LabelError";

  constructor(
    readonly problem: LabelProblem,
    readonly value: string,
  ) {
    super(`${JSON.stringify(value)} cannot be used for a label: ${problem}`);
  }
}

/** With a new label at the end, in the color of its place, and with the first key that is free. */
export function withLabel(labels: readonly Label[], name: string): Label[] {
  const clean = checkedName(name, labels);
  if (labels.length >= MOST_LABELS) throw new LabelError("many", clean);
  const names = [...labels.map((label) => label.name), clean];
  return [...labels, { name: clean, color: freeColor(clean, names, labels), key: freeKey(labels) }];
}

export function withoutLabel(labels: readonly Label[], name: string): Label[] {
  return labels.filter((label) => label.name !== name);
}

/** With another name for a label. Objects that have it are not in this list: they are changed by who calls. */
export function renamed(labels: readonly Label[], name: string, to: string): Label[] {
  const clean = checkedName(to, withoutLabel(labels, name));
  return labels.map((label) => (label.name === name ? { ...label, name: clean } : label));
}

/** With another color for a label. */
export function recolored(labels: readonly Label[], name: string, color: string): Label[] {
  if (!isColor(color)) throw new LabelError("color", color);
  return labels.map((label) => (label.name === name ? { ...label, color: color.toLowerCase() } : label));
}

/** With another key for a label, which is taken from the label that had it. */
export function withKey(labels: readonly Label[], name: string, key: string | null): Label[] {
  if (key !== null && !KEYS.includes(key)) throw new LabelError("key", key);
  return labels.map((label) => {
    if (label.name === name) return { ...label, key };
    return key !== null && label.key === key ? { ...label, key: null } : label;
  });
}

/** With what makes one list of another, done to a list that others may have changed since. A key goes to the label that it was changed of. */
export function followed(labels: readonly Label[], from: readonly Label[], to: readonly Label[]): Label[] {
  const [before, after] = [byName(from), byName(to)];
  const made = new Set(to.filter((label) => JSON.stringify(before.get(label.name)) !== JSON.stringify(label)));
  const keys = new Set([...made].map((label) => label.key));
  const changed = labels
    .filter(({ name }) => after.has(name) || !before.has(name))
    .map((label) => {
      const wanted = after.get(label.name);
      if (wanted !== undefined && made.has(wanted) && before.has(label.name)) return wanted;
      return label.key !== null && keys.has(label.key) ? { ...label, key: null } : label;
    });
  to.forEach((label, place) => {
    if (!before.has(label.name) && !changed.some(({ name }) => name === label.name)) changed.splice(place, 0, label);
  });
  return changed;
}

function byName(labels: readonly Label[]): Map<string, Label> {
  return new Map(labels.map((label) => [label.name, label]));
}

export function labelOfKey(labels: readonly Label[], key: string): Label | null {
  return labels.find((label) => label.key === key) ?? null;
}

/** Names are compared as they are, without spaces around them. */
function checkedName(name: string, others: readonly Label[]): string {
  const clean = name.trim().normalize("NFC");
  if (clean === "") throw new LabelError("empty", name);
  if (clean.length > LONGEST_NAME) throw new LabelError("long", clean.slice(0, 20) + "…");
  if (others.some((label) => label.name === clean)) throw new LabelError("taken", clean);
  return clean;
}

/** The color of the label's place, or the next one of the palette that no label has. */
function freeColor(name: string, names: readonly string[], labels: readonly Label[]): string {
  const taken = new Set(labels.map((label) => label.color.toLowerCase()));
  const own = labelColor(name, names);
  const palette = Array.from({ length: COLORS }, (_, index) => paletteColor(names.length - 1 + index));
  return [own, ...palette].find((color) => !taken.has(color)) ?? own;
}

function freeKey(labels: readonly Label[]): string | null {
  return KEYS.find((key) => labelOfKey(labels, key) === null) ?? null;
}
