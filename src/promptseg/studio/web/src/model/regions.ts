/** Connected parts and holes of a bit image. Work is done on runs of rows, which are far fewer than pixels. */

/** A part of a bit image: its place, and its bits inside of this place. */
export interface Region {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  area: number;
  bits: Uint8Array;
}

/** The connected parts of the pixels that are 1, the largest first. Pixels that touch at a corner are connected. */
export function regionsOf(bits: Uint8Array, width: number, height: number): Region[] {
  const runs = runsOf(bits, width, height, 1);
  const parts = connect(runs, height, 1);
  const regions = new Map<number, Region>();
  forEachRun(runs, height, (index, y, start, end) => {
    const region = getOrMake(regions, parts.root(index), () => ({ x0: start, y0: y, x1: end, y1: y, area: 0, bits: EMPTY }));
    region.x0 = Math.min(region.x0, start);
    region.x1 = Math.max(region.x1, end);
    region.y1 = y + 1;
    region.area += end - start;
  });
  for (const region of regions.values()) region.bits = new Uint8Array((region.x1 - region.x0) * (region.y1 - region.y0));
  forEachRun(runs, height, (index, y, start, end) => {
    const region = regions.get(parts.root(index))!;
    const row = (y - region.y0) * (region.x1 - region.x0) - region.x0;
    region.bits.fill(1, row + start, row + end);
  });
  return [...regions.values()].sort((one, other) => other.area - one.area);
}

/** A copy of the bits without holes of at most `mostArea` pixels. A hole is background that does not reach the border. */
export function withoutHoles(bits: Uint8Array, width: number, height: number, mostArea: number): Uint8Array {
  const runs = runsOf(bits, width, height, 0);
  const parts = connect(runs, height, 0);
  const areas = new Map<number, number>();
  forEachRun(runs, height, (index, y, start, end) => {
    const outside = y === 0 || y === height - 1 || start === 0 || end === width;
    const root = parts.root(index);
    areas.set(root, (areas.get(root) ?? 0) + (outside ? NaN : end - start)); // Not a number stays so.
  });
  const filled = bits.slice();
  forEachRun(runs, height, (index, y, start, end) => {
    if (areas.get(parts.root(index))! <= mostArea) filled.fill(1, y * width + start, y * width + end);
  });
  return filled;
}

/** Runs of one value: start and end, row by row. Those of row y are from `rows[y]` to `rows[y + 1]`. */
interface Runs {
  starts: number[];
  ends: number[];
  rows: Int32Array;
}

function runsOf(bits: Uint8Array, width: number, height: number, value: number): Runs {
  const runs: Runs = { starts: [], ends: [], rows: new Int32Array(height + 1) };
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let before = 1 - value;
    for (let x = 0; x < width; x++) {
      const bit = bits[row + x]!;
      if (bit !== before) (bit === value ? runs.starts : runs.ends).push(x);
      before = bit;
    }
    if (before === value) runs.ends.push(width);
    runs.rows[y + 1] = runs.ends.length;
  }
  return runs;
}

function forEachRun(runs: Runs, height: number, call: (index: number, y: number, start: number, end: number) => void): void {
  for (let y = 0; y < height; y++) {
    for (let index = runs.rows[y]!; index < runs.rows[y + 1]!; index++) call(index, y, runs.starts[index]!, runs.ends[index]!);
  }
}

/** Joins runs of neighboring rows that touch: `reach` 1 also at a corner, 0 only along an edge. */
function connect(runs: Runs, height: number, reach: 0 | 1): DisjointSets {
  const parts = new DisjointSets(runs.starts.length);
  for (let y = 1; y < height; y++) {
    let above = runs.rows[y - 1]!;
    let index = runs.rows[y]!;
    while (above < runs.rows[y]! && index < runs.rows[y + 1]!) {
      if (runs.starts[above]! < runs.ends[index]! + reach && runs.starts[index]! < runs.ends[above]! + reach) parts.join(above, index);
      if (runs.ends[above]! < runs.ends[index]!) above++;
      else index++;
    }
  }
  return parts;
}

/** Union-find. */
class DisjointSets {
  private readonly parents: Int32Array;

  constructor(size: number) {
    this.parents = Int32Array.from({ length: size }, (_, index) => index);
  }

  root(index: number): number {
    while (this.parents[index] !== index) {
      this.parents[index] = this.parents[this.parents[index]!]!;
      index = this.parents[index]!;
    }
    return index;
  }

  join(one: number, other: number): void {
    this.parents[this.root(other)] = this.root(one);
  }
}

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

const EMPTY = new Uint8Array(0);
