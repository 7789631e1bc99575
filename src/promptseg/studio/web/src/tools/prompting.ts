/** What the point tool and the box tool share: a session, its keys, and a model that must be there. */

import type { StageKey, StagePointer } from "../canvas/stage.ts";
import { PromptSession } from "./session.ts";
import type { Tool, ToolContext, ToolId } from "./tool.ts";

export abstract class PromptingTool implements Tool {
  abstract readonly id: ToolId;
  abstract readonly drags: boolean;
  readonly session: PromptSession;
  protected readonly context: ToolContext;

  constructor(context: ToolContext) {
    this.context = context;
    this.session = new PromptSession(context);
  }

  /** A part is taken away from what is being made. */
  get takesOther(): boolean {
    return this.session.active;
  }

  enter(): void {
    this.session.drop();
  }

  leave(): void {
    this.session.accept();
    this.session.drop();
  }

  key({ key, shift, alt, control }: StageKey): boolean {
    if (control || alt) return false;
    switch (key) {
      case "Enter":
        return this.session.accept();
      case "Escape":
        return this.session.drop();
      case "Backspace":
        return this.session.back();
      case "c":
      case "C":
        return this.session.cycle(shift ? -1 : 1);
      default:
        return false;
    }
  }

  /** Whether a pointer says "not this": the other button, Alt, Shift at the crosshair of the keys, or any while the session takes away. */
  protected isBackground({ button, alt, shift, kind }: StagePointer): boolean {
    return button === 2 || alt || (shift && kind === "keyboard") || this.session.takesAway.value;
  }

  /** Whether a model is there. Announces why not. */
  protected isReady(): boolean {
    const why = this.context.missing(this.id);
    if (why !== null) this.context.announce(why, "error");
    return why === null;
  }

  protected isInside({ at: [x, y] }: StagePointer): boolean {
    const { width, height } = this.context.stage.viewport.image;
    return x >= -0.5 && y >= -0.5 && x < width - 0.5 && y < height - 0.5;
  }
}
