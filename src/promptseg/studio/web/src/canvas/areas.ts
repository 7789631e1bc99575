/** Rectangles of device pixels, with whole numbers. */

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What two areas share, or null. */
export function shared(a: Area, b: Area): Area | null {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}

export function contains(outer: Area, inner: Area): boolean {
  return (
    outer.x <= inner.x &&
    outer.y <= inner.y &&
    outer.x + outer.width >= inner.x + inner.width &&
    outer.y + outer.height >= inner.y + inner.height
  );
}

/** The pieces of an area, none larger than `most` a side. */
export function blocksOf(area: Area, most: number): Area[] {
  const blocks: Area[] = [];
  for (let y = 0; y < area.height; y += most) {
    for (let x = 0; x < area.width; x += most) {
      const [width, height] = [Math.min(most, area.width - x), Math.min(most, area.height - y)];
      blocks.push({ x: area.x + x, y: area.y + y, width, height });
    }
  }
  return blocks;
}

/** What of an area of this size is new after its content moved by (x, y): at most two strips that do not overlap. */
export function uncovered(width: number, height: number, x: number, y: number): Area[] {
  if (Math.abs(x) >= width || Math.abs(y) >= height) return [{ x: 0, y: 0, width, height }];
  const strips: Area[] = [];
  if (y !== 0) strips.push({ x: 0, y: y > 0 ? 0 : height + y, width, height: Math.abs(y) });
  if (x !== 0) strips.push({ x: x > 0 ? 0 : width + x, y: Math.max(0, y), width: Math.abs(x), height: height - Math.abs(y) });
  return strips;
}
