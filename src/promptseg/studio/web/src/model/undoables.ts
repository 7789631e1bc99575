import { Problem } from "./problem.ts";
import { Signal } from "./signal.ts";
import { Turns, type Way } from "./turns.ts";

/** What a person did beside the objects of one image, as an import or a change of the labels. */
export interface Undoable {
  /** For "Undo …". */
  name: string;
  /** Both reject where it is not possible, and say why. */
  undo: () => Promise<void>;
  redo: () => Promise<void>;
}

interface Step {
  undoable: Undoable;
  turn: number;
}

/** Undoables that are kept. */
const MOST = 20;

/** Undo and redo of what undoables did, in turn with the histories of images. */
export class Undoables {
  /** Set to a new value when another undoable can be undone or made again. */
  readonly changed = new Signal({});
  private readonly steps: Record<Way, Step[]> = { undo: [], redo: [] };
  private going: Promise<void> = Promise.resolve();

  constructor(private readonly turns: Turns) {}

  /** Takes in what was done. */
  done(undoable: Undoable): void {
    this.steps.undo = [...this.steps.undo, { undoable, turn: this.turns.next(true) }].slice(-MOST);
    this.steps.redo = [];
    this.changed.set({});
  }

  /** The undoable that is next, unless the step of a history is, which has this turn. */
  next(way: Way, turn: number): Undoable | null {
    const step = this.steps[way].at(-1);
    const isNext = step !== undefined && step.turn > turn && (way === "undo" || this.turns.isLatest(step.turn));
    return isNext ? step.undoable : null;
  }

  /** Undoes one, or makes it again, after what is on its way. Rejects where that is not possible; then it can only be tried again if that may help. */
  go(way: Way, undoable: Undoable): Promise<void> {
    const step = this.steps[way].find((each) => each.undoable === undoable);
    if (step === undefined) return this.going;
    this.steps[way] = this.steps[way].filter((each) => each !== step);
    this.changed.set({});
    const work = this.going.then(undoable[way]).then(
      () => this.put(way === "undo" ? "redo" : "undo", { undoable, turn: this.turns.next(false) }),
      (error: unknown) => {
        if (!(error instanceof Problem) || error.isPassing) this.put(way, step);
        throw error;
      },
    );
    this.going = work.catch(() => undefined);
    return work;
  }

  private put(way: Way, step: Step): void {
    this.steps[way].push(step);
    this.changed.set({});
  }
}
