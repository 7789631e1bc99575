/** Name what to find: one phrase a line or between commas. Scores are compared with a threshold that can be moved while one looks. */

import { FindingTool } from "./finding.ts";
import type { ToolContext } from "./tool.ts";

export class TextTool extends FindingTool {
  readonly id = "text";

  constructor(context: ToolContext) {
    super(context, true);
  }

  /** Find what phrases name. */
  async search(text: string): Promise<void> {
    const phrases = phrasesOf(text);
    if (phrases.length === 0) {
      this.proposals.clear();
      return;
    }
    const prompts = [{ text: phrases }];
    await this.find(prompts, (signal) => this.context.segment(prompts, { signal }));
  }
}

/** The phrases that a person wrote, each once. */
export function phrasesOf(text: string): string[] {
  const phrases = text.split(/[,;\n、，；]/).map((phrase) => phrase.trim());
  return [...new Set(phrases.filter((phrase) => phrase !== ""))];
}
