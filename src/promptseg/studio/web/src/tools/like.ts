/** "Like this": choose objects, click one, or drag a box around an example, and what looks like it is found. */

import { bitmapOf } from "../canvas/bitmaps.ts";
import type { StagePointer } from "../canvas/stage.ts";
import type { ConceptPrompt, FoundMask, SpatialPrompt } from "../model/types.ts";
import { boxBetween, isDrag } from "./dragging.ts";
import { FindingTool } from "./finding.ts";
import type { ToolContext } from "./tool.ts";

/** IoU from which what was found is an object that is there, such as the example itself. */
const SAME = 0.8;

export class LikeTool extends FindingTool {
  readonly id = "like";
  override readonly drags = true;
  #from: StagePointer | null = null;

  constructor(context: ToolContext) {
    super(context, true);
  }

  override leave(): void {
    this.cancel();
    super.leave();
  }

  down(pointer: StagePointer): void {
    if (pointer.button === 0) this.#from = pointer;
  }

  move(pointer: StagePointer): void {
    const { stage } = this.context;
    if (this.#from === null || !isDrag(this.#from.screen, pointer.screen)) return;
    stage.setMarks([{ kind: "box", box: boxBetween(this.#from.at, pointer.at, stage.viewport.image) }]);
  }

  override up(pointer: StagePointer): void {
    const from = this.#from;
    this.cancel();
    if (from === null) return;
    const { stage, document } = this.context;
    if (isDrag(from.screen, pointer.screen)) {
      const box = boxBetween(from.at, pointer.at, stage.viewport.image);
      if (box[2] - box[0] >= 1 && box[3] - box[1] >= 1) void this.search([{ box }], this.context.label.value);
      return;
    }
    if (this.proposals.pick(pointer)) return;
    const uid = stage.objectsAt(pointer.at)[0];
    const object = uid === undefined ? undefined : document.get(uid);
    if (object !== undefined) void this.search([{ mask: object.mask }], object.label);
  }

  override hover(pointer: StagePointer): void {
    const { stage } = this.context;
    stage.setHovered(stage.proposalAt(pointer.at) ?? stage.objectsAt(pointer.at)[0] ?? null);
  }

  cancel(): void {
    if (this.#from === null) return;
    this.#from = null;
    this.context.stage.setMarks([]);
  }

  /** Find what is like the chosen objects, if there are any. */
  searchChosen(): void {
    const { document, selection } = this.context;
    const chosen = document.objects.filter((object) => selection.value.has(object.uid));
    if (chosen.length === 0) return;
    const examples = chosen.map(({ mask }) => ({ mask }));
    void this.search(examples, chosen[0]!.label);
  }

  /** Find what is like some examples of this image. What is found gets the label of the example. */
  async search(examples: SpatialPrompt[], label: string | null): Promise<void> {
    const concept: ConceptPrompt["concept"] = { examples: examples.map((prompt) => ({ prompt })) };
    if (label !== null) concept.label = label;
    const prompts = [{ concept }];
    await this.find(prompts, async (signal) => this.withoutObjects(await this.context.segment(prompts, { signal })));
  }

  private withoutObjects(masks: readonly FoundMask[]): FoundMask[] {
    const there = this.context.document.objects.map((object) => bitmapOf(object.mask));
    return masks.filter((mask) => {
      const found = bitmapOf(mask.segmentation);
      return !there.some((object) => object.iou(found) >= SAME);
    });
  }
}
