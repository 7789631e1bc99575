/** Masks that were found and can be picked: by text, by an example, everything, salient ones. */

import { bitmapOf } from "../canvas/bitmaps.ts";
import type { StagePointer } from "../canvas/stage.ts";
import { plural, t } from "../i18n/index.ts";
import type { Stop } from "../model/emitter.ts";
import { Signal } from "../model/signal.ts";
import type { FoundMask, Prompt } from "../model/types.ts";
import { newObject } from "./objects.ts";
import type { ToolContext } from "./tool.ts";

export interface Proposal {
  /** Its uid on the stage. */
  id: string;
  mask: FoundMask;
  /** What found it. */
  prompts: Prompt[];
}

/** What a panel shows of them. */
export interface ProposalsState {
  /** All that were found, the best first. */
  found: readonly Proposal[];
  /** Those with a score that reaches the threshold. */
  shown: readonly Proposal[];
}

const NONE: ProposalsState = { found: [], shown: [] };
/** IoU above which what is found is taken for an object of the same label that is there. */
const SAME = 0.8;
let made = 0;

export class Proposals {
  readonly state = new Signal<ProposalsState>(NONE);
  readonly #context: ToolContext;
  /** Whether scores are compared with the threshold: those of everything mode are of another kind. */
  readonly #filters: boolean;
  readonly #stop: Stop;

  constructor(context: ToolContext, filters: boolean) {
    this.#context = context;
    this.#filters = filters;
    this.#stop = context.settings.threshold.subscribe(() => this.#show(this.state.value.found));
  }

  /** Show what was found by prompts, in place of what was shown. */
  set(masks: readonly FoundMask[], prompts: Prompt[]): void {
    const found = masks.filter(({ area }) => area > 0).map((mask) => ({ id: `proposal-${++made}`, mask, prompts }));
    this.#show(found.sort((a, b) => (b.mask.score ?? 0) - (a.mask.score ?? 0)));
  }

  /** Light up the one under the pointer: the smallest, as small ones lie on large ones. */
  hover(pointer: StagePointer): void {
    this.light(this.#context.stage.proposalAt(pointer.at));
  }

  /** Light one up, or none. */
  light(id: string | null): void {
    this.#context.stage.setHovered(id);
  }

  /** Pick the one under the pointer. Returns whether there is one. */
  pick(pointer: StagePointer): boolean {
    const id = this.#context.stage.proposalAt(pointer.at);
    if (id === null) return false;
    this.accept([id]);
    return true;
  }

  /** Keep some of them as objects: one entry of the history. Returns how many that were. */
  accept(ids: readonly string[]): number {
    const { history, selection, announce } = this.#context;
    const { found } = this.state.value;
    const taken = found.filter(({ id }) => ids.includes(id));
    if (taken.length === 0) return 0;
    // The largest is put at the back, so that each can be clicked.
    const put = [...taken].sort((a, b) => b.mask.area - a.mask.area).map(({ mask, prompts }) => this.#object(mask, prompts));
    history.do({ put, remove: [] }, plural("tools.history.addFound", put.length));
    this.#show(found.filter(({ id }) => !ids.includes(id)));
    selection.set(new Set(put.map(({ uid }) => uid)));
    announce(plural("tools.keptMany", put.length));
    return put.length;
  }

  /** Keep all that are shown, but those that are there already, which are forgotten. Returns whether some were shown. */
  acceptAll(): boolean {
    const { found, shown } = this.state.value;
    const there = new Set(shown.filter((proposal) => this.#isThere(proposal)));
    const fresh = shown.filter((proposal) => !there.has(proposal));
    if (there.size > 0) this.#show(found.filter((proposal) => !there.has(proposal)));
    this.accept(fresh.map(({ id }) => id));
    if (there.size > 0) {
      const values = { added: plural("tools.keptMany", fresh.length), there: plural("tools.already", there.size) };
      this.#context.announce(t("tools.keptSome", values), "notice");
    }
    return shown.length > 0;
  }

  /** Forget them. Returns whether there were some. */
  clear(): boolean {
    const were = this.state.value.found.length > 0;
    this.#show([]);
    return were;
  }

  close(): void {
    this.clear();
    this.#stop();
  }

  #isThere({ mask }: Proposal): boolean {
    const label = this.#labelOf(mask);
    const bitmap = bitmapOf(mask.segmentation);
    const alike = this.#context.document.objects.filter((object) => object.label === label);
    return alike.some((object) => bitmapOf(object.mask).iou(bitmap) > SAME);
  }

  #labelOf(mask: FoundMask): string | null {
    return mask.label ?? this.#context.label.value;
  }

  #object(mask: FoundMask, prompts: Prompt[]): ReturnType<typeof newObject> {
    const label = this.#labelOf(mask);
    return newObject(this.#context, { mask: mask.segmentation, score: mask.score, source: "model", label, prompts });
  }

  #show(found: readonly Proposal[]): void {
    const { stage, settings, colorOf } = this.#context;
    const threshold = settings.threshold.value;
    const shown = this.#filters ? found.filter(({ mask }) => (mask.score ?? 1) >= threshold) : found;
    const back = [...shown].sort((a, b) => b.mask.area - a.mask.area);
    stage.setProposals(back.map(({ id, mask }) => ({ uid: id, bitmap: bitmapOf(mask.segmentation), color: colorOf(this.#labelOf(mask)) })));
    stage.setHovered(null);
    this.state.set({ found, shown });
  }
}
