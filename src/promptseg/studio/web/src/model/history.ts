import { applied, isNothing, sameObject, touched, without } from "./changes.ts";
import type { DocumentModel } from "./document.ts";
import { Signal, type Readable } from "./signal.ts";
import { Turns, type Way } from "./turns.ts";
import type { Change } from "./types.ts";

/** Steps that are kept. */
const MOST_STEPS = 500;

interface Step {
  name: string;
  redo: Change;
  undo: Change;
  /** When it was done, undone or made again last. */
  turn: number;
}

/** What was undone or redone. `skipped` objects were changed elsewhere since, and stay as they are. */
export interface Done {
  name: string;
  skipped: string[];
}

/** Names of the steps that can be undone and redone next, or null. */
export interface Steps {
  undo: string | null;
  redo: string | null;
}

/**
 * Undo and redo of what this page did to a document.
 *
 * Other pages may change the document too. What they changed is never undone here: an object is only changed back if it still is as the step
 * left it.
 */
export class History {
  private past: Step[] = [];
  private future: Step[] = [];
  private readonly current = new Signal<Steps>({ undo: null, redo: null });

  constructor(
    private readonly document: DocumentModel,
    private readonly turns = new Turns(),
    private readonly most = MOST_STEPS,
  ) {}

  get steps(): Readable<Steps> {
    return this.current;
  }

  /** The turn of the step that is undone or made again next; 0 for none. */
  turnOf(way: Way): number {
    return (way === "undo" ? this.past : this.future).at(-1)?.turn ?? 0;
  }

  /** Makes a change, as a step that can be undone. `name` is what the person did, for "Undo …". */
  do(change: Change, name: string): void {
    const redo = this.begun(change);
    const undo = this.document.apply(redo);
    if (isNothing(undo)) return;
    this.past = [...this.past, { name, redo, undo, turn: this.turns.next(true) }].slice(-this.most);
    this.future = [];
    this.tell();
  }

  /** Undoes the last step; null where there is none. */
  undo(): Done | null {
    const step = this.past.pop();
    if (step === undefined) return null;
    this.future.push(step);
    return this.go(step, step.redo, step.undo);
  }

  /** Makes the step again that was undone last; null where there is none. */
  redo(): Done | null {
    const step = this.future.pop();
    if (step === undefined) return null;
    this.past.push(step);
    return this.go(step, step.undo, step.redo);
  }

  /** Goes from what one change left to what the other makes. */
  private go(step: Step, left: Change, change: Change): Done {
    step.turn = this.turns.next(false);
    const skipped = touched(left).filter((uid) => !this.isAsLeft(uid, left));
    const allowed = without(change, new Set(skipped));
    // Where something stays, the state follows from the objects.
    if (skipped.length > 0 || (left.state !== undefined && left.state !== this.document.state)) delete allowed.state;
    this.document.apply(this.begun(allowed));
    this.tell();
    return { name: step.name, skipped };
  }

  private isAsLeft(uid: string, left: Change): boolean {
    return sameObject(
      this.document.get(uid),
      left.put.find((object) => object.uid === uid),
    );
  }

  /**
   * The change with the state that it leads to, by the rule of the server: an image whose objects are changed is begun, and one that has none
   * any more is new.
   */
  private begun(change: Change): Change {
    if (change.state !== undefined || touched(change).length === 0) return change;
    const { state, objects } = applied(this.document.value, change);
    if ((state === "new" || state === "suggested") && objects.length > 0) return { ...change, state: "started" };
    return state === "started" && objects.length === 0 ? { ...change, state: "new" } : change;
  }

  private tell(): void {
    this.current.set({ undo: this.past.at(-1)?.name ?? null, redo: this.future.at(-1)?.name ?? null });
  }
}
