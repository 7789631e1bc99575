/**
 * The edges of a mask from its run lengths, without its pixels: a large mask has few runs, and is outlined before its pixels could be written.
 *
 * The upright edges are where a column differs from the one before it. In each row of corners, their ends are joined in pairs, from left to
 * right, by the level edges.
 */

/** Upright edges in the order of their columns: at `xs`, from row `tops` to before row `bottoms`. */
interface Edges {
  count: number;
  xs: Int32Array;
  tops: Int32Array;
  bottoms: Int32Array;
  /** 1 where the mask is to the right of the edge: then a ring goes up along it, otherwise down. */
  ups: Uint8Array;
}

/** The columns and rows that a mask reaches: from the first to before the last. Only these are looked at, as most masks are small. */
interface Reach {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** The rings that `outline` gives, of the run lengths of a mask in an image of so many rows. */
export function outlineOfRuns(runs: Int32Array, height: number, reach: Reach): Float32Array[] {
  const edges = uprightEdges(runs, height, reach);
  const { ends, starts } = endsByRow(edges, reach);
  const next = new Int32Array(edges.count); // The upright edge that follows in the ring.
  forEachLevelEdge(ends, starts, reach.y0, (left, right, y) => {
    if (arrives(edges, left, y)) next[left] = right;
    else next[right] = left;
  });
  const rings: Float32Array[] = [];
  const seen = new Uint8Array(edges.count);
  forEachLevelEdge(ends, starts, reach.y0, (left, _, y) => {
    // Where a part or a hole begins: the mask is below, and to the right of its first corner.
    if (!seen[left] && arrives(edges, left, y)) rings.push(ringFrom(left, edges, next, seen));
  });
  return rings;
}

/** Whether a ring comes to row `y` of corners along an upright edge, or leaves it. */
function arrives(edges: Edges, edge: number, y: number): boolean {
  return y === (edges.ups[edge] ? edges.tops[edge] : edges.bottoms[edge]);
}

function ringFrom(first: number, { xs, tops, bottoms, ups }: Edges, next: Int32Array, seen: Uint8Array): Float32Array {
  const corners: number[] = [];
  let edge = first;
  do {
    seen[edge] = 1;
    const x = xs[edge]! - 0.5;
    if (edge !== first) corners.push(x, (ups[edge] ? bottoms[edge]! : tops[edge]!) - 0.5);
    corners.push(x, (ups[edge] ? tops[edge]! : bottoms[edge]!) - 0.5);
    edge = next[edge]!;
  } while (edge !== first);
  corners.push(xs[first]! - 0.5, (ups[first] ? bottoms[first]! : tops[first]!) - 0.5);
  return Float32Array.from(corners);
}

function uprightEdges(runs: Int32Array, height: number, { x0, x1 }: Reach): Edges {
  const most = 2 * runs.length + 2 * (x1 - x0) + 2;
  const edges: Edges = {
    count: 0,
    xs: new Int32Array(most),
    tops: new Int32Array(most),
    bottoms: new Int32Array(most),
    ups: new Uint8Array(most),
  };
  // The rows where each column begins and ends to be in the mask, one column after the other.
  let before = new Int32Array(64);
  let beforeCount = 0;
  let column = new Int32Array(64);
  let count = 0;
  let x = x0;
  const finish = (): void => {
    addDifference(edges, x, before, beforeCount, column, count);
    [before, column] = [column, before];
    [beforeCount, count] = [count, 0];
    x++;
  };
  let start = 0;
  for (let index = 0; index < runs.length; index++) {
    const end = start + runs[index]!;
    for (let from = start; index % 2 === 1 && from < end;) {
      const at = Math.floor(from / height);
      while (x < at) finish();
      const to = Math.min(end, (at + 1) * height);
      if (count > 0 && column[count - 1] === from - at * height) {
        column[count - 1] = to - at * height; // A run of no background before it: both are one.
      } else {
        if (count + 2 > column.length) column = grown(column);
        column[count++] = from - at * height;
        column[count++] = to - at * height;
      }
      from = to;
    }
    start = end;
  }
  finish();
  finish(); // The edge to the right of the last column.
  return edges;
}

function grown(values: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * values.length);
  larger.set(values);
  return larger;
}

/** Add the edges between two columns. */
function addDifference(edges: Edges, x: number, left: Int32Array, leftCount: number, right: Int32Array, rightCount: number): void {
  let [i, j] = [0, 0];
  let top = 0; // Where the difference of now began.
  while (i < leftCount || j < rightCount) {
    const y = Math.min(i < leftCount ? left[i]! : Infinity, j < rightCount ? right[j]! : Infinity);
    const difference = (j % 2) - (i % 2);
    if (i < leftCount && left[i] === y) i++;
    if (j < rightCount && right[j] === y) j++;
    if ((j % 2) - (i % 2) === difference) continue; // Both begin or end here.
    if (difference !== 0) addEdge(edges, x, top, y, difference > 0);
    top = y;
  }
}

function addEdge(edges: Edges, x: number, top: number, bottom: number, up: boolean): void {
  const { count } = edges;
  edges.xs[count] = x;
  edges.tops[count] = top;
  edges.bottoms[count] = bottom;
  edges.ups[count] = up ? 1 : 0;
  edges.count++;
}

/** The edges that have an end in each row of corners from `y0` on, from left to right: those of row i from `starts[i]` to `starts[i + 1]`. */
function endsByRow(edges: Edges, { y0, y1 }: Reach): { ends: Int32Array; starts: Int32Array } {
  const { count, xs, tops, bottoms, ups } = edges;
  const starts = new Int32Array(y1 - y0 + 3);
  for (let edge = 0; edge < count; edge++) {
    starts[tops[edge]! - y0 + 2]!++;
    starts[bottoms[edge]! - y0 + 2]!++;
  }
  for (let row = 0; row < y1 - y0 + 2; row++) starts[row + 1]! += starts[row]!;
  const ends = new Int32Array(2 * count);
  for (let edge = 0; edge < count; edge++) {
    const place = starts[tops[edge]! - y0 + 1]!++;
    const above = edge - 1;
    ends[place] = edge;
    // Two pixels touch at a corner. A ring turns left there, so that it has both: the level edge that is first is for the other upright edge.
    if (above >= 0 && xs[above] === xs[edge] && bottoms[above] === tops[edge] && !ups[above]) {
      ends[place - 1] = edge;
      ends[place] = above;
    }
    ends[starts[bottoms[edge]! - y0 + 1]!++] = edge;
  }
  return { ends, starts };
}

/** Call for each level edge, row by row from `y0`, with the upright edges at its ends. */
function forEachLevelEdge(ends: Int32Array, starts: Int32Array, y0: number, call: (left: number, right: number, y: number) => void): void {
  for (let row = 0; row + 1 < starts.length; row++) {
    for (let place = starts[row]!; place < starts[row + 1]!; place += 2) call(ends[place]!, ends[place + 1]!, y0 + row);
  }
}
