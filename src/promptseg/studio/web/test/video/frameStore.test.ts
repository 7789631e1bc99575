import { describe, expect, it } from "vitest";

import { FrameStore } from "../../src/video/frameStore.ts";

/** Frames that come when a test lets them. */
class Frames {
  readonly asked: number[] = [];
  readonly closed: number[] = [];
  readonly came: number[] = [];
  readonly store: FrameStore;
  private readonly waiting = new Map<number, (bitmap: ImageBitmap | Error) => void>();

  constructor(mostBytes = 1e9) {
    const load = (frame: number): Promise<ImageBitmap> => {
      this.asked.push(frame);
      return new Promise((resolve, reject) => {
        this.waiting.set(frame, (value) => (value instanceof Error ? reject(value) : resolve(value)));
      });
    };
    this.store = new FrameStore(load, (frame) => this.came.push(frame), mostBytes);
  }

  async come(...frames: number[]): Promise<void> {
    for (const frame of frames) {
      this.waiting.get(frame)?.({ width: 10, height: 10, close: () => this.closed.push(frame) });
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  async fail(frame: number): Promise<void> {
    this.waiting.get(frame)?.(new Error("lost"));
    await new Promise((resolve) => setTimeout(resolve));
  }
}

describe("the frame store", () => {
  it("loads the most urgent frames first, a few at once", async () => {
    const frames = new Frames();
    frames.store.want([5, 6, 7, 8, 9, 4]);
    expect(frames.asked).toEqual([5, 6, 7, 8]);
    await frames.come(6);
    expect(frames.asked).toEqual([5, 6, 7, 8, 9]);
    expect([frames.store.get(6) !== undefined, frames.store.get(5), frames.came]).toEqual([true, undefined, [6]]);
  });

  it("goes on with what is wanted now, and takes what was asked for all the same", async () => {
    const frames = new Frames();
    frames.store.want([1, 2, 3, 4, 5]);
    frames.store.want([80]);
    await frames.come(2, 80);
    expect(frames.asked).toEqual([1, 2, 3, 4, 80]);
    expect(frames.came).toEqual([2, 80]);
  });

  it("keeps so many bytes, and what is wanted", async () => {
    const frames = new Frames(2 * 400);
    frames.store.want([1]);
    await frames.come(1);
    frames.store.want([1, 2, 3]);
    await frames.come(2, 3);
    expect([frames.store.bytes, frames.closed]).toEqual([1200, []]);
    frames.store.want([4]);
    await frames.come(4);
    expect([frames.store.bytes, frames.closed]).toEqual([800, [1, 2]]);
  });

  it("does not ask again for a frame that failed until it is wanted again", async () => {
    const frames = new Frames();
    frames.store.want([1]);
    await frames.fail(1);
    expect(frames.asked).toEqual([1]);
    frames.store.want([1]);
    expect(frames.asked).toEqual([1, 1]);
  });

  it("closes everything when it is cleared", async () => {
    const frames = new Frames();
    frames.store.want([1, 2]);
    await frames.come(1);
    frames.store.clear();
    expect([frames.store.bytes, frames.closed]).toEqual([0, [1]]);
  });
});
