import { describe, expect, test, vi } from "vitest";

import { levelAt, levelsOf, TileCache, tilesIn, tilesOf, type TileIndex, type TileSource } from "../../src/canvas/tiles.ts";
import type { Box } from "../../src/model/types.ts";

const IMAGE = { width: 4000, height: 3000 };
const ALL: Box = [0, 0, 4000, 3000];

/** A source whose tiles come when the test says so. */
class Source implements TileSource {
  readonly size = 512;
  readonly levels = 4;
  readonly asked: string[] = [];
  readonly aborted: string[] = [];
  private readonly waiting = new Map<string, { come: () => void; fail: () => void }>();
  closed = 0;

  load(level: number, column: number, row: number, signal: AbortSignal): Promise<ImageBitmap> {
    const key = `${level}/${column}/${row}`;
    this.asked.push(key);
    return new Promise((resolve, reject) => {
      const bitmap = { width: 512, height: 512, close: () => this.closed++ } as unknown as ImageBitmap;
      this.waiting.set(key, { come: () => resolve(bitmap), fail: () => reject(new Error("no")) });
      signal.addEventListener("abort", () => {
        this.aborted.push(key);
        reject(new Error("aborted"));
      });
    });
  }

  /** Let the tiles come that are awaited, and those that are asked for then, until no more are. */
  async come(): Promise<void> {
    while (this.waiting.size > 0) {
      for (const [key, { come }] of [...this.waiting]) {
        this.waiting.delete(key);
        come();
      }
      await settled();
    }
  }

  async fail(): Promise<void> {
    for (const [key, { fail }] of [...this.waiting]) {
      this.waiting.delete(key);
      fail();
    }
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function cache(source: Source, mostBytes?: number): { tiles: TileCache; came: TileIndex[] } {
  const came: TileIndex[] = [];
  return { tiles: new TileCache(source, IMAGE, (tile) => came.push(tile), mostBytes), came };
}

describe("a pyramid", () => {
  test("halves until it is one tile", () => {
    expect(levelsOf({ width: 512, height: 10 }, 512)).toBe(1);
    expect(levelsOf({ width: 513, height: 10 }, 512)).toBe(2);
    expect(levelsOf(IMAGE, 512)).toBe(4);
  });

  test("has the level that is as fine as the screen, or finer", () => {
    expect([4, 1, 0.9, 0.5, 0.3, 0.01].map((scale) => levelAt(scale, 4))).toEqual([0, 0, 0, 1, 1, 3]);
  });

  test("has tiles only where the image is", () => {
    expect(tilesIn([-900, -900, 600, 400], 0, 512, IMAGE)).toEqual([
      { level: 0, column: 0, row: 0 },
      { level: 0, column: 1, row: 0 },
    ]);
    expect(tilesIn([3500, 2900, 9000, 9000], 1, 512, IMAGE)).toEqual([{ level: 1, column: 3, row: 2 }]);
  });
});

describe("the cache", () => {
  test("asks for the whole image first, then for tiles from the middle on, six at a time", async () => {
    const source = new Source();
    const { tiles, came } = cache(source);
    tiles.want(ALL, 0, [2300, 1300]);
    expect(source.asked).toHaveLength(6);
    expect(source.asked.slice(0, 2)).toEqual(["3/0/0", "0/4/2"]);
    expect(tiles.complete).toBe(false);
    await source.come();
    expect(tiles.complete).toBe(true);
    expect(came).toHaveLength(1 + 8 * 6);
    expect(tiles.get({ level: 0, column: 7, row: 5 })).toBeDefined();
  });

  test("gives up tiles that are not needed anymore", () => {
    const source = new Source();
    const { tiles } = cache(source);
    tiles.want([0, 0, 500, 500], 0, [0, 0]);
    tiles.want([3000, 2000, 3500, 2500], 0, [3000, 2000]);
    expect(source.aborted).toEqual(["0/0/0"]);
    expect(source.asked).toContain("0/6/4");
  });

  test("keeps what was used last, within its bytes", async () => {
    const source = new Source();
    const tile = 512 * 512 * 4;
    const { tiles } = cache(source, 4 * tile);
    for (let column = 0; column < 7; column++) {
      tiles.want([column * 512 + 1, 1, column * 512 + 500, 500], 0, [0, 0]);
      await source.come();
      expect(tiles.get({ level: 0, column: 0, row: 0 })).toBeDefined();
    }
    expect(tiles.bytes).toBeLessThanOrEqual(4 * tile);
    expect(tiles.get({ level: 0, column: 1, row: 0 })).toBeUndefined();
    expect(source.closed).toBe(8 - 4);
  });

  test("asks again for a tile that failed, later, and not forever", async () => {
    vi.useFakeTimers();
    const source = new Source();
    const { tiles } = cache(source);
    tiles.want(ALL, 3, [0, 0]);
    for (let tries = 1; tries <= 4; tries++) {
      expect(source.asked).toHaveLength(tries);
      await source.fail();
      expect(source.asked).toHaveLength(tries);
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect(source.asked).toHaveLength(4);
    expect(tiles.complete).toBe(true);
    vi.useRealTimers();
  });

  test("frees what it has, and what comes late, when it is closed", async () => {
    const source = new Source();
    const { tiles, came } = cache(source);
    tiles.want(ALL, 3, [0, 0]);
    await source.come();
    tiles.want([0, 0, 500, 500], 0, [0, 0]);
    tiles.close();
    await settled();
    expect(came).toHaveLength(1);
    expect(source.closed).toBe(1);
    expect(tiles.bytes).toBe(0);
  });
});

test("tiles of a picture that is smaller than its image are cut where the image has them", async () => {
  const cut = vi.fn(() => Promise.resolve({} as ImageBitmap));
  vi.stubGlobal("createImageBitmap", cut);
  const picture = { width: 1001, height: 750 } as ImageBitmap;
  const source = tilesOf(picture, { width: 4001, height: 3000 }, 4);
  expect(source.levels).toBe(levelsOf({ width: 4001, height: 3000 }, 512));
  const { signal } = new AbortController();
  await source.load(0, 1, 2, signal);
  expect(cut).toHaveBeenLastCalledWith(picture, 128, 256, 128, 128, expect.objectContaining({ resizeWidth: 512, resizeHeight: 512 }));
  await source.load(2, 1, 0, signal); // At the right border, whose last pixel the picture has, too.
  expect(cut).toHaveBeenLastCalledWith(picture, 512, 0, 489, 512, expect.objectContaining({ resizeWidth: 488, resizeHeight: 512 }));
  vi.unstubAllGlobals();
});
