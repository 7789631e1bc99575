/** A context for tools that has no DOM, and whose model answers when a test says so. */

import type { DraftStyle, Mark, ShownObject, StageKey, StagePointer, Stroke } from "../../src/canvas/stage.ts";
import { Viewport } from "../../src/canvas/viewport.ts";
import { bitmapOf } from "../../src/canvas/bitmaps.ts";
import { DocumentModel } from "../../src/model/document.ts";
import { History } from "../../src/model/history.ts";
import type { Bitmap } from "../../src/model/mask.ts";
import { Signal } from "../../src/model/signal.ts";
import type { EverythingPrompt, FoundMask, Job, Point, Prompt, StudioObject } from "../../src/model/types.ts";
import * as naive from "../model/naive.ts";
import type { SegmentOptions, ToolContext, ToolId, ToolStage } from "../../src/tools/tool.ts";

export const WIDTH = 200;
export const HEIGHT = 100;

export function disc(x: number, y: number, radius: number): Bitmap {
  return naive.disc([WIDTH, HEIGHT], [x, y], radius);
}

export function found(mask: Bitmap, score: number | null = 0.9, label: string | null = null): FoundMask {
  const { area, box } = mask;
  return { segmentation: mask.toRuns(), area, box: box ?? [0, 0, 0, 0], score, label, prompt_index: 0, score_kind: null };
}

export function object(uid: string, mask: Bitmap, values: Partial<StudioObject> = {}): StudioObject {
  return {
    uid,
    label: null,
    mask: mask.toRuns(),
    score: 0.5,
    source: "model",
    locked: false,
    hidden: false,
    color: null,
    attributes: {},
    prompts: [],
    ...values,
  };
}

/** What a stage would show. One pixel of the image is one of the screen, from its corner. */
export class FakeStage implements ToolStage {
  readonly viewport = new Viewport();
  pans = false;
  keysDrag = false;
  draft: { bitmap: Bitmap; style: DraftStyle | undefined; lifted: string | null } | null = null;
  marks: readonly Mark[] = [];
  ring: { at: Point; radius: number } | null = null;
  stroke: Stroke | null = null;
  proposals: readonly ShownObject[] = [];
  hovered: string | null = null;

  constructor(private readonly objects: () => readonly StudioObject[]) {
    this.viewport.setScreen({ width: WIDTH, height: HEIGHT }, 1);
    this.viewport.setImage({ width: WIDTH, height: HEIGHT });
    this.viewport.zoomTo(1);
  }

  setDraft(bitmap: Bitmap | null, style?: DraftStyle, lifted: string | null = null): void {
    this.draft = bitmap === null ? null : { bitmap, style, lifted };
  }

  setStroke(stroke: Stroke | null): void {
    this.stroke = stroke;
  }

  extendStroke(points: readonly Point[]): void {
    this.stroke?.path.push(...points);
  }

  setMarks(marks: readonly Mark[]): void {
    this.marks = marks;
  }

  setRing(ring: { at: Point; radius: number } | null): void {
    this.ring = ring;
  }

  setProposals(proposals: readonly ShownObject[]): void {
    this.proposals = proposals;
  }

  setHovered(uid: string | null): void {
    this.hovered = uid;
  }

  objectsAt([x, y]: Point): string[] {
    const there = this.objects().filter(({ mask, hidden }) => !hidden && bitmapOf(mask).has(Math.round(x), Math.round(y)));
    return there.map(({ uid }) => uid).reverse();
  }

  proposalAt([x, y]: Point): string | null {
    const there = this.proposals.filter(({ bitmap }) => bitmap.has(Math.round(x), Math.round(y)));
    return there.sort((a, b) => a.bitmap.area - b.bitmap.area)[0]?.uid ?? null;
  }
}

export interface Asked {
  prompts: Prompt[];
  options: SegmentOptions;
  answer: (masks: FoundMask[]) => Promise<void>;
  fail: (why: string) => Promise<void>;
}

export class FakeContext implements ToolContext {
  readonly document: DocumentModel;
  readonly history: History;
  readonly stage: FakeStage;
  readonly selection = new Signal<ReadonlySet<string>>(new Set());
  readonly label = new Signal<string | null>("thing");
  readonly settings = {
    brushRadius: new Signal(5),
    pressure: new Signal(false),
    preview: new Signal(true),
    threshold: new Signal(0.5),
  };
  /** Questions for the mask of prompts, and those for the other masks that the model proposes. */
  readonly asked: Asked[] = [];
  readonly askedForOthers: Asked[] = [];
  readonly said: string[] = [];
  readonly errors: string[] = [];
  readonly absent = new Set<ToolId>();
  job: ((job: Job) => void) | null = null;

  constructor(objects: StudioObject[] = []) {
    this.document = new DocumentModel({ version: 1, state: "started", objects });
    this.history = new History(this.document);
    this.stage = new FakeStage(() => this.document.objects);
  }

  segment(prompts: Prompt[], options: SegmentOptions = {}): Promise<FoundMask[]> {
    return new Promise((resolve, reject) => {
      options.signal?.addEventListener("abort", () => reject(new Error("aborted")));
      const answer = (masks: FoundMask[]): Promise<void> => (resolve(masks), settled());
      const fail = (why: string): Promise<void> => (reject(new Error(why)), settled());
      (options.candidates === true ? this.askedForOthers : this.asked).push({ prompts, options, answer, fail });
    });
  }

  everything(prompt: EverythingPrompt, progress: (job: Job) => void, signal: AbortSignal): Promise<FoundMask[]> {
    this.job = progress;
    return this.segment([prompt], { signal });
  }

  missing = (tool: ToolId): string | null => (this.absent.has(tool) ? `nothing for ${tool}` : null);

  colorOf = (label: string | null): string => (label === null ? "#888888" : "#00aa00");

  announce = (text: string, kind: "info" | "notice" | "error" = "info"): void => {
    (kind === "error" ? this.errors : this.said).push(text);
  };

  /** The newest question to the model. */
  get last(): Asked {
    return this.asked.at(-1)!;
  }
}

/** Let promises go on that are settled. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

export function pointer(x: number, y: number, values: Partial<StagePointer> = {}): StagePointer {
  const at: Point = [x, y];
  return { at, screen: at, path: [at], button: 0, shift: false, alt: false, control: false, pressure: 0.5, kind: "mouse", ...values };
}

export function key(name: string, values: Partial<StageKey> = {}): StageKey {
  return { key: name, shift: false, alt: false, control: false, ...values };
}
