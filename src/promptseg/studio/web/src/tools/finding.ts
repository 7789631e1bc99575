/** What the tools share that find several objects at once: a request that can be stopped, and proposals to pick from. */

import type { StageKey, StagePointer } from "../canvas/stage.ts";
import { plural, t } from "../i18n/index.ts";
import { Signal } from "../model/signal.ts";
import type { FoundMask, Prompt } from "../model/types.ts";
import { Proposals } from "./proposals.ts";
import type { Tool, ToolContext, ToolId } from "./tool.ts";

export abstract class FindingTool implements Tool {
  abstract readonly id: ToolId;
  readonly drags: boolean = false;
  readonly proposals: Proposals;
  readonly busy = new Signal(false);
  protected readonly context: ToolContext;
  #request: AbortController | null = null;

  constructor(context: ToolContext, filters: boolean) {
    this.context = context;
    this.proposals = new Proposals(context, filters);
  }

  enter(): void {
    this.proposals.clear();
  }

  leave(): void {
    this.stop();
    this.proposals.clear();
  }

  up(pointer: StagePointer): void {
    if (pointer.button === 0) this.proposals.pick(pointer);
  }

  hover(pointer: StagePointer): void {
    this.proposals.hover(pointer);
  }

  away(): void {
    this.proposals.light(null);
  }

  key({ key, control }: StageKey): boolean {
    if (key === "Enter" && !control) return this.proposals.acceptAll();
    if (key === "Escape") return this.stop() || this.proposals.clear();
    return false;
  }

  /** Give up what is being found. Returns whether something was. */
  stop(): boolean {
    const was = this.#request !== null;
    this.#request?.abort();
    this.#request = null;
    this.busy.set(false);
    return was;
  }

  /** Find objects and propose them. What was being found is given up. */
  protected async find(prompts: Prompt[], ask: (signal: AbortSignal) => Promise<FoundMask[]>): Promise<void> {
    const { announce } = this.context;
    const why = this.context.missing(this.id);
    if (why !== null) {
      announce(why, "error");
      return;
    }
    this.stop();
    const request = new AbortController();
    this.#request = request;
    this.busy.set(true);
    try {
      const masks = await ask(request.signal);
      if (request.signal.aborted) return;
      this.proposals.set(masks, prompts);
      announce(plural("tools.found", this.proposals.state.value.shown.length));
    } catch (error) {
      if (request.signal.aborted) return;
      announce(t("tools.failed", { why: error instanceof Error ? error.message : String(error) }), "error");
    }
    this.#request = null;
    this.busy.set(false);
  }
}
