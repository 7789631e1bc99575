/** What a tool is, and what it may use. Tools know no DOM: tests drive them with a context of their own. */

import type { Stage, StageKey, StagePointer } from "../canvas/stage.ts";
import type { Readable, Signal } from "../model/signal.ts";
import type { Change, EverythingPrompt, FoundMask, Job, Prompt, StudioObject } from "../model/types.ts";

export const TOOLS = ["select", "pan", "point", "box", "brush", "eraser", "lasso", "text", "like", "everything", "salient"] as const;

export type ToolId = (typeof TOOLS)[number];

/** The tools that ask a model. */
export const NEEDS_MODEL: ReadonlySet<ToolId> = new Set(["point", "box", "text", "like", "everything", "salient"]);

/** What tools use of the stage. */
export type ToolStage = Pick<
  Stage,
  | "viewport"
  | "setDraft"
  | "setStroke"
  | "extendStroke"
  | "setMarks"
  | "setRing"
  | "setProposals"
  | "setHovered"
  | "objectsAt"
  | "proposalAt"
  | "pans"
  | "keysDrag"
>;

/** What tools use of the document. */
export interface ToolDocument {
  /** The first is at the back. */
  readonly objects: readonly StudioObject[];
  get(uid: string): StudioObject | undefined;
}

export interface SegmentOptions {
  /** Ask for all masks that the model proposes for a spatial prompt. */
  candidates?: boolean;
  /** Whether it is for a mask that is shown before a click, which is not worth a second try. */
  preview?: boolean;
  /** Aborted when nobody waits for the answer anymore. */
  signal?: AbortSignal;
}

/** What a person sets, and what is kept for the next time. */
export interface ToolSettings {
  /** Pixels of the image. */
  brushRadius: Signal<number>;
  /** Whether the pressure of a pen makes the brush larger and smaller. */
  pressure: Signal<boolean>;
  /** Whether the mask under the resting pointer is shown. */
  preview: Signal<boolean>;
  /** The score from which found objects are shown. */
  threshold: Signal<number>;
}

/** All that a tool may use. The page and the widget each make one. */
export interface ToolContext {
  readonly stage: ToolStage;
  readonly document: ToolDocument;
  /** That of the image that is shown. It stays that of this image, also when another one is shown, and then says so with false. */
  readonly history: { do(change: Change, name: string): unknown };
  readonly selection: Signal<ReadonlySet<string>>;
  /** The label that new objects get. */
  readonly label: Readable<string | null>;
  readonly settings: ToolSettings;
  /** Masks of prompts. Without prompts: what the detector finds, which is how salient objects are found. Rejects with what went wrong. */
  segment(prompts: Prompt[], options?: SegmentOptions): Promise<FoundMask[]>;
  /** Everything, as a job that tells how far it is. */
  everything(prompt: EverythingPrompt, progress: (job: Job) => void, signal: AbortSignal): Promise<FoundMask[]>;
  /** Why a tool cannot be used now, as a sentence for people; null where it can. */
  missing: (tool: ToolId) => string | null;
  /** "#rrggbb" of a label, or of objects that have none. */
  colorOf: (label: string | null) => string;
  /** Tell screen readers what happened; notices and errors are also shown. */
  announce: (text: string, kind?: "info" | "notice" | "error") => void;
}

/** A gesture is `down`, some `move`, and `up` or `cancel`. `hover` is a move without a button. */
export interface Tool {
  readonly id: ToolId;
  /** Whether it draws from `down` to `up`, so that keys must begin and end it. */
  readonly drags: boolean;
  /** Whether a click with the other button means something to it now. Otherwise it opens the menu. */
  readonly takesOther?: boolean;
  enter(): void;
  /** What was made and not dropped is kept. */
  leave(): void;
  down?(pointer: StagePointer): void;
  move?(pointer: StagePointer): void;
  up?(pointer: StagePointer): void;
  cancel?(): void;
  hover?(pointer: StagePointer): void;
  /** The pointer has left the stage. */
  away?(): void;
  /** Returns whether the tool used the key. */
  key?(key: StageKey): boolean;
}
