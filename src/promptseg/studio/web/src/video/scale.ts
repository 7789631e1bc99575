/** Which frames the timeline shows, and where: zoom, scroll, and the marks of its ruler. */

export interface Tick {
  frame: number;
  /** Null for one between two that are written out. */
  text: string | null;
}

/** The part of a video on the timeline. Values are changed by the methods that return a new scale. */
export class Scale {
  /** Number of frames of the video, at least 1. */
  readonly frames: number;
  /** CSS pixels of the timeline, at least 1. */
  readonly width: number;
  /** CSS pixels a frame. */
  readonly perFrame: number;
  /** The frame at the left edge, with fractions. */
  readonly start: number;

  constructor(frames: number, width: number, perFrame = 0, start = 0) {
    this.frames = Math.max(1, frames);
    this.width = Math.max(1, width);
    const least = this.width / this.frames;
    this.perFrame = Math.min(Math.max(perFrame, least), Math.max(least, MOST_PER_FRAME));
    this.start = Math.min(Math.max(0, start), Math.max(0, this.frames - this.width / this.perFrame));
  }

  /** The frame after the right edge, with fractions. */
  get stop(): number {
    return this.start + this.width / this.perFrame;
  }

  /** The left edge of a frame, in CSS pixels. */
  x(frame: number): number {
    return (frame - this.start) * this.perFrame;
  }

  /** The frame at a place, within the video. */
  frame(x: number): number {
    return Math.min(this.frames - 1, Math.max(0, Math.floor(this.start + x / this.perFrame)));
  }

  resized(frames: number, width: number): Scale {
    const whole = this.perFrame <= (this.width / this.frames) * 1.0001;
    return new Scale(frames, width, whole ? 0 : this.perFrame, this.start);
  }

  /** Zoom so that what is at a place stays there. */
  zoomed(factor: number, x: number): Scale {
    const at = this.start + x / this.perFrame;
    const perFrame = new Scale(this.frames, this.width, this.perFrame * factor).perFrame;
    return new Scale(this.frames, this.width, perFrame, at - x / perFrame);
  }

  /** Move by CSS pixels. */
  moved(pixels: number): Scale {
    return new Scale(this.frames, this.width, this.perFrame, this.start + pixels / this.perFrame);
  }

  /** Move so that a frame is on the screen, as little as that needs; a page on where it went off the right edge. */
  showing(frame: number): Scale {
    const length = this.stop - this.start;
    if (frame < this.start) return new Scale(this.frames, this.width, this.perFrame, frame - length * 0.1);
    if (frame + 1 > this.stop) return new Scale(this.frames, this.width, this.perFrame, frame - length * 0.1);
    return this;
  }

  /** The marks of the ruler: as close as texts of this width allow. */
  ticks(fps: number, textWidth = 72): Tick[] {
    const step = stepOf(textWidth / this.perFrame, fps);
    const parts = partsOf(step, this.perFrame);
    const small = step / parts;
    const ticks: Tick[] = [];
    for (let number = Math.floor(this.start / small); number * small < this.stop; number++) {
      const frame = Math.round(number * small);
      if (frame >= this.frames) break;
      ticks.push({ frame, text: number % parts === 0 ? timeText(frame, fps, step < fps) : null });
    }
    return ticks;
  }
}

const MOST_PER_FRAME = 24;
/** Steps of the ruler in seconds. */
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
const FRAMES = [1, 2, 5, 10];

/** The least round step of at least so many frames. */
function stepOf(least: number, fps: number): number {
  const few = FRAMES.find((step) => step >= least && step < fps);
  if (few !== undefined) return few;
  return (SECONDS.find((seconds) => seconds * fps >= least) ?? Math.ceil(least / fps / 14400) * 14400) * fps;
}

/** Into how many parts a step is divided by small marks. */
function partsOf(step: number, perFrame: number): number {
  return [10, 5, 2].find((parts) => step / parts >= 1 && (step / parts) * perFrame >= 6) ?? 1;
}

/** The time of a frame: "1:02:05", or with hundredths "0:04.25". */
export function timeText(frame: number, fps: number, exact = true): string {
  const hundredths = Math.round((frame / fps) * 100);
  const whole = Math.floor(hundredths / 100);
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  const text = hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
  return exact ? `${text}.${two(hundredths % 100)}` : text;
}
