/** The timeline: a ruler, a row for each object, and the playhead. It is drawn on a canvas, so that it is as quick with an hour as with a second. */

import { Emitter } from "../model/emitter.ts";
import { h } from "../ui/dom.ts";
import { runAt, eventsOf } from "./presence.ts";
import { Scale } from "./scale.ts";
import { LOST, SEEN, type VideoObject } from "./types.ts";

/** An object as the timeline shows it. */
export interface Row {
  object: VideoObject;
  name: string;
  /** "#rrggbb". */
  color: string;
}

interface TimelineEvents {
  /** A person went to a frame; `done` where the mouse or finger is let go. */
  seek: { frame: number; done: boolean };
  select: string;
}

const RULER = 26;
const ROW = 22;
const NAMES = 132;
const PAD = 8;
/** What a wheel's notch zooms. */
const ZOOM = 1.2;

export class Timeline {
  readonly element: HTMLElement;
  readonly events = new Emitter<TimelineEvents>();
  readonly #slider: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #describe: (frame: number) => string;
  #rows: readonly Row[] = [];
  #selected: ReadonlySet<string> = new Set();
  #frame = 0;
  #fps = 25;
  #scale = new Scale(1, 1);
  #top = 0;
  #isDue = false;
  /** What a drag does: it goes to frames, or scrolls the rows. */
  #dragging: "seek" | "rows" | null = null;
  /** Where the fingers and buttons are that are down. */
  readonly #pressed = new Map<number, [x: number, y: number]>();

  /** `name` is read out as what the slider is, `describe` as the value for a frame. */
  constructor(name: string, describe: (frame: number) => string) {
    this.#describe = describe;
    this.#canvas = h("canvas", { class: "timeline-canvas", attrs: { "aria-hidden": "true" } });
    this.#slider = h(
      "div",
      {
        class: "timeline-slider",
        attrs: { role: "slider", tabindex: 0, "aria-label": name, "aria-valuemin": 0, "data-testid": "timeline" },
      },
      this.#canvas,
    );
    this.element = h("div", { class: "timeline" }, this.#slider);
    this.#context = this.#canvas.getContext("2d")!;
    new ResizeObserver(() => this.#resize()).observe(this.#slider);
    this.#slider.addEventListener("pointerdown", (event) => this.#down(event));
    this.#slider.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"] as const) this.#slider.addEventListener(name, (event) => this.#up(event));
    this.#slider.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#slider.addEventListener("dblclick", (event) => this.#fit(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  /** Height that shows all rows, in CSS pixels. */
  get fullHeight(): number {
    return RULER + Math.max(1, this.#rows.length) * ROW + PAD;
  }

  get scale(): Scale {
    return this.#scale;
  }

  setVideo(frames: number, fps: number): void {
    this.#fps = fps;
    this.#slider.setAttribute("aria-valuemax", String(frames - 1));
    this.#scale = this.#scale.resized(frames, this.#scale.width);
    this.redraw();
  }

  setRows(rows: readonly Row[]): void {
    this.#rows = rows;
    this.#top = Math.min(this.#top, this.#mostTop());
    this.#tell();
    this.redraw();
  }

  setSelected(uids: Iterable<string>): void {
    this.#selected = new Set(uids);
    const first = this.#rows.findIndex(({ object }) => this.#selected.has(object.uid));
    if (first >= 0) this.#reveal(first);
    this.redraw();
  }

  /** Say which frame is shown. The timeline follows it. */
  setFrame(frame: number): void {
    this.#frame = frame;
    if (this.#dragging === null) this.#scale = this.#scale.showing(frame);
    this.#tell();
    this.redraw();
  }

  /** Zoom about the playhead. */
  zoom(factor: number): void {
    this.#scale = this.#scale.showing(this.#frame);
    this.#scale = this.#scale.zoomed(factor, this.#scale.x(this.#frame + 0.5));
    this.redraw();
  }

  focus(): void {
    this.#slider.focus();
  }

  redraw(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  #tell(): void {
    this.#slider.setAttribute("aria-valuenow", String(this.#frame));
    this.#slider.setAttribute("aria-valuetext", this.#describe(this.#frame));
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.#slider;
    const ratio = devicePixelRatio;
    this.#canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.#canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    this.#scale = this.#scale.resized(this.#scale.frames, clientWidth - NAMES - PAD);
    this.#top = Math.min(this.#top, this.#mostTop());
    this.#draw();
  }

  #mostTop(): number {
    return Math.max(0, this.fullHeight - this.#slider.clientHeight);
  }

  #reveal(row: number): void {
    const room = this.#slider.clientHeight - RULER;
    this.#top = Math.min(Math.max(this.#top, (row + 1) * ROW - room), row * ROW);
  }

  // What a person does.

  #place(event: MouseEvent): [x: number, y: number] {
    const { left, top } = this.#slider.getBoundingClientRect();
    return [event.clientX - left - NAMES, event.clientY - top];
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const [x, y] = this.#place(event);
    this.#pressed.set(event.pointerId, [x, y]);
    this.#slider.setPointerCapture(event.pointerId);
    if (this.#pressed.size > 1) {
      this.#stopDragging(); // Two fingers zoom.
      return;
    }
    const row = this.#rows[Math.floor((y - RULER + this.#top) / ROW)];
    if (y >= RULER && row !== undefined) this.events.emit("select", row.object.uid);
    this.#dragging = x < 0 ? "rows" : "seek";
    if (x >= 0) this.#seek(x, false);
  }

  #move(event: PointerEvent): void {
    const before = this.#pressed.get(event.pointerId);
    if (before === undefined) return;
    const [x, y] = this.#place(event);
    if (this.#pressed.size === 2) {
      this.#pinch(event.pointerId, [x, y]);
      return;
    }
    this.#pressed.set(event.pointerId, [x, y]);
    if (this.#dragging === "seek") this.#seek(x, false);
    else if (this.#dragging === "rows") this.#scrollRows(before[1] - y);
  }

  #up(event: PointerEvent): void {
    this.#pressed.delete(event.pointerId);
    if (event.type === "pointercancel") this.#stopDragging();
    else if (this.#dragging === "seek") this.#seek(this.#place(event)[0], true);
    this.#dragging = null;
  }

  /** End a drag where it is: it goes on as something else, or the system took the pointer away. */
  #stopDragging(): void {
    if (this.#dragging === "seek") this.events.emit("seek", { frame: this.#frame, done: true });
    this.#dragging = null;
  }

  #scrollRows(by: number): void {
    this.#top = Math.min(this.#mostTop(), Math.max(0, this.#top + by));
    this.redraw();
  }

  #seek(x: number, done: boolean): void {
    const width = this.#scale.width;
    if (!done && x > width) this.#scale = this.#scale.moved(Math.min(40, x - width));
    if (!done && x < 0) this.#scale = this.#scale.moved(Math.max(-40, x));
    this.events.emit("seek", { frame: this.#scale.frame(Math.min(width - 1, Math.max(0, x))), done });
  }

  #pinch(id: number, at: [x: number, y: number]): void {
    const places = (): number[] => [...this.#pressed.values()].map(([x]) => x);
    const before = places();
    this.#pressed.set(id, at);
    const after = places();
    const spread = ([a, b]: number[]): number => Math.max(8, Math.abs(a! - b!));
    const middle = ([a, b]: number[]): number => (a! + b!) / 2;
    this.#scale = this.#scale.moved(middle(before) - middle(after)).zoomed(spread(after) / spread(before), middle(after));
    this.redraw();
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const [x] = this.#place(event);
    const pixels = event.deltaMode === 0 ? 1 : ROW;
    if (event.ctrlKey || event.metaKey) {
      this.#scale = this.#scale.zoomed(ZOOM ** (-event.deltaY / (event.deltaMode === 0 ? 60 : 3)), Math.max(0, x));
    } else if (event.shiftKey || event.deltaX !== 0) {
      this.#scale = this.#scale.moved((event.deltaX || event.deltaY) * pixels);
    } else if (this.#mostTop() > 0 && event.clientY - this.#slider.getBoundingClientRect().top > RULER) {
      this.#scrollRows(event.deltaY * pixels);
    } else {
      this.#scale = this.#scale.zoomed(ZOOM ** (-event.deltaY / (event.deltaMode === 0 ? 100 : 3)), Math.max(0, x));
    }
    this.redraw();
  }

  /** Show all of the video, or what is around the playhead where all is shown. */
  #fit(event: MouseEvent): void {
    if (this.#place(event)[1] > RULER) return;
    const whole = new Scale(this.#scale.frames, this.#scale.width);
    this.#scale =
      this.#scale.perFrame > whole.perFrame * 1.001 ? whole : whole.zoomed(whole.frames / (10 * this.#fps), whole.x(this.#frame));
    this.redraw();
  }

  // How it looks.

  #draw(): void {
    const context = this.#context;
    const ratio = devicePixelRatio;
    const [width, height] = [this.#canvas.width / ratio, this.#canvas.height / ratio];
    const colors = colorsOf(this.element);
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
    for (const { frame, text } of this.#scale.ticks(this.#fps)) {
      const x = Math.round(NAMES + this.#scale.x(frame)) + 0.5;
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
    const first = Math.floor(this.#top / ROW);
    const last = Math.min(this.#rows.length, Math.ceil((this.#top + height - RULER) / ROW));
    for (let index = first; index < last; index++) {
      const row = this.#rows[index]!;
      const y = RULER + index * ROW - this.#top;
      const context = this.#context;
      if (this.#selected.has(row.object.uid)) {
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
    for (let index = Math.max(0, runAt(runs, this.#scale.start)); index < runs.length; index++) {
      const [start, stop, kind] = runs[index]!;
      if (start > this.#scale.stop) break;
      const x = NAMES + this.#scale.x(start);
      const end = Math.max(x + 1, NAMES + this.#scale.x(stop));
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
      const x = NAMES + this.#scale.x(frame);
      if (kind === "added" || x < NAMES - 8 || x - last < 7) continue;
      if (frame > this.#scale.stop) break;
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
    return NAMES + this.#scale.x(frame + 0.5);
  }

  #isShown(frame: number): boolean {
    return frame >= this.#scale.start - 1 && frame <= this.#scale.stop;
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
    const x = Math.round(this.#center(this.#frame)) + 0.5;
    if (x < NAMES || x > NAMES + this.#scale.width + 1) return;
    if (this.#scale.perFrame > 4) {
      context.fillStyle = colors.accent;
      context.globalAlpha = 0.14;
      context.fillRect(NAMES + this.#scale.x(this.#frame), RULER, this.#scale.perFrame, height);
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

interface Colors {
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
function colorsOf(element: HTMLElement): Colors {
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
