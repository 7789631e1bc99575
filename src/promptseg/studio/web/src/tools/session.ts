/** Prompting one object by points and a box, until it is accepted or dropped. The point tool and the box tool share it. */

import { bitmapOf } from "../canvas/bitmaps.ts";
import type { DraftStyle, Mark } from "../canvas/stage.ts";
import { plural, t } from "../i18n/index.ts";
import { Signal } from "../model/signal.ts";
import type { Box, FoundMask, Point, RunLengths, SpatialPrompt, StudioObject } from "../model/types.ts";
import { newObject } from "./objects.ts";
import { Previews } from "./previews.ts";
import type { ToolContext } from "./tool.ts";

/** What a panel shows of it. */
export interface SessionState {
  /** Nothing; a mask under the pointer; or a mask that can be accepted. */
  phase: "idle" | "preview" | "draft";
  points: number;
  hasBox: boolean;
  /** How many masks there are to choose from, and which one is shown, from 0. */
  candidates: number;
  candidate: number;
  score: number | null;
  /** Whether an answer is awaited. */
  busy: boolean;
}

const IDLE: SessionState = { phase: "idle", points: 0, hasBox: false, candidates: 0, candidate: 0, score: null, busy: false };

/** What a mask is for, as it was when it was accepted. */
interface Purpose {
  /** The object that is refined; null for a new one. */
  object: StudioObject | null;
  /** The label of a new one. */
  label: string | null;
  /** Where it is kept: that of the image that was shown. */
  history: ToolContext["history"];
}

/** What was prompted up to a click, and what came of it. */
interface Step {
  points: Point[];
  foreground: boolean[];
  box: Box | null;
  /** The earlier mask, which the prompt refines. */
  earlier: RunLengths | null;
  candidates: FoundMask[];
  candidate: number;
}

const NOTHING: Step = { points: [], foreground: [], box: null, earlier: null, candidates: [], candidate: 0 };

export class PromptSession {
  readonly state = new Signal<SessionState>(IDLE);
  /** Whether clicks are points on the background, for fingers, which have no other button. It ends with the object. */
  readonly takesAway = new Signal(false);
  /** How many masks were accepted before their answers came, and are awaited. */
  readonly awaited = new Signal(0);
  readonly #context: ToolContext;
  readonly #previews: Previews;
  #steps: Step[] = [];
  /** The object that is refined; null for a new one. */
  #object: StudioObject | null = null;
  #request: AbortController | null = null;
  /** The request for the other masks of the last answer. */
  #others: AbortController | null = null;
  /** Requests whose prompts were accepted before the answer came, with what they are for, and their ends. */
  readonly #accepted = new Map<AbortController, Purpose>();
  readonly #asking = new Map<AbortController, Promise<void>>();
  #preview: FoundMask | null = null;
  /** Another mask was asked for before the others came. */
  #cyclesNext: 1 | -1 | null = null;

  constructor(context: ToolContext) {
    this.#context = context;
    this.#previews = new Previews(
      async (at, signal) => {
        const masks = await context.segment([{ points: [at], foreground: [true] }], { signal, preview: true });
        return masks[0] ?? null;
      },
      (mask) => this.#showPreview(mask),
    );
    context.label.subscribe(() => this.#recolor());
  }

  /** Whether something was prompted that is neither accepted nor dropped. */
  get active(): boolean {
    return this.#steps.length > 0;
  }

  /** The pointer rests or moves at a point: show what a click there would give. With null, it is gone. */
  hover(at: Point | null): void {
    if (this.active || !this.#context.settings.preview.value) return;
    const { width, height } = this.#context.stage.viewport.image;
    if (at !== null && at[0] >= -0.5 && at[1] >= -0.5 && at[0] < width - 0.5 && at[1] < height - 0.5) {
      this.#previews.at(at);
    } else {
      this.#previews.stop();
      if (this.#preview !== null) this.#showPreview(null);
    }
  }

  /** Go on with an object that is kept: the points that it was made of count again, and its mask. */
  refine(object: StudioObject): void {
    this.drop();
    const last = object.prompts.filter((prompt): prompt is SpatialPrompt => "points" in prompt || "box" in prompt).at(-1);
    const points = last?.points ?? [];
    const foreground = last?.foreground ?? points.map(() => true);
    const mask: FoundMask = {
      segmentation: object.mask,
      area: bitmapOf(object.mask).area,
      box: bitmapOf(object.mask).box ?? [0, 0, 0, 0],
      score: object.score,
      label: object.label,
      prompt_index: null,
      score_kind: null,
    };
    this.#object = object;
    this.#steps = [{ ...NOTHING, points, foreground, box: last?.box ?? null, candidates: [mask] }];
    this.#show();
  }

  /** Add a point on the object, or on the background, and ask for the mask anew. */
  addPoint(at: Point, foreground: boolean): void {
    const last = this.#steps.at(-1) ?? NOTHING;
    // Until the answer is there, the mask of the moment stays; at first, that is the preview.
    const shown = last.candidates[last.candidate] ?? (foreground ? this.#preview : null);
    this.#begin({
      ...last,
      points: [...last.points, at],
      foreground: [...last.foreground, foreground],
      earlier: last.candidates[last.candidate]?.segmentation ?? last.earlier,
      candidates: shown === null ? [] : [shown],
      candidate: 0,
    });
  }

  /** Prompt by a box, in place of the one before. */
  setBox(box: Box): void {
    this.#begin({ ...NOTHING, box });
  }

  /** Show the next candidate, or the one before. Returns whether there is another. */
  cycle(by: 1 | -1): boolean {
    const last = this.#steps.at(-1);
    if (last !== undefined && last.candidates.length < 2 && (this.#request ?? this.#others) !== null) {
      this.#cyclesNext = by; // The others are on their way.
      return true;
    }
    if (last === undefined || last.candidates.length < 2) return false;
    const count = last.candidates.length;
    const candidate = (last.candidate + by + count) % count;
    this.#steps[this.#steps.length - 1] = { ...last, candidate };
    this.#show();
    this.#context.announce(t("tools.candidate", { at: candidate + 1, of: count }));
    return true;
  }

  /** Take the last point, or the box, back. Returns whether there was one. */
  back(): boolean {
    if (!this.active) return false;
    this.#stopAsking();
    this.#steps.pop();
    if (this.#steps.length > 0) this.#show();
    else this.drop();
    return true;
  }

  /** Keep the mask that is shown. Where its answer is awaited, it is kept when it comes. Returns whether there is one, or will be. */
  accept(): boolean {
    const last = this.#steps.at(-1);
    if (last === undefined) return false;
    if (this.#request !== null) {
      // It goes on by itself, so that the next object can be prompted at once.
      this.#accepted.set(this.#request, this.#purpose);
      this.awaited.set(this.#accepted.size);
      this.#request = null;
      this.drop();
      return true;
    }
    const found = last.candidates[last.candidate];
    const isUnchanged = this.#object !== null && found?.segmentation === this.#object.mask;
    if (found !== undefined && !isUnchanged) this.#keep(last, found, this.#purpose);
    this.drop();
    return true;
  }

  /** Wait for the answers to what was accepted before they came. */
  async finish(): Promise<void> {
    await Promise.all([...this.#accepted.keys()].flatMap((request) => this.#asking.get(request) ?? []));
  }

  /** Forget what was prompted. Returns whether there was something. */
  drop(): boolean {
    const was = this.active || this.#preview !== null;
    this.#stopAsking();
    this.#previews.stop();
    this.#steps = [];
    this.#object = null;
    this.#preview = null;
    this.takesAway.set(false);
    this.#context.stage.setDraft(null);
    this.#context.stage.setMarks([]);
    this.state.set(IDLE);
    return was;
  }

  /** Show the prompt again, after something else was drawn. */
  redraw(): void {
    if (this.active) this.#show();
    else this.drop();
  }

  #begin(step: Step): void {
    this.#previews.stop();
    this.#preview = null;
    this.#steps.push(step);
    this.#stopAsking();
    const request = new AbortController();
    this.#request = request;
    this.#show();
    const asking = this.#ask(step, request).finally(() => {
      this.#asking.delete(request);
      this.#accepted.delete(request);
      this.awaited.set(this.#accepted.size);
    });
    this.#asking.set(request, asking);
  }

  async #ask(step: Step, request: AbortController): Promise<void> {
    const isLast = (): boolean => this.#request === request && !request.signal.aborted;
    try {
      const masks = await this.#context.segment([promptOf(step)], { signal: request.signal });
      const purpose = this.#accepted.get(request);
      if (purpose !== undefined) this.#answeredLate(step, masks, purpose);
      if (!isLast()) return;
      this.#request = null;
      this.#answered(step, masks);
    } catch (error) {
      if (!isLast() && !this.#accepted.has(request)) return;
      if (isLast()) {
        this.#request = null;
        this.back();
      }
      this.#context.announce(t("tools.failed", { why: error instanceof Error ? error.message : String(error) }), "error");
    }
  }

  #answered(step: Step, masks: FoundMask[]): void {
    const candidates = masks.filter(hasPixels);
    const answered = { ...step, candidates, candidate: 0 };
    this.#steps[this.#steps.length - 1] = answered;
    this.#show();
    if (candidates.length === 0) this.#context.announce(t("tools.nothing"));
    else void this.#askForOthers(answered);
  }

  /** Ask for the other masks that the model proposes. The one that is shown stays the first: it is what the library gives for the prompt. */
  async #askForOthers(step: Step): Promise<void> {
    const request = new AbortController();
    this.#others = request;
    try {
      const masks = await this.#context.segment([promptOf(step)], { candidates: true, signal: request.signal });
      if (request.signal.aborted || this.#steps.at(-1) !== step) return;
      const shown = new Set(step.candidates.map(({ segmentation }) => segmentation.counts));
      const others = best(masks).filter(({ segmentation }) => !shown.has(segmentation.counts));
      this.#steps[this.#steps.length - 1] = { ...step, candidates: [...step.candidates, ...others] };
      this.#others = null;
      this.#show();
      if (this.#cyclesNext !== null) this.cycle(this.#cyclesNext);
    } catch {
      // There are no others then. What is shown is good.
    }
    if (!request.signal.aborted) this.#others = this.#cyclesNext = null;
  }

  #answeredLate(step: Step, masks: FoundMask[], purpose: Purpose): void {
    const found = masks.find(hasPixels);
    if (found === undefined) this.#context.announce(t("tools.nothing"));
    else this.#keep(step, found, purpose);
  }

  #stopAsking(): void {
    this.#request?.abort();
    this.#others?.abort();
    this.#request = this.#others = this.#cyclesNext = null;
  }

  #keep(step: Step, { segmentation: mask, score }: FoundMask, { object, label, history }: Purpose): void {
    const { selection, announce } = this.#context;
    const prompt = promptOf(step); // With the earlier mask, so that code of it gives this mask.
    const put: StudioObject =
      object === null
        ? newObject(this.#context, { mask, score, label, source: "model", prompts: [prompt] })
        : { ...object, mask, score, source: "model", prompts: [prompt] };
    const isShown = history.do({ put: [put], remove: [] }, t(object === null ? "tools.history.add" : "tools.history.refine"));
    if (isShown === false) return; // Another image is shown by now.
    selection.set(new Set([put.uid]));
    announce(plural("tools.kept", this.#context.document.objects.length));
  }

  get #purpose(): Purpose {
    return { object: this.#object, label: this.#context.label.value, history: this.#context.history };
  }

  #showPreview(mask: FoundMask | null): void {
    if (this.active) return;
    this.#preview = mask;
    this.#draw("preview", mask);
    this.state.set(mask === null ? IDLE : { ...IDLE, phase: "preview", score: mask.score, candidates: 1 });
  }

  #show(): void {
    const last = this.#steps.at(-1) ?? NOTHING;
    const { points, foreground, box, candidates, candidate } = last;
    const marks: Mark[] = points.map((at, index) => ({ kind: "point", at, foreground: foreground[index] ?? true }));
    if (box !== null) marks.unshift({ kind: "box", box });
    this.#context.stage.setMarks(marks);
    const found = candidates[candidate] ?? null;
    this.#draw("draft", found);
    const score = found?.score ?? null;
    const busy = this.#request !== null;
    this.state.set({ phase: "draft", points: points.length, hasBox: box !== null, candidates: candidates.length, candidate, score, busy });
  }

  /** Draw in the color of the label that the object would get now. */
  #recolor(): void {
    if (this.active) this.#show();
    else if (this.#preview !== null) this.#draw("preview", this.#preview);
  }

  #draw(kind: DraftStyle["kind"], mask: FoundMask | null): void {
    const { stage, colorOf, label } = this.#context;
    const color = this.#object?.color ?? colorOf(this.#object === null ? label.value : this.#object.label);
    stage.setDraft(mask === null ? null : bitmapOf(mask.segmentation), { kind, color }, this.#object?.uid ?? null);
  }
}

/** The masks that have pixels, the best first. */
function best(masks: readonly FoundMask[]): FoundMask[] {
  return masks.filter(hasPixels).sort((a, b) => (b.score ?? 0) - (a.score ?? 0));
}

function promptOf({ points, foreground, box, earlier }: Step): SpatialPrompt {
  const prompt: SpatialPrompt = {};
  if (points.length > 0) Object.assign(prompt, { points, foreground });
  if (box !== null) prompt.box = box;
  if (earlier !== null) prompt.mask = earlier;
  return prompt;
}

function hasPixels({ area }: FoundMask): boolean {
  return area > 0;
}
