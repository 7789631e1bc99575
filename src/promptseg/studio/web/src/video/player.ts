/** The clock of playback: which frame is due. It waits for frames that have not come, and passes over none unless it is late. */

/** Speeds that the keys go through. */
export const SPEEDS = [0.125, 0.25, 0.5, 1, 2, 4, 8] as const;

export class Player {
  #speed = 1;
  #playing = false;
  /** Where the clock was set: a frame and a time in milliseconds. */
  #from = { frame: 0, time: 0 };

  get speed(): number {
    return this.#speed;
  }

  get playing(): boolean {
    return this.#playing;
  }

  play(frame: number, now: number): void {
    this.#playing = true;
    this.#from = { frame, time: now };
  }

  stop(): void {
    this.#playing = false;
  }

  /** Take the next speed, or the one before. */
  step(faster: boolean, frame: number, now: number): number {
    const at = SPEEDS.indexOf(this.#speed as (typeof SPEEDS)[number]);
    this.#speed = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + (faster ? 1 : -1)))]!;
    this.#from = { frame, time: now };
    return this.#speed;
  }

  /**
   * The frame to show now. `shown` is the one that is shown, `has` tells which have come. Where the due one has not come, the latest before
   * it that has is shown, and the clock goes on from there.
   */
  due(now: number, fps: number, frames: number, shown: number, has: (frame: number) => boolean): number {
    const due = Math.min(frames - 1, this.#from.frame + Math.floor(((now - this.#from.time) / 1000) * fps * this.#speed));
    if (due <= shown) return shown;
    for (let frame = due; frame > shown; frame--) {
      if (!has(frame)) continue;
      if (frame < due) this.#from = { frame, time: now };
      return frame;
    }
    this.#from = { frame: shown, time: now };
    return shown;
  }
}
