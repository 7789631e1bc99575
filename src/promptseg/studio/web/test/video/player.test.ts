import { describe, expect, it } from "vitest";

import { Player } from "../../src/video/player.ts";

const everything = (): boolean => true;

describe("a player", () => {
  it("shows the frame that is due", () => {
    const player = new Player();
    player.play(10, 1000);
    expect(player.due(1000, 25, 500, 10, everything)).toBe(10);
    expect(player.due(1401, 25, 500, 10, everything)).toBe(20);
    expect(player.due(99_000, 25, 500, 20, everything)).toBe(499);
  });

  it("passes over frames where it is late, but waits for one that has not come, and goes on from there", () => {
    const player = new Player();
    player.play(0, 0);
    const has = (frame: number): boolean => frame <= 3;
    expect(player.due(400, 25, 500, 0, has)).toBe(3);
    expect(player.due(440, 25, 500, 3, has)).toBe(3);
    expect(player.due(5000, 25, 500, 3, has)).toBe(3);
    expect(player.due(5080, 25, 500, 3, everything)).toBe(5);
  });

  it("is faster and slower within bounds, without a jump", () => {
    const player = new Player();
    player.play(0, 0);
    expect(player.step(true, 25, 1000)).toBe(2);
    expect(player.due(1400, 25, 500, 25, everything)).toBe(45);
    for (let step = 0; step < 20; step++) player.step(false, 45, 1400);
    expect(player.speed).toBe(0.125);
    for (let step = 0; step < 20; step++) player.step(true, 45, 1400);
    expect(player.speed).toBe(8);
  });

  it("stops", () => {
    const player = new Player();
    player.play(0, 0);
    player.stop();
    expect(player.playing).toBe(false);
  });
});
