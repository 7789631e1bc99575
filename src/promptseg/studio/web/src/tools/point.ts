/** Click on an object, and on what is not part of it, until its mask is right. */

import type { StagePointer } from "../canvas/stage.ts";
import { editable } from "./objects.ts";
import { PromptingTool } from "./prompting.ts";

export class PointTool extends PromptingTool {
  readonly id = "point";
  readonly drags = false;

  up(pointer: StagePointer): void {
    if (!this.isInside(pointer) || !this.isReady()) return;
    if (pointer.control && !this.session.active) {
      const object = editable(this.context);
      if (object !== null) this.session.refine(object);
    }
    this.session.addPoint(pointer.at, !this.isBackground(pointer));
  }

  hover(pointer: StagePointer): void {
    if (this.context.missing(this.id) === null) this.session.hover(pointer.at);
  }

  away(): void {
    this.session.hover(null);
  }
}
