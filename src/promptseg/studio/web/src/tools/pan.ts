/** Move the image. The stage does it; Space and a drag do it with any other tool. */

import type { Tool, ToolContext } from "./tool.ts";

export class PanTool implements Tool {
  readonly id = "pan";
  readonly drags = false;
  readonly #context: ToolContext;

  constructor(context: ToolContext) {
    this.#context = context;
  }

  enter(): void {
    this.#context.stage.pans = true;
  }

  leave(): void {
    this.#context.stage.pans = false;
  }
}
