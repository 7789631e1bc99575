import { expect, test } from "vitest";

import type { Area } from "../../src/canvas/areas.ts";
import { Layer, type Painter } from "../../src/canvas/layer.ts";

const [WIDTH, HEIGHT] = [600, 400];

/** A document whose canvases draw nothing. */
const document = {
  createElement: () => ({
    style: {},
    width: 0,
    height: 0,
    getContext: () => new Proxy({}, { get: () => () => undefined, set: () => true }),
  }),
} as unknown as Document;

function begin(painter: Partial<Painter> = {}): { layer: Layer; painted: Area[] } {
  const painted: Area[] = [];
  const layer = new Layer(document, { ...painter, paint: (_, __, area) => void painted.push(area) });
  layer.lie({ scale: 1, left: 0, top: 0 }, WIDTH, HEIGHT);
  return { layer, painted };
}

/** How many pixels of the canvas areas cover, each counted once; throws where one is covered twice. */
function pixels(areas: readonly Area[]): number {
  const seen = new Uint8Array(WIDTH * HEIGHT);
  for (const { x, y, width, height } of areas) {
    for (let row = y; row < y + height; row++) for (let column = x; column < x + width; column++) seen[row * WIDTH + column]!++;
  }
  expect(seen.some((count) => count > 1)).toBe(false);
  return seen.reduce((sum, count) => sum + count, 0);
}

test("a new canvas is painted once, piece by piece, the middle first", () => {
  const { layer, painted } = begin();
  const first = layer.paintNext(300, 200);
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(WIDTH * HEIGHT);
  expect(painted[0]!.x).toBe(256);
  layer.paintAll();
  expect(layer.clean).toBe(true);
  expect(pixels(painted)).toBe(WIDTH * HEIGHT);
});

test("moved by some pixels, only what is new is painted", () => {
  const { layer, painted } = begin();
  layer.paintAll();
  painted.length = 0;
  layer.lie({ scale: 1, left: 30, top: -20 }, WIDTH, HEIGHT);
  layer.paintAll();
  expect(pixels(painted)).toBe(WIDTH * HEIGHT - (WIDTH - 30) * (HEIGHT - 20));
  expect(painted.every(({ x, y, width, height }) => x + width > WIDTH - 31 || y + height < 21)).toBe(true);
});

test("what was not painted yet before a move is painted after it", () => {
  const { layer, painted } = begin();
  layer.paintNext(0, 0);
  layer.lie({ scale: 1, left: 0, top: 10 }, WIDTH, HEIGHT);
  painted.length = 0;
  layer.paintAll();
  expect(pixels(painted)).toBe(WIDTH * HEIGHT - 256 * 246);
});

test("at another scale everything is painted anew", () => {
  const { layer, painted } = begin();
  layer.paintAll();
  painted.length = 0;
  layer.lie({ scale: 2, left: 0, top: 0 }, WIDTH, HEIGHT);
  layer.paintAll();
  expect(pixels(painted)).toBe(WIDTH * HEIGHT);
});

test("a box of the image that looks different is painted where it is on the canvas", () => {
  const { layer, painted } = begin();
  layer.lie({ scale: 2, left: 100, top: 50 }, WIDTH, HEIGHT);
  layer.paintAll();
  painted.length = 0;
  layer.invalidate([60, 40, 70, 45], 3);
  layer.invalidate([62, 41, 63, 42], 0);
  layer.invalidate([9000, 0, 9001, 1], 3);
  layer.paintAll();
  expect(painted).toEqual([{ x: 17, y: 27, width: 26, height: 16 }]);
});

test("what is urgent is painted before the rest", () => {
  const { layer, painted } = begin();
  layer.invalidate([0, 0, 10, 10], 0, true);
  expect(layer.paintUrgent()).toBe(100);
  expect(painted).toEqual([{ x: 0, y: 0, width: 10, height: 10 }]);
  expect(layer.clean).toBe(false);
});

test("a piece that is not ready is painted later", () => {
  let ready = false;
  const { layer, painted } = begin({ prepare: () => ready });
  expect(layer.paintNext(0, 0, 0)).toBe(0);
  expect(layer.clean).toBe(false);
  ready = true;
  layer.paintAll();
  expect(pixels(painted)).toBe(WIDTH * HEIGHT);
});

test("a hidden canvas waits for nothing, and is painted anew when it is shown", () => {
  const { layer, painted } = begin();
  layer.hidden = true;
  expect(layer.clean).toBe(true);
  layer.lie({ scale: 1, left: 30, top: 0 }, WIDTH, HEIGHT);
  layer.hidden = false;
  layer.paintAll();
  expect(pixels(painted)).toBe(WIDTH * HEIGHT);
});
