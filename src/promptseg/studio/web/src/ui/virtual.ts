/** Which items of a long list are in sight. No DOM: the list of objects and the folder draw by it. */

export interface Window {
  /** The first item in sight, and the one after the last. */
  first: number;
  last: number;
}

export interface Cells {
  columns: number;
  rows: number;
  width: number;
  height: number;
}

/** The items in sight of a view that is scrolled by `offset`, with `beyond` more on either side. */
export function inSight(count: number, item: number, offset: number, view: number, beyond: number): Window {
  if (count === 0 || item <= 0) return { first: 0, last: 0 };
  const first = Math.max(0, Math.floor(offset / item) - beyond);
  const last = Math.min(count, Math.ceil((offset + view) / item) + beyond);
  return { first: Math.min(first, count), last: Math.max(last, 0) };
}

/** As many equal columns as fit, and the rows that they take. */
export function cellsOf(count: number, view: number, least: number, height: number): Cells {
  const columns = Math.max(1, Math.floor(view / least));
  return { columns, rows: Math.ceil(count / columns), width: view / columns, height };
}

/** The offset that brings an item into sight with the least movement. */
export function offsetFor(index: number, item: number, offset: number, view: number): number {
  const start = index * item;
  if (start < offset) return start;
  if (start + item > offset + view) return start + item - view;
  return offset;
}
