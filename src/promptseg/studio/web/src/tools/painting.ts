/** Brush and eraser: painting on the selected object, or on a new one. */

import { bitmapOf } from "../canvas/bitmaps.ts";
import type { StageKey, StagePointer } from "../canvas/stage.ts";
import { t } from "../i18n/index.ts";
import { Bitmap } from "../model/mask.ts";
import type { Point, StudioObject } from "../model/types.ts";
import { editable, keepPainted } from "./objects.ts";
import { strokeMask } from "./strokes.ts";
import type { Tool, ToolContext } from "./tool.ts";

/** Pixels of the image. */
export const LEAST_RADIUS = 0.5;
export const MOST_RADIUS = 500;
/** The factor of a press of [ or ]. */
const STEP = 1.25;

interface Painting {
  /** The object that is painted on; null for a new one. */
  object: StudioObject | null;
  path: Point[];
  radius: number;
  erases: boolean;
}

export class PaintTool implements Tool {
  readonly id: "brush" | "eraser";
  readonly drags = true;
  readonly #context: ToolContext;
  #painting: Painting | null = null;
  #at: Point | null = null;

  constructor(context: ToolContext, id: "brush" | "eraser") {
    this.#context = context;
    this.id = id;
    context.settings.brushRadius.subscribe(() => this.#showRing());
  }

  enter(): void {
    this.#at = null;
  }

  leave(): void {
    this.#finish();
    this.#at = null;
    this.#context.stage.setRing(null);
  }

  down(pointer: StagePointer): void {
    if (pointer.button !== 0) return;
    const { selection, stage, announce } = this.#context;
    if (this.id === "eraser" && selection.value.size !== 1) {
      const under = stage.objectsAt(pointer.at)[0];
      if (under === undefined) {
        announce(t("tools.nothingToErase"), "error");
        return;
      }
      selection.set(new Set([under]));
    }
    const object = editable(this.#context);
    if (object === null && (this.id === "eraser" || selection.value.size === 1)) return; // It is locked, or hidden.
    const erases = this.id === "eraser" || pointer.alt;
    const radius = this.#radius(pointer);
    this.#painting = { object, path: [pointer.at], radius, erases };
    const color = object?.color ?? this.#context.colorOf(object === null ? this.#context.label.value : object.label);
    if (object !== null) stage.setDraft(bitmapOf(object.mask), { kind: "edit", color }, object.uid);
    stage.setStroke({ path: [pointer.at], radius, erases, color });
    this.#follow(pointer);
  }

  move(pointer: StagePointer): void {
    this.#follow(pointer);
    if (this.#painting === null) return;
    this.#painting.path.push(...pointer.path);
    this.#context.stage.extendStroke(pointer.path);
  }

  up(pointer: StagePointer): void {
    this.#follow(pointer);
    this.#finish();
  }

  cancel(): void {
    this.#painting = null;
    this.#context.stage.setStroke(null);
    this.#context.stage.setDraft(null);
  }

  hover(pointer: StagePointer): void {
    this.#follow(pointer);
  }

  away(): void {
    this.#at = null;
    this.#context.stage.setRing(null);
  }

  key({ key }: StageKey): boolean {
    const { brushRadius } = this.#context.settings;
    if (key === "[") brushRadius.set(Math.max(LEAST_RADIUS, brushRadius.value / STEP));
    else if (key === "]") brushRadius.set(Math.min(MOST_RADIUS, brushRadius.value * STEP));
    else if (key === "Escape" && this.#painting !== null) this.cancel();
    else return false;
    return true;
  }

  /** What was painted becomes part of the mask. It is on the screen already, so its encoding can take its time. */
  #finish(): void {
    const painting = this.#painting;
    if (painting === null) return;
    this.#painting = null;
    const { width, height } = this.#context.stage.viewport.image;
    const stroke = strokeMask(painting.path, painting.radius, width, height);
    const before = painting.object === null ? Bitmap.empty(width, height) : bitmapOf(painting.object.mask);
    const after = painting.erases ? before.subtract(stroke) : before.union(stroke);
    const name = t(painting.erases ? "tools.history.erase" : "tools.history.paint");
    if (after.area !== before.area) keepPainted(this.#context, painting.object, after, name);
    this.#context.stage.setStroke(null);
    this.#context.stage.setDraft(null);
  }

  #radius({ kind, pressure }: StagePointer): number {
    const { brushRadius, pressure: heeds } = this.#context.settings;
    return kind === "pen" && heeds.value ? Math.max(LEAST_RADIUS, brushRadius.value * (0.4 + 1.2 * pressure)) : brushRadius.value;
  }

  #follow({ at, kind }: StagePointer): void {
    this.#at = kind === "touch" && this.#painting === null ? null : at; // A finger that was lifted points nowhere.
    this.#showRing();
  }

  #showRing(): void {
    if (this.#at !== null)
      this.#context.stage.setRing({ at: this.#at, radius: this.#painting?.radius ?? this.#context.settings.brushRadius.value });
  }
}
