import { smooth } from "./morphology.ts";
import { regionsOf, withoutHoles } from "./regions.ts";
import { checkPixels, decodeCounts, encodeCounts } from "./runs.ts";
import { polygonSpans, type Spans } from "./spans.ts";
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
  private written: Uint8Array | null;
  private knownRuns: Int32Array | null = null;
  private countedArea = -1;

  /** `crop` is the smallest box of the bits: `trimmed` finds it. Bits that are null are written from the runs when they are needed. */
  private constructor(width: number, height: number, crop: Crop, bits: Uint8Array | null) {
    this.width = width;
    this.height = height;
    this.x0 = crop.x0;
    this.y0 = crop.y0;
    this.x1 = crop.x1;
    this.y1 = crop.y1;
    this.written = bits;
  }

  static empty(width: number, height: number): Bitmap {
    checkPixels(width * height);
    return new Bitmap(width, height, NOTHING, new Uint8Array(0));
  }

  /** @throws RangeError where the run lengths are not those of a mask of their size. */
  static fromRuns({ size: [height, width], counts }: RunLengths): Bitmap {
    const runs = decodeCounts(counts, width * height);
    const mask = new Bitmap(width, height, cropOfRuns(runs, height), null);
    mask.knownRuns = runs;
    return mask;
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

  get bits(): Uint8Array {
    this.written ??= bitsOfRuns(this.knownRuns!, this.height, this);
    return this.written;
  }

  /** The run lengths, background first, column by column, where they are known: of a mask that was read from them, or was written as them. */
  get runs(): Int32Array | null {
    return this.knownRuns;
  }

  toRuns(): RunLengths {
    this.knownRuns ??= this.countedRuns();
    return { size: [this.height, this.width], counts: encodeCounts(this.knownRuns) };
  }

  private countedRuns(): Int32Array {
    const edges = edgesOf(this);
    const runs: number[] = [];
    let last = 0; // Where the last run ended.
    for (let index = 0; index < edges.length; index++) {
      // A run that ends at the bottom of a column and one that begins at the top of the next are one.
      if (index % 2 === 1 && edges[index] === edges[index + 1]) index++;
      else {
        runs.push(edges[index]! - last);
        last = edges[index]!;
      }
    }
    if (last < this.width * this.height) runs.push(this.width * this.height - last);
    return Int32Array.from(runs);
  }

  /** Number of pixels. */
  get area(): number {
    if (this.countedArea < 0) {
      const { knownRuns: runs } = this;
      let count = 0;
      if (runs !== null) {
        for (let index = 1; index < runs.length; index += 2) count += runs[index]!;
      } else {
        const { bits } = this;
        for (let index = 0, end = bits.length; index < end; index++) count += bits[index]!; // `for … of` takes four times as long.
      }
      this.countedArea = count;
    }
    return this.countedArea;
  }

  get isEmpty(): boolean {
    return this.x0 === this.x1;
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
    const others = other.bits;
    forEachRow(crop, other, other, (place, otherPlace, length) => {
      for (let x = 0; x < length; x++) bits[place + x]! |= others[otherPlace + x]!;
    });
    return new Bitmap(this.width, this.height, crop, bits);
  }

  subtract(other: Bitmap): Bitmap {
    this.checkLike(other);
    const shared = within(this, other);
    if (shared === null) return this;
    const bits = this.bits.slice();
    const others = other.bits;
    forEachRow(this, other, shared, (place, otherPlace, length) => {
      for (let x = 0; x < length; x++) bits[place + x]! &= 1 - others[otherPlace + x]!;
    });
    return Bitmap.trimmed(this.width, this.height, this, bits);
  }

  /** Number of pixels that are in both masks. */
  overlap(other: Bitmap): number {
    this.checkLike(other);
    const shared = within(this, other);
    if (shared === null) return 0;
    const [bits, others] = [this.bits, other.bits];
    let count = 0;
    forEachRow(this, other, shared, (place, otherPlace, length) => {
      let ofRow = 0; // A variable of its own is much faster than one of the function around it.
      for (let x = 0; x < length; x++) ofRow += bits[place + x]! & others[otherPlace + x]!;
      count += ofRow;
    });
    return count;
  }

  /** Intersection over union; 1 for two empty masks. */
  iou(other: Bitmap): number {
    const shared = this.overlap(other);
    const all = this.area + other.area - shared;
    return all === 0 ? 1 : shared / all;
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
    if (!(radius >= 0 && radius <= MOST_RADIUS)) throw new RangeError(`a radius is from 0 to ${MOST_RADIUS}, got ${radius}`);
    if (this.isEmpty) return this;
    const margin = Math.floor(radius) + 1; // As much background as the radius reaches, where the image goes on.
    const crop = {
      x0: Math.max(0, this.x0 - margin),
      y0: Math.max(0, this.y0 - margin),
      x1: Math.min(this.width, this.x1 + margin),
      y1: Math.min(this.height, this.y1 + margin),
    };
    const bits = smooth(this.bitsIn(crop), crop.x1 - crop.x0, crop.y1 - crop.y0, radius);
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

/** Largest radius of smoothing, in pixels. */
const MOST_RADIUS = 100;

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

/** The bits of a crop. Edges are marked first, and then each row is the one above it, but for its edges: all is done row by row. */
function bitsOfRuns(runs: Int32Array, height: number, crop: Crop): Uint8Array {
  const [rows, columns] = [crop.y1 - crop.y0, crop.x1 - crop.x0];
  const bits = new Uint8Array(rows * columns);
  let start = 0;
  for (let index = 0; index < runs.length; index++) {
    const end = start + runs[index]!;
    for (let from = start; index % 2 === 1 && from < end;) {
      const column = Math.floor(from / height);
      const top = column * height + crop.y0;
      const to = Math.min(end, (column + 1) * height);
      bits[(from - top) * columns + column - crop.x0]! ^= 1;
      if (to - top < rows) bits[(to - top) * columns + column - crop.x0]! ^= 1;
      from = to;
    }
    start = end;
  }
  for (let place = columns; place < bits.length; place++) bits[place]! ^= bits[place - columns]!;
  return bits;
}

/** Where runs begin and end, counted down the columns of the image: a begin, an end, and so on. Edges are sought row by row. */
function edgesOf({ bits, height, x0, y0, x1, y1 }: Bitmap): Int32Array {
  const [rows, columns] = [y1 - y0, x1 - x0];
  const next = new Int32Array(columns + 1); // For each column, where its next edge goes.
  forEachEdge(bits, columns, rows, (x) => next[x + 1]!++);
  for (let x = 0; x < columns; x++) next[x + 1]! += next[x]!;
  const edges = new Int32Array(next[columns]!);
  forEachEdge(bits, columns, rows, (x, y) => (edges[next[x]!++] = (x + x0) * height + y + y0));
  return edges;
}

/** Calls for each pixel that is not as the one above it. What is above and below all is 0. */
function forEachEdge(bits: Uint8Array, columns: number, rows: number, call: (x: number, y: number) => void): void {
  for (let x = 0; x < columns; x++) if (bits[x]) call(x, 0);
  for (let y = 1; y < rows; y++) {
    const row = y * columns;
    for (let x = 0; x < columns; x++) if (bits[row + x] !== bits[row + x - columns]) call(x, y);
  }
  const last = (rows - 1) * columns;
  for (let x = 0; x < columns; x++) if (bits[last + x]) call(x, rows);
}

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
