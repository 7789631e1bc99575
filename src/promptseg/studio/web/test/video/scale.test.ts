import { describe, expect, it } from "vitest";

import { Scale, timeText } from "../../src/video/scale.ts";

const HOUR = 90_000;

describe("a scale", () => {
  it("shows all of the video at first", () => {
    const scale = new Scale(HOUR, 1000);
    expect([scale.start, scale.stop, scale.x(45_000)]).toEqual([0, HOUR, 500]);
    expect([scale.frame(0), scale.frame(999.9), scale.frame(5000)]).toEqual([0, 89_991, HOUR - 1]);
  });

  it("keeps what is under the pointer where it zooms", () => {
    let scale = new Scale(HOUR, 1000);
    for (let step = 0; step < 30; step++) {
      const before = scale.start + 300 / scale.perFrame;
      scale = scale.zoomed(1.3, 300);
      expect(scale.start + 300 / scale.perFrame).toBeCloseTo(before, 6);
    }
    expect(scale.zoomed(1e9, 300).perFrame).toBe(24);
  });

  it("never shows less or more than the video", () => {
    const near = new Scale(HOUR, 1000, 10, 40_000);
    expect(near.moved(-1e9).start).toBe(0);
    expect(near.moved(1e9).stop).toBe(HOUR);
    expect(near.zoomed(1e-9, 300).stop).toBe(HOUR);
    expect(new Scale(3, 1000).perFrame).toBeCloseTo(1000 / 3);
  });

  it("follows a frame, and stays where the frame is on the screen", () => {
    const near = new Scale(HOUR, 1000, 10, 40_000);
    expect(near.showing(40_050)).toBe(near);
    for (const frame of [0, 39_999, 40_100, HOUR - 1]) {
      const scale = near.showing(frame);
      expect(scale.start <= frame && frame < scale.stop).toBe(true);
    }
  });

  it("shows all of the video also in another width, or what it showed", () => {
    expect(new Scale(HOUR, 1000).resized(HOUR, 700).stop).toBe(HOUR);
    expect(new Scale(HOUR, 1000, 10, 500).resized(HOUR, 700).start).toBe(500);
  });
});

describe("the ruler", () => {
  it.each([1e-9, 0.5, 3, 12, 24])("has marks that are neither crowded nor rare, at %s pixels a frame", (perFrame) => {
    const scale = new Scale(HOUR, 1200, perFrame, 1000);
    const written = scale.ticks(25).filter(({ text }) => text !== null);
    const gaps = written.slice(1).map(({ frame }, index) => scale.x(frame) - scale.x(written[index]!.frame));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(71);
    expect(Math.max(...gaps)).toBeLessThan(400);
    expect(scale.ticks(25).length).toBeLessThan(400);
    expect(new Set(written.map(({ text }) => text)).size).toBe(written.length);
  });

  it("writes times as people do", () => {
    expect([timeText(0, 25), timeText(105, 25), timeText(90_000, 25, false), timeText(89_999, 25)]).toEqual([
      "0:00.00",
      "0:04.20",
      "1:00:00",
      "59:59.96",
    ]);
  });
});
