import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { Input, type InputEvents } from "../../src/canvas/input.ts";
import type { StageKey, StageMenu, StagePointer } from "../../src/canvas/pointer.ts";
import { Viewport } from "../../src/canvas/viewport.ts";
import { Emitter } from "../../src/model/emitter.ts";

/** What the input uses of an element. */
class Host extends EventTarget {
  readonly dataset: Record<string, string> = {};
  readonly clientLeft = 0;
  readonly clientTop = 0;
  captured: number[] = [];

  focus(): void {
    this.dispatchEvent(new Event("focus"));
  }

  setPointerCapture(id: number): void {
    this.captured.push(id);
  }

  getBoundingClientRect(): { left: number; top: number } {
    return { left: 10, top: 20 };
  }

  /** Send an event; returns whether its default was prevented. */
  send(type: string, values: object): boolean {
    const event = Object.assign(
      new Event(type, { cancelable: true }),
      { shiftKey: false, altKey: false, ctrlKey: false, metaKey: false },
      values,
    );
    this.dispatchEvent(event);
    return event.defaultPrevented;
  }
}

let host: Host;
let view: Viewport;
let input: Input;
let told: [keyof InputEvents, Partial<StagePointer> | null | undefined][];
let menus: StageMenu[];
let handles: (key: StageKey) => boolean;
let toolTakesOther: boolean;
let refuses: boolean;

/** A screen of 400 x 300 pixels that shows an image of that size as it is. */
beforeEach(() => {
  host = new Host();
  view = new Viewport();
  view.setScreen({ width: 400, height: 300 }, 1);
  view.setImage({ width: 400, height: 300 });
  view.zoomTo(1);
  view.centerOn([199.5, 149.5]);
  told = [];
  menus = [];
  handles = () => false;
  toolTakesOther = false;
  refuses = false;
  const events = new Emitter<InputEvents>();
  for (const name of ["down", "move", "up", "cancel", "hover", "leave", "crosshair"] as const) {
    events.on(name, (event) => told.push([name, event as Partial<StagePointer>]));
  }
  events.on("menu", (asked) => menus.push(asked));
  input = new Input(host as unknown as HTMLElement, view, events, {
    wheel: true,
    zoomKeys: true,
    onKey: (key) => handles(key),
    takesOther: () => toolTakesOther,
    refuses: () => refuses,
  });
});

function names(): string[] {
  return told.map(([name]) => name);
}

/** A pointer at (x, y) of the screen. */
function pointer(type: string, x: number, y: number, values: object = {}): void {
  host.send(type, { pointerId: 1, pointerType: "mouse", button: 0, pressure: 0, clientX: x + 10, clientY: y + 20, ...values });
}

function finger(type: string, id: number, x: number, y: number): void {
  pointer(type, x, y, { pointerId: id, pointerType: "touch" });
}

function press(key: string, values: object = {}): boolean {
  const prevented = host.send("keydown", { key, repeat: false, isComposing: false, ...values });
  host.send("keyup", { key, ...values });
  return prevented;
}

describe("a pointer", () => {
  test("that draws tells where it is on the image, and keeps telling outside of the element", () => {
    pointer("pointerdown", 50.5, 60.5);
    pointer("pointermove", 70.5, 60.5);
    pointer("pointerup", 70.5, 60.5);
    expect(told.map(([name, event]) => [name, event?.at])).toEqual([
      ["down", [50, 60]],
      ["move", [70, 60]],
      ["up", [70, 60]],
    ]);
    expect(host.captured).toEqual([1]);
  });

  test("tells all places where it has been since the last event", () => {
    const places = [52.5, 54.5, 56.5].map((x) => ({ clientX: x + 10, clientY: 80.5 }));
    pointer("pointerdown", 50.5, 60.5);
    pointer("pointermove", 56.5, 60.5, { getCoalescedEvents: () => places });
    expect(told.at(-1)![1]!.path).toEqual([
      [52, 60],
      [54, 60],
      [56, 60],
    ]);
  });

  test("without a button hovers, and leaves", () => {
    pointer("pointermove", 5, 5);
    host.send("pointerleave", {});
    expect(names()).toEqual(["hover", "leave"]);
  });

  test("with the middle button moves the image", () => {
    const { left } = view;
    pointer("pointerdown", 50, 50, { button: 1 });
    pointer("pointermove", 80, 50);
    pointer("pointerup", 80, 50);
    expect(view.left).toBe(left + 30);
    expect(names()).toEqual([]);
  });

  test("moves the image while Space is held, and with the tool for it", () => {
    const { left } = view;
    host.send("keydown", { key: " ", repeat: false, isComposing: false });
    pointer("pointerdown", 50, 50);
    pointer("pointermove", 60, 50);
    pointer("pointerup", 60, 50);
    host.send("keyup", { key: " " });
    expect(view.left).toBe(left + 10);
    input.pans = true;
    pointer("pointerdown", 50, 50);
    pointer("pointermove", 60, 50);
    pointer("pointerup", 60, 50);
    expect(view.left).toBe(left + 20);
    expect(names()).toEqual([]);
  });

  test("that the system takes away cancels what was begun", () => {
    pointer("pointerdown", 50, 50);
    pointer("pointercancel", 50, 50);
    pointer("pointerup", 50, 50);
    expect(names()).toEqual(["down", "cancel"]);
  });
});

describe("fingers", () => {
  test("one draws", () => {
    finger("pointerdown", 1, 50, 50);
    finger("pointermove", 1, 60, 50);
    finger("pointerup", 1, 60, 50);
    expect(names()).toEqual(["down", "move", "up"]);
  });

  test("two move and spread the image, and what one has begun does not count", () => {
    finger("pointerdown", 1, 100, 100);
    finger("pointerdown", 2, 200, 100);
    const [first, second] = [view.toImage([100, 100]), view.toImage([200, 100])];
    for (let step = 1; step <= 10; step++) {
      finger("pointermove", 1, 100 - 5 * step, 100 + 3 * step);
      finger("pointermove", 2, 200 + 5 * step, 100 + 3 * step);
    }
    expect(view.scale).toBeCloseTo(2);
    expect(view.toScreen(first)[0]).toBeCloseTo(50, 0);
    expect(view.toScreen(second)[0]).toBeCloseTo(250, 0);
    expect(view.toScreen(first)[1]).toBeCloseTo(130, 0);
    finger("pointerup", 1, 50, 130);
    finger("pointermove", 2, 250, 200);
    finger("pointerup", 2, 250, 200);
    expect(names()).toEqual(["down", "cancel"]);
  });
});

describe("a wheel", () => {
  test("zooms at the pointer; a touchpad moves the image, and zooms by a pinch", () => {
    const under = view.toImage([300, 200]);
    expect(host.send("wheel", { deltaMode: 0, deltaX: 0, deltaY: -120, clientX: 310, clientY: 220 })).toBe(true);
    expect(view.scale).toBe(1.25);
    expect(view.toScreen(under)[0]).toBeCloseTo(300);
    const { left } = view;
    host.send("wheel", { deltaMode: 0, deltaX: 7, deltaY: 3, clientX: 310, clientY: 220 });
    expect(view.left).toBeCloseTo(left - 7);
    host.send("wheel", { deltaMode: 0, deltaX: 0, deltaY: -10, ctrlKey: true, clientX: 310, clientY: 220 });
    expect(view.scale).toBeGreaterThan(1.25);
  });

  test("is left to the page where that is wanted, unless Ctrl is held", () => {
    input.close();
    input = new Input(host as unknown as HTMLElement, view, new Emitter(), {
      wheel: false,
      zoomKeys: false,
      onKey: () => false,
      takesOther: () => false,
      refuses: () => false,
    });
    expect(host.send("wheel", { deltaMode: 0, deltaX: 0, deltaY: -120, clientX: 0, clientY: 0 })).toBe(false);
    expect(host.send("wheel", { deltaMode: 0, deltaX: 0, deltaY: -120, ctrlKey: true, clientX: 0, clientY: 0 })).toBe(true);
  });
});

describe("keys", () => {
  test("show a crosshair in the middle, move it, and click there", () => {
    press("ArrowRight");
    expect(input.crosshair).toEqual([199.5, 149.5]);
    press("ArrowRight");
    press("ArrowDown", { shiftKey: true });
    expect(input.crosshair).toEqual([203.5, 181.5]);
    told = [];
    press(" ");
    expect(told.map(([name, event]) => [name, event?.at, event?.kind])).toEqual([
      ["down", [203.5, 181.5], "keyboard"],
      ["up", [203.5, 181.5], "keyboard"],
    ]);
    press("Enter", { altKey: true });
    expect(told.at(-1)![1]!.alt).toBe(true);
  });

  test("draw from one press to the next with tools that draw", () => {
    input.keysDrag = true;
    press("ArrowRight");
    press(" ");
    press("ArrowRight");
    press("ArrowRight");
    press(" ");
    press("ArrowRight");
    expect(names().filter((name) => name !== "crosshair")).toEqual(["hover", "down", "move", "move", "up", "hover"]);
  });

  test("end what they draw when the pointer comes, or the focus goes", () => {
    input.keysDrag = true;
    press("ArrowRight");
    press(" ");
    host.send("blur", {});
    expect(names().at(-1)).toBe("cancel");
    press(" ");
    pointer("pointerdown", 5, 5);
    expect(names().slice(-3)).toEqual(["cancel", "crosshair", "down"]);
    expect(input.crosshair).toBeNull();
  });

  test("keep the crosshair on the image and on the screen", () => {
    view.zoomTo(8);
    for (let step = 0; step < 200; step++) press("ArrowLeft", { shiftKey: true });
    expect(input.crosshair![0]).toBe(0);
    expect(view.toScreen(input.crosshair!)[0]).toBeGreaterThan(0);
  });

  test("move the image with the tool for it, and with Ctrl", () => {
    const { left } = view;
    press("ArrowRight", { ctrlKey: true });
    input.pans = true;
    press("ArrowRight");
    expect(view.left).toBe(left - 96);
    expect(input.crosshair).toBeNull();
  });

  test("zoom, and show all of the image", () => {
    press("+");
    expect(view.scale).toBe(1.25);
    press("-");
    expect(view.scale).toBeCloseTo(1);
    press("0");
    expect(view.fitted).toBe(true);
  });

  test("go to the tools first, and to the page where nobody uses them", () => {
    handles = ({ key }) => key === "+";
    expect(press("+")).toBe(true);
    expect(view.scale).toBe(1);
    expect(press("q")).toBe(false);
    expect(press("Escape")).toBe(false);
    expect(press("Enter")).toBe(false);
  });
});

describe("a menu is asked for", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** The browser's own event: on some systems it comes at the press, on others when the button is let go. */
  const contextMenu = (values: object): boolean => host.send("contextmenu", { button: 2, pointerType: "mouse", ...values });

  test("once, by a right click that no tool wants, whenever the browser tells of it", () => {
    pointer("pointerdown", 50.5, 60.5, { button: 2 });
    expect(contextMenu({})).toBe(true);
    pointer("pointerup", 50.5, 60.5, { button: 2 });
    contextMenu({});
    expect(menus).toEqual([{ at: [50, 60], screen: [50.5, 60.5] }]);
    expect(names()).toEqual(["down", "cancel"]);
  });

  test("by no right click that draws, or that the tool wants", () => {
    pointer("pointerdown", 50, 60, { button: 2 });
    pointer("pointermove", 90, 60);
    pointer("pointerup", 90, 60, { button: 2 });
    toolTakesOther = true;
    pointer("pointerdown", 50, 60, { button: 2 });
    pointer("pointerup", 50, 60, { button: 2 });
    contextMenu({});
    expect(menus).toEqual([]);
    expect(names()).toEqual(["down", "move", "up", "down", "up"]);
  });

  test("by a finger that rests, in place of what it would have done", () => {
    finger("pointerdown", 1, 50.5, 60.5);
    finger("pointermove", 1, 52.5, 60.5);
    vi.advanceTimersByTime(600);
    expect(menus).toEqual([{ at: [50, 60], screen: [50.5, 60.5] }]);
    contextMenu({ button: 0, pointerType: "touch" });
    finger("pointerup", 1, 52.5, 60.5);
    expect(menus).toHaveLength(1);
    expect(names()).toEqual(["down", "move", "cancel"]);
  });

  test("by no finger that moves, is lifted, gets company, or works for a tool", () => {
    finger("pointerdown", 1, 50, 60);
    finger("pointermove", 1, 70, 60);
    vi.advanceTimersByTime(600);
    finger("pointerup", 1, 70, 60);
    finger("pointerdown", 1, 50, 60);
    finger("pointerup", 1, 50, 60);
    vi.advanceTimersByTime(600);
    finger("pointerdown", 1, 50, 60);
    finger("pointerdown", 2, 90, 60);
    vi.advanceTimersByTime(600);
    finger("pointerup", 1, 50, 60);
    finger("pointerup", 2, 90, 60);
    toolTakesOther = true;
    finger("pointerdown", 1, 50, 60);
    vi.advanceTimersByTime(600);
    expect(menus).toEqual([]);
  });

  test("by the key for it, at the crosshair or without a place", () => {
    const byKey = { button: 0, pointerType: "" };
    contextMenu(byKey);
    expect(menus).toEqual([{ at: null, screen: [200, 150] }]);
    press("ArrowRight");
    contextMenu(byKey);
    expect(menus[1]!.at).toEqual(input.crosshair);
  });
});

describe("an image that can only be looked at", () => {
  test("takes no click, neither of a pointer nor of a key, and can be moved", () => {
    refuses = true;
    pointer("pointerdown", 50, 50);
    refuses = false; // Another image is there before the button is let go.
    pointer("pointerup", 50, 50);
    expect(names()).toEqual([]);
    press("ArrowRight");
    refuses = true;
    press("Enter");
    press(" ");
    expect(names()).toEqual(["crosshair", "hover"]);
    const { left } = view;
    pointer("pointerdown", 50, 50, { button: 1 });
    pointer("pointermove", 80, 50);
    expect(view.left).toBe(left + 30);
  });

  test("drops what was begun before", () => {
    pointer("pointerdown", 50, 50);
    input.drop();
    pointer("pointerup", 60, 50);
    expect(names()).toEqual(["down", "cancel"]);
    input.keysDrag = true;
    press("ArrowRight");
    press("Enter");
    input.drop();
    expect(names().slice(-2)).toEqual(["down", "cancel"]);
  });
});
