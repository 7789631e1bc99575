/** How the timeline looks: its ruler, a row for each object, and the playhead. */

import { eventsOf, runAt } from "./presence.ts";
import type { Scale } from "./scale.ts";
import { LOST, SEEN, type VideoObject } from "./types.ts";

/** An object as the timeline shows it. */
export interface Row {
  object: VideoObject;
  name: string;
  /** "#rrggbb". */
  color: string;
}

/** What a timeline shows. */
export interface Shown {
  rows: readonly Row[];
  selected: ReadonlySet<string>;
  scale: Scale;
  fps: number;
  frame: number;
  /** CSS pixels by which the rows are scrolled. */
  top: number;
}

/** CSS pixels of its parts. */
export const RULER = 26;
export const ROW = 22;
export const NAMES = 132;
export const PAD = 8;

export class TimelineDrawing {
  readonly #context: CanvasRenderingContext2D;
  readonly #shown: Shown;

  constructor(context: CanvasRenderingContext2D, shown: Shown) {
    this.#context = context;
    this.#shown = shown;
  }

  /** Draw all of it. Sizes are CSS pixels, `ratio` device pixels for each of them. */
  draw(width: number, height: number, ratio: number, colors: Colors): void {
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colors.surface;
    context.fillRect(0, 0, width, height);
    context.textBaseline = "middle";
    this.#drawRows(width, height, colors);
    context.fillStyle = colors.surface;
    context.fillRect(0, 0, width, RULER);
    this.#drawRuler(width, height, colors);
    this.#drawPlayhead(height, colors);
  }

  #drawRuler(width: number, height: number, colors: Colors): void {
    const context = this.#context;
    context.font = colors.font;
    context.textAlign = "left";
    for (const { frame, text } of this.#shown.scale.ticks(this.#shown.fps)) {
      const x = Math.round(NAMES + this.#shown.scale.x(frame)) + 0.5;
      if (x < NAMES) continue;
      context.strokeStyle = text === null ? colors.line : colors.strong;
      context.beginPath();
      context.moveTo(x, text === null ? RULER - 5 : RULER - 9);
      context.lineTo(x, RULER);
      context.stroke();
      if (text === null) continue;
      context.strokeStyle = colors.line;
      context.beginPath();
      context.moveTo(x, RULER);
      context.lineTo(x, height);
      context.stroke();
      context.fillStyle = colors.soft;
      context.fillText(text, x + 3, 9);
    }
    context.fillStyle = colors.line;
    context.fillRect(0, RULER - 1, width, 1);
  }

  #drawRows(width: number, height: number, colors: Colors): void {
    const first = Math.floor(this.#shown.top / ROW);
    const last = Math.min(this.#shown.rows.length, Math.ceil((this.#shown.top + height - RULER) / ROW));
    for (let index = first; index < last; index++) {
      const row = this.#shown.rows[index]!;
      const y = RULER + index * ROW - this.#shown.top;
      const context = this.#context;
      if (this.#shown.selected.has(row.object.uid)) {
        context.fillStyle = colors.weak;
        context.fillRect(0, y, width, ROW);
      }
      this.#drawName(row, y, colors);
      context.save();
      context.beginPath();
      context.rect(NAMES - PAD, y, width - NAMES + PAD, ROW); // A mark on the first frame is wider than it.
      context.clip();
      this.#drawRuns(row, y, colors);
      this.#drawMarks(row, y, colors);
      context.restore();
    }
  }

  #drawName({ name, color, object }: Row, y: number, colors: Colors): void {
    const context = this.#context;
    context.fillStyle = color;
    context.beginPath();
    context.arc(14, y + ROW / 2, 4.5, 0, 7);
    context.fill();
    context.fillStyle = object.hidden ? colors.soft : colors.text;
    context.font = colors.font;
    context.textAlign = "left";
    context.fillText(fitted(context, name, NAMES - 34), 25, y + ROW / 2 + 0.5);
  }

  /** Bars where the object is seen, a thin line where it is lost. */
  #drawRuns({ object, color }: Row, y: number, colors: Colors): void {
    const context = this.#context;
    const { runs } = object;
    let drawn = -1;
    for (let index = Math.max(0, runAt(runs, this.#shown.scale.start)); index < runs.length; index++) {
      const [start, stop, kind] = runs[index]!;
      if (start > this.#shown.scale.stop) break;
      const x = NAMES + this.#shown.scale.x(start);
      const end = Math.max(x + 1, NAMES + this.#shown.scale.x(stop));
      if (kind === SEEN) {
        if (end <= drawn) continue; // Runs narrower than a pixel.
        context.fillStyle = color;
        context.globalAlpha = object.hidden ? 0.35 : 0.85;
        context.fillRect(Math.max(x, drawn), y + 6, end - Math.max(x, drawn), ROW - 12);
        context.globalAlpha = 1;
        drawn = end;
      } else if (kind === LOST) {
        context.strokeStyle = colors.bad;
        context.setLineDash([3, 3]);
        context.beginPath();
        context.moveTo(x, y + ROW / 2);
        context.lineTo(end, y + ROW / 2);
        context.stroke();
        context.setLineDash([]);
      }
    }
  }

  /** Diamonds for keyframes; signs where the object is lost, found, or said not to be there. */
  #drawMarks({ object }: Row, y: number, colors: Colors): void {
    const middle = y + ROW / 2;
    let last = -10;
    for (const { frame, kind } of eventsOf(object)) {
      const x = NAMES + this.#shown.scale.x(frame);
      if (kind === "added" || x < NAMES - 8 || x - last < 7) continue;
      if (frame > this.#shown.scale.stop) break;
      this.#sign(x, middle, kind === "lost" ? "lost" : "found", colors);
      last = x;
    }
    for (const frame of object.gone) if (this.#isShown(frame)) this.#sign(this.#center(frame), middle, "gone", colors);
    last = -10;
    for (const frame of object.keys) {
      if (!this.#isShown(frame)) continue;
      const x = this.#center(frame);
      if (x - last < 2) continue;
      this.#diamond(x, middle, colors);
      last = x;
    }
  }

  #center(frame: number): number {
    return NAMES + this.#shown.scale.x(frame + 0.5);
  }

  #isShown(frame: number): boolean {
    return frame >= this.#shown.scale.start - 1 && frame <= this.#shown.scale.stop;
  }

  #diamond(x: number, y: number, colors: Colors): void {
    const context = this.#context;
    context.beginPath();
    context.moveTo(x, y - 6);
    context.lineTo(x + 5, y);
    context.lineTo(x, y + 6);
    context.lineTo(x - 5, y);
    context.closePath();
    context.fillStyle = colors.text;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = colors.surface;
    context.stroke();
    context.lineWidth = 1;
  }

  #sign(x: number, y: number, kind: "lost" | "found" | "gone", colors: Colors): void {
    const context = this.#context;
    context.beginPath();
    if (kind === "found") {
      context.moveTo(x, y - 8);
      context.lineTo(x + 5, y - 3);
      context.lineTo(x - 5, y - 3);
      context.closePath();
      context.fillStyle = colors.good;
      context.fill();
      return;
    }
    context.lineWidth = 2;
    context.strokeStyle = kind === "lost" ? colors.bad : colors.soft;
    context.moveTo(x - 4, y - 4);
    context.lineTo(x + 4, y + 4);
    context.moveTo(x + 4, y - 4);
    context.lineTo(x - 4, y + 4);
    context.stroke();
    context.lineWidth = 1;
  }

  #drawPlayhead(height: number, colors: Colors): void {
    const context = this.#context;
    const x = Math.round(this.#center(this.#shown.frame)) + 0.5;
    if (x < NAMES || x > NAMES + this.#shown.scale.width + 1) return;
    if (this.#shown.scale.perFrame > 4) {
      context.fillStyle = colors.accent;
      context.globalAlpha = 0.14;
      context.fillRect(NAMES + this.#shown.scale.x(this.#shown.frame), RULER, this.#shown.scale.perFrame, height);
      context.globalAlpha = 1;
    }
    context.strokeStyle = colors.accent;
    context.beginPath();
    context.moveTo(x, 12);
    context.lineTo(x, height);
    context.stroke();
    context.fillStyle = colors.accent;
    context.beginPath();
    context.moveTo(x - 6, 11);
    context.lineTo(x + 6, 11);
    context.lineTo(x + 6, 18);
    context.lineTo(x, RULER - 1);
    context.lineTo(x - 6, 18);
    context.closePath();
    context.fill();
  }
}

export interface Colors {
  surface: string;
  weak: string;
  line: string;
  strong: string;
  text: string;
  soft: string;
  accent: string;
  good: string;
  bad: string;
  font: string;
}

const NAMED = { surface: "surface", weak: "accent-weak", line: "line", strong: "line-strong", text: "text", soft: "text-soft" } as const;

/** The colors of the page. They are read from elements, because a custom property does not say what `light-dark()` comes to. */
export function colorsOf(element: HTMLElement): Colors {
  const style = getComputedStyle(element);
  const family = style.fontFamily;
  const colors: Record<string, string> = { font: `${style.fontSize} ${family}` };
  const all = { ...NAMED, accent: "accent", good: "good", bad: "bad" };
  for (const [name, property] of Object.entries(all)) colors[name] = style.getPropertyValue(`--drawn-${property}`) || "#888";
  return colors as unknown as Colors;
}

/** A text that is no wider than this, cut at its end. */
function fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > width) length--;
  return `${text.slice(0, length)}…`;
}
