/** All objects of the image, to pick from. It takes a while, so it is a job that tells how far it is. */

import { Signal } from "../model/signal.ts";
import type { EverythingPrompt, Job } from "../model/types.ts";
import { FindingTool } from "./finding.ts";
import type { ToolContext } from "./tool.ts";

export class EverythingTool extends FindingTool {
  readonly id = "everything";
  readonly job = new Signal<Job | null>(null);

  constructor(context: ToolContext) {
    super(context, false);
  }

  /** Begin. Points a side make it finer, and take longer. */
  async run(pointsPerSide?: number): Promise<void> {
    const prompt: EverythingPrompt = { everything: pointsPerSide === undefined ? {} : { points_per_side: pointsPerSide } };
    await this.find([prompt], (signal) => this.context.everything(prompt, (job) => this.job.set(job), signal));
    this.job.set(null);
  }
}
