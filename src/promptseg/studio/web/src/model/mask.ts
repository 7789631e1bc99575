import { near, smooth } from "./morphology.ts";
import { regionsOf, withoutHoles } from "./regions.ts";
import { checkPixels, decodeCounts, encodeCounts } from "./runs.ts";
import { polygonSpans, strokeSpans, type Spans } from "./spans.ts";
import type { Box, Point, RunLengths } from "./types.ts";

/** A box of whole pixels: columns from x0, and before x1. */
interface Crop {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

const NOTHING: Crop = { x0: 0, y0: 0, x1: 0, y1: 0 };

/**
 * A mask of an image, which never changes: operations return new masks.
 *
 * It holds its bits, 0 or 1, row by row, inside of the smallest box that has all of its pixels.
 */
export class Bitmap implements Crop {
  readonly width: number;
  readonly height: number;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly bits: Uint8Array;
  private countedArea = -1;

  /** `crop` is the smallest box of the bits: `trimmed` finds it. */
  private constructor(width: number, height: number, crop: Crop, bits: Uint8Array) {
    this.width = width;
    this.height = height;
    this.x0 = crop.x0;
    this.y0 = crop.y0;
    this.x1 = crop.x1;
    this.y1 = crop.y1;
    this.bits = bits;
  }

  static empty(width: number, height: number): Bitmap {
    checkPixels(width * height);
    return new Bitmap(width, height, NOTHING, new Uint8Array(0));
  }

  /** @throws RangeError where the run lengths are not those of a mask of their size. */
  static fromRuns({ size: [height, width], counts }: RunLengths): Bitmap {
    const runs = decodeCounts(counts, width * height);
    const crop = cropOfRuns(runs, height);
    const columns = columnsOfRuns(runs, height, crop);
    return new Bitmap(width, height, crop, transposed(columns, crop.y1 - crop.y0, crop.x1 - crop.x0));
  }

  /** A mask of bits, 0 or 1, of a part of an image. The bits are the mask's from now on. */
  static fromBits(width: number, height: number, crop: Crop, bits: Uint8Array): Bitmap {
    checkPixels(width * height);
    const columns = crop.x1 - crop.x0;
    if (crop.x0 < 0 || crop.y0 < 0 || crop.x1 > width || crop.y1 > height || bits.length !== columns * (crop.y1 - crop.y0)) {
      throw new RangeError(`the bits are not of a part of an image of ${width} x ${height} pixels`);
    }
    return Bitmap.trimmed(width, height, crop, bits);
  }

  toRuns(): RunLengths {
    const [rows, columns] = [this.y1 - this.y0, this.x1 - this.x0];
    const turned = transposed(this.bits, columns, rows);
    const runs: number[] = [];
    let [last, before] = [0, 0]; // Where the last run ended, and its value.
    for (let x = 0; x < columns; x++) {
      const top = (x + this.x0) * this.height + this.y0;
      for (let y = 0; y < rows; y++) {
        const bit = turned[x * rows + y]!;
        if (bit !== before) {
          runs.push(top + y - last);
          [last, before] = [top + y, bit];
        }
      }
      if (before && rows < this.height) {
        runs.push(top + rows - last);
        [last, before] = [top + rows, 0];
      }
    }
    if (before) {
      runs.push(this.x1 * this.height - last); // Full columns, up to the last.
      last = this.x1 * this.height;
    }
    if (last < this.width * this.height) runs.push(this.width * this.height - last);
    return { size: [this.height, this.width], counts: encodeCounts(runs) };
  }

  /** Number of pixels. */
  get area(): number {
    if (this.countedArea < 0) {
      let count = 0;
      for (const bit of this.bits) count += bit;
      this.countedArea = count;
    }
    return this.countedArea;
  }

  get isEmpty(): boolean {
    return this.bits.length === 0;
  }

  /** The smallest box that has all pixels, or null where there is none. */
  get box(): Box | null {
    return this.isEmpty ? null : [this.x0, this.y0, this.x1, this.y1];
  }

  /** Whether a pixel, by whole numbers, is in the mask. */
  has(x: number, y: number): boolean {
    if (x < this.x0 || y < this.y0 || x >= this.x1 || y >= this.y1) return false;
    return this.bits[(y - this.y0) * (this.x1 - this.x0) + x - this.x0] === 1;
  }

  equals(other: Bitmap): boolean {
    return this.isLike(other) && sameCrop(this, other) && this.bits.every((bit, index) => bit === other.bits[index]);
  }

  union(other: Bitmap): Bitmap {
    this.checkLike(other);
    if (other.isEmpty) return this;
    if (this.isEmpty) return other;
    const crop = around(this, other);
    const bits = this.bitsIn(crop);
    forEachRow(crop, other, other, (place, otherPlace, length) => {
      for (let x = 0; x < length; x++) bits[place + x]! |= other.bits[otherPlace + x]!;
    });
    return new Bitmap(this.width, this.height, crop, bits);
  }

  subtract(other: Bitmap): Bitmap {
    this.checkLike(other);
    const shared = within(this, other);
    if (shared === null) return this;
    const bits = this.bits.slice();
    forEachRow(this, other, shared, (place, otherPlace, length) => {
      for (let x = 0; x < length; x++) bits[place + x]! &= 1 - other.bits[otherPlace + x]!;
    });
    return Bitmap.trimmed(this.width, this.height, this, bits);
  }

  intersect(other: Bitmap): Bitmap {
    this.checkLike(other);
    const shared = within(this, other);
    if (shared === null) return Bitmap.empty(this.width, this.height);
    const bits = this.bitsIn(shared);
    forEachRow(shared, other, shared, (place, otherPlace, length) => {
      for (let x = 0; x < length; x++) bits[place + x]! &= other.bits[otherPlace + x]!;
    });
    return Bitmap.trimmed(this.width, this.height, shared, bits);
  }

  /** Number of pixels that are in both masks. */
  overlap(other: Bitmap): number {
    this.checkLike(other);
    const shared = within(this, other);
    let count = 0;
    if (shared === null) return count;
    forEachRow(this, other, shared, (place, otherPlace, length) => {
      for (let x = 0; x < length; x++) count += this.bits[place + x]! & other.bits[otherPlace + x]!;
    });
    return count;
  }

  /** Intersection over union; 1 for two empty masks. */
  iou(other: Bitmap): number {
    const shared = this.overlap(other);
    const all = this.area + other.area - shared;
    return all === 0 ? 1 : shared / all;
  }

  /** With the pixels at most `radius` from a point, or without them. */
  withDisc(center: Point, radius: number, on: boolean): Bitmap {
    return this.withStroke(center, center, radius, on);
  }

  /** With the pixels at most `radius` from a line, or without them. */
  withStroke(from: Point, to: Point, radius: number, on: boolean): Bitmap {
    return this.painted(strokeSpans(from, to, radius, this.width, this.height), on);
  }

  /** With the pixels inside of a closed polygon, or without them. What it goes around twice is inside too. */
  withPolygon(points: readonly Point[], on: boolean): Bitmap {
    return this.painted(polygonSpans(points, this.width, this.height), on);
  }

  /** The connected parts, the largest first. Pixels that touch at a corner are connected. */
  components(): Bitmap[] {
    const regions = regionsOf(this.bits, this.x1 - this.x0, this.y1 - this.y0);
    return regions.map((region) => new Bitmap(this.width, this.height, moved(region, this.x0, this.y0), region.bits));
  }

  /** Without holes of at most `mostArea` pixels. A hole is background that the mask encloses. */
  filled(mostArea = Infinity): Bitmap {
    if (this.isEmpty) return this;
    return new Bitmap(this.width, this.height, this, withoutHoles(this.bits, this.x1 - this.x0, this.y1 - this.y0, mostArea));
  }

  /** With bumps and dents rounded off, up to a radius in pixels. Parts that are longer than that and thin stay. */
  smoothed(radius: number): Bitmap {
    return this.reshaped(radius, smooth);
  }

  /** With all pixels at most `radius` from the mask. */
  grown(radius: number): Bitmap {
    return this.reshaped(radius, (bits, columns, rows) => near(bits, columns, rows, 1, radius));
  }

  /** Without the pixels at most `radius` from the background. What is beyond the image is none. */
  shrunk(radius: number): Bitmap {
    return this.reshaped(radius, (bits, columns, rows) => near(bits, columns, rows, 0, radius).map((bit) => 1 - bit));
  }

  /** Works on the bits with as much background around them as the radius reaches, where the image goes on. */
  private reshaped(radius: number, work: (bits: Uint8Array, columns: number, rows: number, radius: number) => Uint8Array): Bitmap {
    if (!(radius >= 0 && radius <= MOST_RADIUS)) throw new RangeError(`a radius is from 0 to ${MOST_RADIUS}, got ${radius}`);
    if (this.isEmpty) return this;
    const margin = Math.floor(radius) + 1;
    const crop = {
      x0: Math.max(0, this.x0 - margin),
      y0: Math.max(0, this.y0 - margin),
      x1: Math.min(this.width, this.x1 + margin),
      y1: Math.min(this.height, this.y1 + margin),
    };
    const bits = work(this.bitsIn(crop), crop.x1 - crop.x0, crop.y1 - crop.y0, radius);
    return Bitmap.trimmed(this.width, this.height, crop, bits);
  }

  private painted(spans: Spans, on: boolean): Bitmap {
    const reach = cropOfSpans(spans);
    const touched = on ? reach : within(this, reach);
    if (touched === null || spans.length === 0) return this;
    const crop = on && !this.isEmpty ? around(this, touched) : on ? touched : this;
    const bits = this.bitsIn(crop);
    const columns = crop.x1 - crop.x0;
    for (let index = 0; index < spans.length; index += 3) {
      const y = spans[index]!;
      if (y < touched.y0 || y >= touched.y1) continue;
      const row = (y - crop.y0) * columns - crop.x0;
      bits.fill(
        on ? 1 : 0,
        row + Math.max(touched.x0, spans[index + 1]!),
        row + Math.max(touched.x0, Math.min(touched.x1, spans[index + 2]!)),
      );
    }
    return on ? new Bitmap(this.width, this.height, crop, bits) : Bitmap.trimmed(this.width, this.height, crop, bits);
  }

  /** A copy of the bits inside of a crop, which may be larger or smaller. */
  private bitsIn(crop: Crop): Uint8Array {
    if (sameCrop(crop, this)) return this.bits.slice();
    const bits = new Uint8Array((crop.x1 - crop.x0) * (crop.y1 - crop.y0));
    const shared = within(this, crop);
    if (shared !== null) {
      forEachRow(crop, this, shared, (place, ownPlace, length) => bits.set(this.bits.subarray(ownPlace, ownPlace + length), place));
    }
    return bits;
  }

  private isLike(other: Bitmap): boolean {
    return this.width === other.width && this.height === other.height;
  }

  private checkLike(other: Bitmap): void {
    if (!this.isLike(other)) {
      throw new RangeError(`masks of one image are expected, got ${this.width} x ${this.height} and ${other.width} x ${other.height}`);
    }
  }

  private static trimmed(width: number, height: number, crop: Crop, bits: Uint8Array): Bitmap {
    const tight = tightCrop(crop, bits);
    if (sameCrop(tight, crop)) return new Bitmap(width, height, crop, bits);
    const cut = new Uint8Array((tight.x1 - tight.x0) * (tight.y1 - tight.y0));
    forEachRow(tight, crop, tight, (place, wholePlace, length) => cut.set(bits.subarray(wholePlace, wholePlace + length), place));
    return new Bitmap(width, height, tight, cut);
  }
}

/** Largest radius of growing, shrinking and smoothing, in pixels. */
export const MOST_RADIUS = 100;

function cropOfRuns(runs: Int32Array, height: number): Crop {
  let [x0, y0, x1, y1] = [Infinity, height, 0, 0];
  let start = 0;
  for (let index = 0; index < runs.length; index++) {
    const end = start + runs[index]!;
    if (index % 2 === 1 && start < end) {
      const first = Math.floor(start / height);
      const last = Math.floor((end - 1) / height);
      x0 = Math.min(x0, first);
      x1 = last + 1;
      y0 = first < last ? 0 : Math.min(y0, start - first * height);
      y1 = first < last ? height : Math.max(y1, end - first * height);
    }
    start = end;
  }
  return x1 === 0 ? NOTHING : { x0, y0, x1, y1 };
}

/** The bits of a crop, column by column. */
function columnsOfRuns(runs: Int32Array, height: number, crop: Crop): Uint8Array {
  const rows = crop.y1 - crop.y0;
  const columns = new Uint8Array(rows * (crop.x1 - crop.x0));
  let start = 0;
  for (let index = 0; index < runs.length; index++) {
    const end = start + runs[index]!;
    for (let from = start; index % 2 === 1 && from < end;) {
      const column = Math.floor(from / height);
      const to = rows === height ? end : Math.min(end, (column + 1) * height); // Full columns are one piece.
      const shift = (column - crop.x0) * rows - column * height - crop.y0;
      columns.fill(1, from + shift, to + shift);
      from = to;
    }
    start = end;
  }
  return columns;
}

/** Turns rows into columns. It goes block by block, so that both stay in the fast memory of the processor. */
function transposed(bits: Uint8Array, columns: number, rows: number): Uint8Array {
  const turned = new Uint8Array(bits.length);
  for (let top = 0; top < rows; top += BLOCK) {
    const bottom = Math.min(rows, top + BLOCK);
    for (let left = 0; left < columns; left += BLOCK) {
      const right = Math.min(columns, left + BLOCK);
      for (let x = left; x < right; x++) {
        for (let y = top; y < bottom; y++) turned[x * rows + y] = bits[y * columns + x]!;
      }
    }
  }
  return turned;
}

const BLOCK = 64;

function cropOfSpans(spans: Spans): Crop {
  if (spans.length === 0) return NOTHING;
  let [x0, x1] = [Infinity, 0];
  for (let index = 0; index < spans.length; index += 3) {
    x0 = Math.min(x0, spans[index + 1]!);
    x1 = Math.max(x1, spans[index + 2]!);
  }
  return { x0, y0: spans[0]!, x1, y1: spans[spans.length - 3]! + 1 };
}

/** The smallest crop that has all ones of another crop. */
function tightCrop({ x0, y0, x1 }: Crop, bits: Uint8Array): Crop {
  const columns = x1 - x0;
  const first = bits.indexOf(1);
  if (first === -1) return NOTHING;
  const top = Math.floor(first / columns);
  const bottom = Math.floor(bits.lastIndexOf(1) / columns) + 1;
  const hasOne = (x: number): boolean => {
    for (let y = top; y < bottom; y++) if (bits[y * columns + x]) return true;
    return false;
  };
  let [left, right] = [0, columns];
  while (!hasOne(left)) left++;
  while (!hasOne(right - 1)) right--;
  return { x0: x0 + left, y0: y0 + top, x1: x0 + right, y1: y0 + bottom };
}

/** Calls for each row of `part` with its places in the bits of two crops that contain it, and with its length. */
function forEachRow(one: Crop, other: Crop, part: Crop, call: (place: number, otherPlace: number, length: number) => void): void {
  for (let y = part.y0; y < part.y1; y++) {
    const place = (y - one.y0) * (one.x1 - one.x0) + part.x0 - one.x0;
    const otherPlace = (y - other.y0) * (other.x1 - other.x0) + part.x0 - other.x0;
    call(place, otherPlace, part.x1 - part.x0);
  }
}

function sameCrop(one: Crop, other: Crop): boolean {
  return one.x0 === other.x0 && one.y0 === other.y0 && one.x1 === other.x1 && one.y1 === other.y1;
}

/** The smallest crop that has both. */
function around(one: Crop, other: Crop): Crop {
  return {
    x0: Math.min(one.x0, other.x0),
    y0: Math.min(one.y0, other.y0),
    x1: Math.max(one.x1, other.x1),
    y1: Math.max(one.y1, other.y1),
  };
}

/** What is in both crops, or null. */
function within(one: Crop, other: Crop): Crop | null {
  const shared = {
    x0: Math.max(one.x0, other.x0),
    y0: Math.max(one.y0, other.y0),
    x1: Math.min(one.x1, other.x1),
    y1: Math.min(one.y1, other.y1),
  };
  return shared.x0 < shared.x1 && shared.y0 < shared.y1 ? shared : null;
}

function moved(crop: Crop, x: number, y: number): Crop {
  return { x0: crop.x0 + x, y0: crop.y0 + y, x1: crop.x1 + x, y1: crop.y1 + y };
}
