/** Turns what people do at an element into moves of the viewport, and into events for the tools. */

import type { Emitter } from "../model/emitter.ts";
import type { Point } from "../model/types.ts";
import { hasNotches, pinched, zoomOf, type StageKey, type StageMenu, type StagePointer } from "./pointer.ts";
import type { Viewport } from "./viewport.ts";

/** The events of a stage. A gesture is down, moves, and up, or cancel. */
export interface InputEvents {
  down: StagePointer;
  move: StagePointer;
  up: StagePointer;
  /** The gesture does not count: a second finger came, or the system took the pointer away. */
  cancel: undefined;
  /** The pointer moved without a button. */
  hover: StagePointer;
  leave: undefined;
  /** The crosshair of the keys has moved, or is shown no longer. */
  crosshair: Point | null;
  /** A menu is asked for: by a right click that no tool wants, a long press of a finger, or the key for it. */
  menu: StageMenu;
}

export interface InputOptions {
  /** Whether a wheel without Ctrl is for the image too: not in a notebook, which it scrolls. */
  wheel: boolean;
  /** Whether + - 0 zoom. */
  zoomKeys: boolean;
  /** Handles a key before the stage does. Returns whether it did. */
  onKey: (key: StageKey) => boolean;
  /** Whether a click with the other button is for the tool now. Otherwise it asks for a menu. */
  takesOther: () => boolean;
  /** Whether nothing can be done at the image now but to look at it. Who asks is told why. */
  refuses: () => boolean;
}

/** CSS pixels that an arrow key moves by, and with Shift. */
const STEP = 4;
const LONG_STEP = 32;
/** CSS pixels that an arrow key pans by. */
const PAN_STEP = 48;
/** Milliseconds after which a resting finger asks for a menu, and CSS pixels that it may move meanwhile. */
const LONG_PRESS = 500;
const REST = 8;
const ARROWS: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Input {
  readonly #host: HTMLElement;
  readonly #viewport: Viewport;
  readonly #events: Emitter<InputEvents>;
  readonly #options: InputOptions;
  readonly #stop = new AbortController();
  /** What the main button does: the tools get it, or it moves the image. */
  pans = false;
  /** Whether the crosshair draws from one press of Space to the next, instead of clicking. */
  keysDrag = false;
  /** The pointer that a gesture belongs to, and whether the gesture is a tool's. */
  #gesture: Gesture | null = null;
  readonly #fingers = new Map<number, Point>();
  #crosshair: Point | null = null;
  #keyGesture = false;
  #longPress: ReturnType<typeof setTimeout> | undefined;
  #space = { held: false, used: false };

  constructor(host: HTMLElement, viewport: Viewport, events: Emitter<InputEvents>, options: InputOptions) {
    this.#host = host;
    this.#viewport = viewport;
    this.#events = events;
    this.#options = options;
    const { signal } = this.#stop;
    host.addEventListener("pointerdown", (event) => this.#down(event), { signal });
    host.addEventListener("pointermove", (event) => this.#move(event), { signal });
    host.addEventListener("pointerup", (event) => this.#up(event), { signal });
    host.addEventListener("pointercancel", (event) => this.#cancel(event), { signal });
    host.addEventListener("pointerleave", () => this.#gesture ?? events.emit("leave", undefined), { signal });
    host.addEventListener("contextmenu", (event) => this.#contextMenu(event), { signal });
    host.addEventListener("wheel", (event) => this.#wheel(event), { signal, passive: false });
    host.addEventListener("keydown", (event) => this.#keyDown(event), { signal });
    host.addEventListener("keyup", (event) => this.#keyUp(event), { signal });
    host.addEventListener("blur", () => this.#blur(), { signal });
  }

  get crosshair(): Point | null {
    return this.#crosshair;
  }

  close(): void {
    clearTimeout(this.#longPress);
    this.#stop.abort();
  }

  /** End what a pointer or the keys have begun. It does not count. */
  drop(): void {
    clearTimeout(this.#longPress);
    this.#dropGesture();
    this.#dropKeyGesture();
  }

  /** Take the crosshair away, and end what the keys draw. */
  hideCrosshair(): void {
    this.#dropKeyGesture();
    if (this.#crosshair === null) return;
    this.#crosshair = null;
    this.#events.emit("crosshair", null);
  }

  #down(event: PointerEvent): void {
    this.#host.focus({ preventScroll: true });
    this.hideCrosshair();
    const at = this.#placeOf(event);
    if (event.pointerType === "touch") {
      this.#fingers.set(event.pointerId, at);
      clearTimeout(this.#longPress);
      if (this.#fingers.size > 1) {
        this.#dropGesture();
        return;
      }
      if (!this.#options.takesOther()) this.#longPress = setTimeout(() => this.#askForMenu(at), LONG_PRESS);
    }
    if (this.#gesture !== null || this.#fingers.size > 1 || (event.button !== 0 && event.button !== 1 && event.button !== 2)) return;
    event.preventDefault();
    this.#host.setPointerCapture(event.pointerId);
    const isTool = event.button !== 1 && !this.#space.held && !(this.pans && event.button === 0);
    this.#space.used = true;
    if (isTool && this.#options.refuses()) return;
    const asksForMenu = event.button === 2 && isTool && !this.#options.takesOther();
    this.#gesture = { id: event.pointerId, isTool, asksForMenu, from: at, last: at };
    this.#host.dataset.panning = isTool ? "no" : "yes";
    if (isTool) this.#events.emit("down", this.#pointer(event));
  }

  #move(event: PointerEvent): void {
    const at = this.#placeOf(event);
    if (this.#fingers.has(event.pointerId) && this.#fingers.size === 2) {
      this.#pinch(event.pointerId, at);
      return;
    }
    if (this.#fingers.has(event.pointerId)) this.#fingers.set(event.pointerId, at);
    if (this.#gesture === null) {
      if (event.pointerType !== "touch") this.#events.emit("hover", this.#pointer(event));
    } else if (this.#gesture.id === event.pointerId) {
      if (Math.hypot(at[0] - this.#gesture.from[0], at[1] - this.#gesture.from[1]) > REST) {
        this.#gesture.asksForMenu = false;
        clearTimeout(this.#longPress);
      }
      if (this.#gesture.isTool) this.#events.emit("move", this.#pointer(event));
      else this.#viewport.panBy(at[0] - this.#gesture.last[0], at[1] - this.#gesture.last[1]);
      this.#gesture.last = at;
    }
  }

  #up(event: PointerEvent): void {
    this.#fingers.delete(event.pointerId);
    clearTimeout(this.#longPress);
    if (this.#gesture?.id !== event.pointerId) return;
    const { isTool, asksForMenu } = this.#gesture;
    if (asksForMenu) {
      this.#askForMenu(this.#placeOf(event));
      return;
    }
    this.#gesture = null;
    this.#host.dataset.panning = "no";
    if (isTool) this.#events.emit("up", this.#pointer(event));
  }

  #cancel(event: PointerEvent): void {
    this.#fingers.delete(event.pointerId);
    clearTimeout(this.#longPress);
    if (this.#gesture?.id === event.pointerId) this.#dropGesture();
  }

  #dropGesture(): void {
    const dropped = this.#gesture;
    this.#gesture = null;
    this.#host.dataset.panning = "no";
    if (dropped?.isTool === true) this.#events.emit("cancel", undefined);
  }

  /** Ask for a menu at a place of the stage, in place of what the pointer has begun there. */
  #askForMenu(screen: Point): void {
    this.#dropGesture();
    this.#events.emit("menu", { at: this.#viewport.toImage(screen), screen });
  }

  /** The browser asks for its menu. Pointers have asked for ours already: what is left is the key. */
  #contextMenu(event: PointerEvent): void {
    event.preventDefault();
    if (event.button === 2 || event.pointerType === "touch" || this.#gesture !== null || this.#fingers.size > 0) return;
    this.#dropKeyGesture();
    const { width, height } = this.#viewport.screen;
    const at = this.#crosshair;
    this.#events.emit("menu", { at, screen: at === null ? [width / 2, height / 2] : this.#viewport.toScreen(at) });
  }

  #pinch(id: number, at: Point): void {
    const before = [...this.#fingers.values()] as [Point, Point];
    this.#fingers.set(id, at);
    const { factor, at: middle, by } = pinched(before, [...this.#fingers.values()] as [Point, Point]);
    this.#viewport.panBy(by[0], by[1]);
    this.#viewport.zoomBy(factor, middle);
  }

  #wheel(event: WheelEvent): void {
    const zooms = event.ctrlKey || event.metaKey;
    if (!zooms && !this.#options.wheel) return;
    event.preventDefault();
    if (zooms || hasNotches(event)) this.#viewport.zoomBy(zoomOf(event), this.#placeOf(event));
    else this.#viewport.panBy(-event.deltaX, -event.deltaY);
  }

  #keyDown(event: KeyboardEvent): void {
    if (event.target !== this.#host || event.isComposing) return;
    if (this.#options.onKey(keyOf(event)) || this.#handleKey(event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  #handleKey(event: KeyboardEvent): boolean {
    const arrow = ARROWS[event.key];
    const control = event.ctrlKey || event.metaKey;
    if (arrow !== undefined && !control && !event.altKey) {
      if (this.pans) this.#viewport.panBy(-arrow[0] * PAN_STEP, -arrow[1] * PAN_STEP);
      else this.#moveCrosshair(arrow, event);
      return true;
    }
    if (arrow !== undefined && control) {
      this.#viewport.panBy(-arrow[0] * PAN_STEP, -arrow[1] * PAN_STEP);
      return true;
    }
    if (event.key === " ") {
      if (!event.repeat) this.#space = { held: true, used: false };
      return true;
    }
    if (event.key === "Enter" && !control && this.#crosshair !== null) {
      if (!event.repeat) this.#press(event);
      return true;
    }
    if (event.key === "Escape" && this.#crosshair !== null) {
      this.hideCrosshair();
      return true;
    }
    return !control && this.#options.zoomKeys && this.#zoomKey(event.key);
  }

  #zoomKey(key: string): boolean {
    if (key === "+" || key === "=") this.#viewport.zoomStep(1);
    else if (key === "-") this.#viewport.zoomStep(-1);
    else if (key === "0") this.#viewport.fit();
    else return false;
    return true;
  }

  #keyUp(event: KeyboardEvent): void {
    if (event.key !== " ") return;
    const clicks = this.#space.held && !this.#space.used && this.#crosshair !== null;
    this.#space = { held: false, used: false };
    if (clicks) this.#press(event);
  }

  #blur(): void {
    this.#space = { held: false, used: false };
    this.#dropKeyGesture();
  }

  #moveCrosshair(arrow: Point, event: KeyboardEvent): void {
    const step = event.shiftKey ? LONG_STEP : STEP;
    const { screen, image } = this.#viewport;
    const from = this.#crosshair === null ? [screen.width / 2, screen.height / 2] : this.#viewport.toScreen(this.#crosshair);
    const moves = this.#crosshair === null ? 0 : step; // It appears where it is before it moves.
    const [x, y] = this.#viewport.toImage([from[0]! + arrow[0] * moves, from[1]! + arrow[1] * moves]);
    this.#crosshair = [Math.max(0, Math.min(image.width - 1, x)), Math.max(0, Math.min(image.height - 1, y))];
    this.#viewport.reveal(this.#crosshair);
    this.#events.emit("crosshair", this.#crosshair);
    this.#events.emit(this.#keyGesture ? "move" : "hover", this.#keyPointer(event, this.#crosshair));
  }

  /** Click at the crosshair; or begin or end to draw there. */
  #press(event: KeyboardEvent): void {
    if (this.#crosshair === null || this.#options.refuses()) return;
    const pointer = this.#keyPointer(event, this.#crosshair);
    if (this.#keyGesture) {
      this.#keyGesture = false;
      this.#events.emit("up", pointer);
      return;
    }
    this.#events.emit("down", pointer);
    if (this.keysDrag) this.#keyGesture = true;
    else this.#events.emit("up", pointer);
  }

  #dropKeyGesture(): void {
    if (!this.#keyGesture) return;
    this.#keyGesture = false;
    this.#events.emit("cancel", undefined);
  }

  #placeOf(event: MouseEvent): Point {
    const { left, top } = this.#host.getBoundingClientRect();
    return [event.clientX - left - this.#host.clientLeft, event.clientY - top - this.#host.clientTop];
  }

  #pointer(event: PointerEvent): StagePointer {
    const screen = this.#placeOf(event);
    const at = this.#viewport.toImage(screen);
    const { left, top } = this.#host.getBoundingClientRect();
    // Browsers have it on secure pages only.
    const between = event.type === "pointermove" && "getCoalescedEvents" in event ? event.getCoalescedEvents() : [];
    const path = between.map(({ clientX, clientY }) => this.#viewport.toImage([clientX - left, clientY - top]));
    const kind = event.pointerType === "pen" || event.pointerType === "touch" ? event.pointerType : "mouse";
    const { shiftKey: shift, altKey: alt, button, pressure } = event;
    const control = event.ctrlKey || event.metaKey;
    return { at, screen, path: path.length > 0 ? path : [at], button, shift, alt, control, pressure: pressure || 0.5, kind };
  }

  #keyPointer(event: KeyboardEvent, at: Point): StagePointer {
    const { shiftKey: shift, altKey: alt } = event;
    const control = event.ctrlKey || event.metaKey;
    return { at, screen: this.#viewport.toScreen(at), path: [at], button: 0, shift, alt, control, pressure: 0.5, kind: "keyboard" };
  }
}

interface Gesture {
  id: number;
  isTool: boolean;
  /** Whether a menu is asked for if the pointer is let go where it is. */
  asksForMenu: boolean;
  from: Point;
  last: Point;
}

function keyOf(event: KeyboardEvent): StageKey {
  return { key: event.key, shift: event.shiftKey, alt: event.altKey, control: event.ctrlKey || event.metaKey };
}
