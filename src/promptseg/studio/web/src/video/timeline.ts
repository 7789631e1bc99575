/** The timeline: a ruler, a row for each object, and the playhead. It is drawn on a canvas, so that it is as quick with an hour as with a second. */

import { Emitter } from "../model/emitter.ts";
import { h } from "../ui/dom.ts";
import { Scale } from "./scale.ts";
import { colorsOf, NAMES, PAD, ROW, RULER, TimelineDrawing, type Row } from "./timelinedrawing.ts";

interface TimelineEvents {
  /** A person went to a frame; `done` where the mouse or finger is let go. */
  seek: { frame: number; done: boolean };
  select: string;
}

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

  #draw(): void {
    const ratio = devicePixelRatio;
    const shown = { rows: this.#rows, selected: this.#selected, scale: this.#scale, fps: this.#fps, frame: this.#frame, top: this.#top };
    const { width, height } = this.#canvas;
    new TimelineDrawing(this.#context, shown).draw(width / ratio, height / ratio, ratio, colorsOf(this.element));
  }
}
