export type Way = "undo" | "redo";

/** The order in which the steps of several histories were done, undone and made again: what happened last is gone back from first. */
export class Turns {
  private last = 0;
  private lastNew = 0;

  /** The turn of what happens now. A new step ends what could be made again. */
  next(isNew: boolean): number {
    this.last++;
    if (isNew) this.lastNew = this.last;
    return this.last;
  }

  /** Whether nothing new was done since a turn. */
  isLatest(turn: number): boolean {
    return turn > this.lastNew;
  }
}
