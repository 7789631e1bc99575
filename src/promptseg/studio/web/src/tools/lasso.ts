/** Draw around a part by hand: it is added to the selected object, or becomes one. With Alt it is taken away. */

import { bitmapOf } from "../canvas/bitmaps.ts";
import type { StageKey, StagePointer } from "../canvas/stage.ts";
import { t } from "../i18n/index.ts";
import { Bitmap } from "../model/mask.ts";
import type { Point, StudioObject } from "../model/types.ts";
import { editable, keepPainted } from "./objects.ts";
import type { Tool, ToolContext } from "./tool.ts";

export class LassoTool implements Tool {
  readonly id = "lasso";
  readonly drags = true;
  readonly #context: ToolContext;
  #drawing: { object: StudioObject | null; path: Point[]; adds: boolean } | null = null;

  constructor(context: ToolContext) {
    this.#context = context;
  }

  enter(): void {
    this.#drawing = null;
  }

  leave(): void {
    this.cancel();
  }

  down(pointer: StagePointer): void {
    const { selection, announce } = this.#context;
    const object = editable(this.#context);
    if (object === null && selection.value.size === 1) return; // It is locked, or hidden.
    const adds = !pointer.alt && pointer.button === 0;
    if (!adds && object === null) {
      if (pointer.button === 0) announce(t("tools.nothingToErase"), "error");
      return;
    }
    this.#drawing = { object, path: [pointer.at], adds };
  }

  move(pointer: StagePointer): void {
    if (this.#drawing === null) return;
    this.#drawing.path.push(...pointer.path);
    const { path, adds } = this.#drawing;
    this.#context.stage.setMarks([{ kind: "lasso", path, adds }]);
  }

  up(): void {
    const drawing = this.#drawing;
    this.cancel();
    if (drawing === null || drawing.path.length < 3) return;
    const { object, path, adds } = drawing;
    const { width, height } = this.#context.stage.viewport.image;
    const before = object === null ? Bitmap.empty(width, height) : bitmapOf(object.mask);
    const after = before.withPolygon(path, adds);
    if (after.area !== before.area)
      keepPainted(this.#context, object, after, t(adds ? "tools.history.lassoAdd" : "tools.history.lassoCut"));
  }

  cancel(): void {
    this.#drawing = null;
    this.#context.stage.setMarks([]);
  }

  key({ key }: StageKey): boolean {
    if (key !== "Escape" || this.#drawing === null) return false;
    this.cancel();
    return true;
  }
}
