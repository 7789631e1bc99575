/**
 * COCO's compressed run lengths: numbers of pixels, background first, column by column.
 *
 * A number is written in groups of five bits, lowest first, as characters from "0" on; all but its last have the bit 32. From the fourth
 * number on, what is written is the difference to the one two places before.
 */

/** Largest image, so that places of pixels are small integers to the engine. */
export const MOST_PIXELS = 2 ** 30;

const FIRST_CODE = 48;
const MOST_CODES = 7;

/**
 * Reads run lengths.
 *
 * @throws RangeError where they are not those of a mask of so many pixels.
 */
export function decodeCounts(counts: string, pixels: number): Int32Array {
  checkPixels(pixels);
  const runs = new Int32Array(counts.length);
  let found = 0;
  let covered = 0;
  let place = 0;
  while (place < counts.length) {
    let value = 0;
    let codes = 0;
    let code: number;
    do {
      code = counts.charCodeAt(place++) - FIRST_CODE; // NaN beyond the end.
      if (!(code >= 0 && code < 64)) throw new RangeError(`run lengths end within a number, or have a character that is none, at ${place}`);
      if (codes === MOST_CODES) throw new RangeError(`run lengths have a number of more than ${MOST_CODES} characters, at ${place}`);
      value += (code & 31) * 32 ** codes++;
    } while (code & 32);
    if (code & 16) value -= 32 ** codes;
    if (found > 2) value += runs[found - 2]!;
    covered += value;
    if (value < 0 || covered > pixels) throw new RangeError(`run lengths have a run of ${value} pixels, and cover more than the image`);
    runs[found++] = value;
  }
  if (covered !== pixels) throw new RangeError(`run lengths cover ${covered} pixels, expected ${pixels}`);
  return runs.subarray(0, found);
}

/** Writes run lengths: the string is the one that pycocotools writes. */
export function encodeCounts(runs: ArrayLike<number>): string {
  const codes = new Uint8Array(runs.length * MOST_CODES);
  let size = 0;
  for (let index = 0; index < runs.length; index++) {
    let value = runs[index]! - (index > 2 ? runs[index - 2]! : 0);
    let more = true;
    while (more) {
      const code = value & 31;
      value >>= 5;
      more = code & 16 ? value !== -1 : value !== 0;
      codes[size++] = FIRST_CODE + code + (more ? 32 : 0);
    }
  }
  return ASCII.decode(codes.subarray(0, size));
}

/** Checks the number of pixels of an image. */
export function checkPixels(pixels: number): void {
  if (!Number.isInteger(pixels) || pixels < 1 || pixels > MOST_PIXELS) {
    throw new RangeError(`an image has from 1 to ${MOST_PIXELS} pixels, got ${pixels}`);
  }
}

const ASCII = new TextDecoder("ascii");
