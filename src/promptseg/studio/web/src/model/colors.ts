/**
 * Colors of labels and objects. The palette and the color of a label are those of the library (`promptseg.class_colors`): the hues of Okabe
 * and Ito, which people with color vision deficiencies tell apart, each with a lighter and a darker shade.
 */
import { sha256 } from "./sha256.ts";
import type { Label, StudioObject } from "./types.ts";

type Rgb = readonly [number, number, number];

/** Sky blue, reddish purple, bluish green, orange, blue and vermilion. */
const HUES: readonly Rgb[] = [
  [86, 180, 233],
  [204, 121, 167],
  [0, 158, 115],
  [230, 159, 0],
  [0, 114, 178],
  [213, 94, 0],
];
/** Unchanged, then halfway to white, then two fifths of the way to black. */
const SHADES = [0, 0.5, -0.4];

/** Number of colors of the palette. */
export const COLORS = HUES.length * SHADES.length;

/** The color at an index of the palette, from 0. After the last, the colors begin again. */
export function paletteColor(index: number): string {
  const hue = HUES[index % HUES.length]!;
  const share = SHADES[Math.floor(index / HUES.length) % SHADES.length]!;
  return hex(hue.map((value) => roundHalfEven(value + Math.abs(share) * ((share > 0 ? 255 : 0) - value))));
}

/** The color of a label by the known order of all labels: that of its place, or, where it has none, one that its name points to. */
export function labelColor(name: string, names: readonly string[]): string {
  const known = [...new Set(names)];
  const place = known.indexOf(name);
  if (place >= 0) return paletteColor(place % COLORS);
  const taken = known.length < COLORS ? known.length : 0;
  return paletteColor(taken + digestModulo(name, COLORS - taken));
}

/** The color that an object is shown in: its own, that of its label, or, without a label, one that its uid points to. */
export function objectColor(object: Pick<StudioObject, "uid" | "label" | "color">, labels: readonly Label[]): string {
  if (object.color !== null) return object.color;
  if (object.label === null) return paletteColor(digestModulo(object.uid, COLORS));
  const name = object.label;
  return labels.find((label) => label.name === name)?.color ?? labelColor(name, labels.map(nameOf));
}

/** Whether a text is a color as they are kept: "#rrggbb". */
export function isColor(text: string): boolean {
  return /^#[0-9a-f]{6}$/i.test(text);
}

/** The first 64 bits of the digest, as one number, modulo a small one. */
function digestModulo(text: string, divisor: number): number {
  const [high, low] = sha256(text);
  return ((high! % divisor) * (2 ** 32 % divisor) + (low! % divisor)) % divisor;
}

function nameOf(label: Label): string {
  return label.name;
}

function hex(values: readonly number[]): string {
  return "#" + values.map((value) => value.toString(16).padStart(2, "0")).join("");
}

/** As Python rounds. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
