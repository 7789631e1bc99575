/** Drag a box around an object; then click to refine its mask. */

import type { StagePointer } from "../canvas/stage.ts";
import { boxBetween, isDrag } from "./dragging.ts";
import { PromptingTool } from "./prompting.ts";

export class BoxTool extends PromptingTool {
  readonly id = "box";
  readonly drags = true;
  #from: StagePointer | null = null;

  down(pointer: StagePointer): void {
    if (this.isReady()) this.#from = pointer;
  }

  move(pointer: StagePointer): void {
    const { stage } = this.context;
    if (this.#from === null || !this.#drags(pointer)) return;
    stage.setMarks([{ kind: "box", box: boxBetween(this.#from.at, pointer.at, stage.viewport.image) }]);
  }

  up(pointer: StagePointer): void {
    const from = this.#from;
    this.#from = null;
    if (from === null) return;
    if (isDrag(from.screen, pointer.screen)) {
      const box = boxBetween(from.at, pointer.at, this.context.stage.viewport.image);
      if (box[2] - box[0] >= 1 && box[3] - box[1] >= 1) this.session.setBox(box);
      else this.session.redraw();
    } else if (this.isInside(pointer) && this.session.active) {
      this.session.addPoint(pointer.at, !this.isBackground(pointer));
    }
  }

  cancel(): void {
    this.#from = null;
    this.session.redraw();
  }

  #drags(pointer: StagePointer): boolean {
    return this.#from?.button === 0 && isDrag(this.#from.screen, pointer.screen);
  }
}
