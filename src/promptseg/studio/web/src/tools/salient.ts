/** What stands out of the image. */

import { FindingTool } from "./finding.ts";
import type { ToolContext } from "./tool.ts";

export class SalientTool extends FindingTool {
  readonly id = "salient";

  constructor(context: ToolContext) {
    super(context, false);
  }

  /** Find it. Without prompts, a detector finds its classes; that of a salient detector is what stands out. */
  async run(): Promise<void> {
    await this.find([], (signal) => this.context.segment([], { signal }));
  }
}
