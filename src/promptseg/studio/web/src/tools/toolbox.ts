/** All tools of a stage, of which one is used. */

import type { Stage, StageKey } from "../canvas/stage.ts";
import { Signal, type Readable } from "../model/signal.ts";
import { BoxTool } from "./box.ts";
import { EverythingTool } from "./everything.ts";
import { FindingTool } from "./finding.ts";
import { LassoTool } from "./lasso.ts";
import { LikeTool } from "./like.ts";
import { PaintTool } from "./painting.ts";
import { PanTool } from "./pan.ts";
import { PointTool } from "./point.ts";
import { SalientTool } from "./salient.ts";
import { SelectTool } from "./select.ts";
import { TextTool } from "./text.ts";
import type { Tool, ToolContext, ToolId } from "./tool.ts";

export class Toolbox {
  readonly select: SelectTool;
  readonly point: PointTool;
  readonly box: BoxTool;
  readonly text: TextTool;
  readonly like: LikeTool;
  readonly everything: EverythingTool;
  readonly salient: SalientTool;
  readonly #context: ToolContext;
  readonly #tools: ReadonlyMap<ToolId, Tool>;
  readonly #current: Signal<ToolId>;

  constructor(context: ToolContext, first: ToolId = "point") {
    this.#context = context;
    this.select = new SelectTool(context);
    this.point = new PointTool(context);
    this.box = new BoxTool(context);
    this.text = new TextTool(context);
    this.like = new LikeTool(context);
    this.everything = new EverythingTool(context);
    this.salient = new SalientTool(context);
    const others = [new PanTool(context), new PaintTool(context, "brush"), new PaintTool(context, "eraser"), new LassoTool(context)];
    const tools: Tool[] = [this.select, this.point, this.box, this.text, this.like, this.everything, this.salient, ...others];
    this.#tools = new Map(tools.map((tool) => [tool.id, tool]));
    this.#current = new Signal(first);
    this.#enter();
  }

  /** The tool that is used. */
  get current(): Readable<ToolId> {
    return this.#current;
  }

  /** Use another tool. What the one before has made is kept. A tool whose model is not there says so. */
  use(id: ToolId): void {
    if (id === this.#current.value) return;
    this.#tool.leave();
    this.#current.set(id);
    this.#enter();
    const why = this.#context.missing(id);
    if (why !== null)
      this.#context.announce(why, this.#tool instanceof FindingTool ? "info" : "error"); // Panels of those tell it.
    else if (id === "like") this.like.searchChosen();
  }

  /** Keep what is being made, as before another image is opened. What was accepted before its answer came is waited for. */
  async settle(): Promise<void> {
    this.#tool.leave();
    this.#enter();
    await Promise.all([this.point.session.finish(), this.box.session.finish()]);
  }

  /** Whether an object is being prompted that is neither accepted nor dropped. */
  get isDrafting(): boolean {
    return this.point.session.active || this.box.session.active;
  }

  /** Give a key to the tool that is used. Returns whether it used the key. */
  key(key: StageKey): boolean {
    return this.#tool.key?.(key) ?? false;
  }

  /** Give the tools what happens on a stage. Returns what ends it. */
  attach(stage: Stage): () => void {
    stage.onKey = (key) => this.key(key);
    stage.takesOther = () => this.#tool.takesOther === true;
    const stops = [
      stage.on("down", (pointer) => this.#tool.down?.(pointer)),
      stage.on("move", (pointer) => this.#tool.move?.(pointer)),
      stage.on("up", (pointer) => this.#tool.up?.(pointer)),
      stage.on("cancel", () => this.#tool.cancel?.()),
      stage.on("hover", (pointer) => this.#tool.hover?.(pointer)),
      stage.on("leave", () => this.#tool.away?.()),
    ];
    return () => stops.forEach((stop) => stop());
  }

  get #tool(): Tool {
    const tool = this.#tools.get(this.#current.value);
    if (tool === undefined) throw new Error(`there is no tool "${this.#current.value}"`);
    return tool;
  }

  #enter(): void {
    this.#context.stage.keysDrag = this.#tool.drags;
    this.#tool.enter();
  }
}
