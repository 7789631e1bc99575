/** Shapes as the pixels that they cover: a pixel is in when its center is. */
import type { Point } from "./types.ts";

/** Rows of pixels: y, the first x, the x after the last, and so on. All are inside the image, and none is empty. */
export type Spans = Int32Array;

/** The pixels of a line with round ends, as a round brush leaves them: those at most `radius` from it. `from` may be `to`. */
export function strokeSpans(from: Point, to: Point, radius: number, width: number, height: number): Spans {
  checkFinite(...from, ...to, radius);
  const first = Math.max(0, Math.ceil(Math.min(from[1], to[1]) - radius));
  const last = Math.min(height - 1, Math.floor(Math.max(from[1], to[1]) + radius));
  const spans = new SpanList(Math.max(0, last - first + 1));
  const [alongX, alongY] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(alongX, alongY);
  const inside = (x: number, y: number): boolean => squaredDistance(x, y, from, alongX, alongY) <= radius * radius;
  for (let y = first; y <= last; y++) {
    const row = new Extent();
    addDisc(row, from, radius, y);
    addDisc(row, to, radius, y);
    if (length > 0) {
      const [acrossX, acrossY] = [(-alongY / length) * radius, (alongX / length) * radius];
      addLine(row, from[0] + acrossX, from[1] + acrossY, alongX, alongY, y);
      addLine(row, from[0] - acrossX, from[1] - acrossY, alongX, alongY, y);
    }
    // The ends are rounded: the pixels at them are decided one by one.
    let [left, right] = [Math.ceil(row.low) - 1, Math.floor(row.high) + 1];
    while (left <= right && !inside(left, y)) left++;
    while (left <= right && !inside(right, y)) right--;
    spans.add(y, Math.max(0, left), Math.min(width, right + 1));
  }
  return spans.all();
}

/** The pixels inside of a closed polygon. Where it crosses itself, what it goes around in either direction is inside. */
export function polygonSpans(points: readonly Point[], width: number, height: number): Spans {
  for (const point of points) checkFinite(...point);
  const crossings = crossingsOfRows(points, height);
  const spans = new SpanList(crossings.xs.length);
  const { xs, turns, starts } = crossings;
  for (let y = 0; y < height; y++) {
    const [begin, end] = [starts[y]!, starts[y + 1]!];
    if (begin === end) continue;
    sortTogether(xs, turns, begin, end);
    let winding = 0;
    let left = 0;
    for (let index = begin; index < end; index++) {
      const before = winding;
      winding += turns[index]!;
      if (before === 0) left = xs[index]!;
      if (winding === 0) spans.add(y, Math.max(0, Math.ceil(left)), Math.min(width, Math.ceil(xs[index]!)));
    }
  }
  return spans.all();
}

/** Where the edges of a polygon cross the centers of rows. Those of row y are from `starts[y]` to `starts[y + 1]`. */
function crossingsOfRows(points: readonly Point[], height: number): { xs: Float64Array; turns: Int8Array; starts: Int32Array } {
  const starts = new Int32Array(height + 2);
  forEachEdge(points, height, (first, last) => {
    for (let y = first; y < last; y++) starts[y + 2]!++;
  });
  for (let y = 0; y < height; y++) starts[y + 2]! += starts[y + 1]!;
  const xs = new Float64Array(starts[height + 1]!);
  const turns = new Int8Array(xs.length);
  forEachEdge(points, height, (first, last, [x0, y0], [x1, y1], turn) => {
    for (let y = first; y < last; y++) {
      const place = starts[y + 1]!++;
      xs[place] = x0 + ((y - y0) * (x1 - x0)) / (y1 - y0);
      turns[place] = turn;
    }
  });
  return { xs, turns, starts };
}

/** Calls for each edge with the rows that it crosses, its upper and its lower end, and whether it goes down (1) or up (-1). */
function forEachEdge(
  points: readonly Point[],
  height: number,
  call: (first: number, last: number, upper: Point, lower: Point, turn: number) => void,
): void {
  for (let index = 0; index < points.length; index++) {
    const [from, to] = [points[index]!, points[(index + 1) % points.length]!];
    const down = from[1] < to[1];
    const [upper, lower] = down ? [from, to] : [to, from];
    const first = Math.max(0, Math.ceil(upper[1]));
    const last = Math.min(height, Math.ceil(lower[1]));
    if (first < last) call(first, last, upper, lower, down ? 1 : -1);
  }
}

/** Sorts a part of two arrays by the first. The parts are short: a row has few crossings. */
function sortTogether(xs: Float64Array, turns: Int8Array, begin: number, end: number): void {
  for (let index = begin + 1; index < end; index++) {
    const [x, turn] = [xs[index]!, turns[index]!];
    let place = index;
    for (; place > begin && xs[place - 1]! > x; place--) {
      xs[place] = xs[place - 1]!;
      turns[place] = turns[place - 1]!;
    }
    xs[place] = x;
    turns[place] = turn;
  }
}

function squaredDistance(x: number, y: number, from: Point, alongX: number, alongY: number): number {
  const [dx, dy] = [x - from[0], y - from[1]];
  const squared = alongX * alongX + alongY * alongY;
  const share = squared > 0 ? Math.min(1, Math.max(0, (dx * alongX + dy * alongY) / squared)) : 0;
  return (dx - share * alongX) ** 2 + (dy - share * alongY) ** 2;
}

/** The lowest and the highest x of a row. */
class Extent {
  low = Infinity;
  high = -Infinity;

  add(x: number): void {
    this.low = Math.min(this.low, x);
    this.high = Math.max(this.high, x);
  }
}

function addDisc(row: Extent, center: Point, radius: number, y: number): void {
  const half = Math.sqrt(radius * radius - (y - center[1]) ** 2); // NaN beside the disc.
  if (half >= 0) {
    row.add(center[0] - half);
    row.add(center[0] + half);
  }
}

function addLine(row: Extent, x: number, y0: number, alongX: number, alongY: number, y: number): void {
  const share = (y - y0) / alongY; // Not finite for a level line, whose ends the discs have.
  if (share >= 0 && share <= 1) row.add(x + share * alongX);
}

/** Collects spans. */
class SpanList {
  private values: Int32Array;
  private size = 0;

  constructor(most: number) {
    this.values = new Int32Array(3 * most);
  }

  add(y: number, x0: number, x1: number): void {
    if (x0 >= x1) return;
    this.values[this.size++] = y;
    this.values[this.size++] = x0;
    this.values[this.size++] = x1;
  }

  all(): Spans {
    return this.values.subarray(0, this.size);
  }
}

function checkFinite(...numbers: number[]): void {
  for (const number of numbers) {
    if (!Number.isFinite(number)) throw new RangeError(`a shape has finite numbers, got ${number}`);
  }
}
