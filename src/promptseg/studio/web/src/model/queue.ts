import { applied, isNothing, joined, without } from "./changes.ts";
import { NOTHING_PENDING, rebased, withChange, type Conflict, type Pending } from "./pending.ts";
import { Problem } from "./problem.ts";
import { Signal, type Readable } from "./signal.ts";
import type { Change, ImageDocument } from "./types.ts";
import type { Unsent } from "./unsent.ts";

/**
 * `saved`: the server has everything. `offline`: it cannot be reached, or cannot save now, and is tried again. `conflict`: the person is asked.
 * `refused`: it does not take the change; the change is kept, and is tried again with the next one or by `retry`.
 */
export type SaveState = "saved" | "saving" | "offline" | "conflict" | "refused";

export interface SaveStatus {
  state: SaveState;
  /** Why it is offline or refused, in words of the server or the browser. */
  reason: string | null;
}

export type Choice = "mine" | "theirs";

/** What a queue needs from outside. */
export interface QueuePorts {
  /** Sends a change. Rejects with a `Problem` where the server answered with one, and with anything else where it could not be reached. */
  send(version: number, change: Change): Promise<{ version: number; document: ImageDocument | null }>;
  /** The document as the server has it now. */
  load(): Promise<ImageDocument>;
  /** Asks the person, for each object by its uid. What is not in the answer is "mine". */
  choose(conflicts: Conflict[]): Promise<Record<string, Choice>>;
  /** Keeps what is unsent, or drops it: called before anything is sent. */
  keep(unsent: Unsent | null): void;
  /** Tells the document, with what is unsent, after others changed it. */
  show(document: ImageDocument): void;
}

const FIRST_DELAY = 500; // Milliseconds, which double with each failure.
const LONGEST_DELAY = 15_000;

/**
 * Changes of one image on their way to the server, one after another.
 *
 * A change that was sent stays as it is until its answer has come: it is sent again unchanged, and so the server, or this page, recognizes it
 * where only the answer was lost. What is done meanwhile waits, joined to one change.
 */
export class SaveQueue {
  private server: ImageDocument;
  private sent: Pending = NOTHING_PENDING;
  private waiting: Pending = NOTHING_PENDING;
  private readonly current = new Signal<SaveStatus>({ state: "saved", reason: null });
  private isSending = false;
  private isAsking = false;
  private failures = 0;
  private newest = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** @param unsent What an earlier page left. */
  constructor(
    private readonly ports: QueuePorts,
    document: ImageDocument,
    unsent: Unsent | null = null,
  ) {
    this.server = document;
    if (unsent === null) return;
    this.sent = unsent.sent;
    this.waiting = unsent.waiting;
    if (unsent.version !== document.version) this.settle(document, false);
    this.go();
  }

  get status(): Readable<SaveStatus> {
    return this.current;
  }

  /** The document with what is unsent. */
  get document(): ImageDocument {
    return applied(applied(this.server, this.sent.change), this.waiting.change);
  }

  save(change: Change): void {
    this.waiting = withChange(this.waiting, change, this.document);
    this.keep();
    this.go();
  }

  /** Takes over a document of the server that others may have changed. */
  received(document: ImageDocument): void {
    if (document.version <= this.server.version || this.isBusy) return; // The answer to what was sent tells more.
    this.settle(document, true);
    this.go();
  }

  /** Hears that the server has a version. Where it is not of this page, its document is loaded as soon as nothing is on its way. */
  told(version: number): void {
    this.newest = Math.max(this.newest, version);
    if (!this.isBusy) void this.catchUp();
  }

  /** Tries again now. */
  retry(): void {
    this.failures = 0;
    this.go();
  }

  private get isBusy(): boolean {
    return this.isSending || this.isAsking || !isNothing(this.sent.change);
  }

  private async catchUp(): Promise<void> {
    if (this.newest <= this.server.version) return;
    const document = await this.ports.load().catch(() => null); // Without it, the next change that is sent brings the document.
    if (document !== null) this.received(document);
  }

  private go(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (!this.isSending && !this.isAsking) void this.sendAll();
  }

  private async sendAll(): Promise<void> {
    this.isSending = true;
    while (this.takeNext()) {
      this.tell("saving");
      try {
        this.accepted(await this.ports.send(this.server.version, this.sent.change));
      } catch (error) {
        if (!this.failed(error)) break;
      }
    }
    this.isSending = false;
    if (!isNothing(this.sent.change) || !isNothing(this.waiting.change)) return;
    this.tell("saved");
    void this.catchUp();
  }

  /** Whether there is something to send: what was sent before without an answer, or else all that waits. */
  private takeNext(): boolean {
    if (this.isAsking) return false;
    if (isNothing(this.sent.change)) {
      if (isNothing(this.waiting.change)) return false;
      [this.sent, this.waiting] = [this.waiting, NOTHING_PENDING];
      this.keep();
    }
    return true;
  }

  private accepted(answer: { version: number; document: ImageDocument | null }): void {
    this.failures = 0;
    this.server = { ...applied(this.server, this.sent.change), version: answer.version };
    this.sent = NOTHING_PENDING;
    if (answer.document === null) this.keep();
    else this.settle(answer.document, true);
  }

  /** Whether to go on at once. */
  private failed(error: unknown): boolean {
    if (error instanceof Problem && error.document !== null && error.document.version !== this.server.version) {
      this.settle(error.document, true);
      return true;
    }
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof Problem && !error.isPassing) {
      this.putBack();
      this.tell("refused", reason);
    } else {
      const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.failures++);
      this.timer = setTimeout(() => this.go(), Math.max(delay, 1000 * (error instanceof Problem ? (error.retryAfter ?? 0) : 0)));
      this.tell("offline", reason);
    }
    return false;
  }

  /** What was refused is not with the server: it goes again together with what comes after, which may make it good. */
  private putBack(): void {
    const base = { ...this.waiting.base, ...this.sent.base };
    this.waiting = { change: joined(this.sent.change, this.waiting.change), base };
    this.sent = NOTHING_PENDING;
    this.keep();
  }

  /** Goes on from a document of the server: with what it does not have yet, and with questions where others changed the same. */
  private settle(document: ImageDocument, show: boolean): void {
    const { pending, conflicts } = rebased(this.sent, this.waiting, document);
    this.server = document;
    this.sent = NOTHING_PENDING;
    this.waiting = pending;
    this.keep();
    if (show) this.ports.show(this.document);
    if (conflicts.length > 0) void this.ask(conflicts);
  }

  private async ask(conflicts: Conflict[]): Promise<void> {
    this.isAsking = true;
    this.tell("conflict");
    const choices = await this.ports.choose(conflicts).catch((): Record<string, Choice> => ({}));
    const theirs = new Set(conflicts.map(({ uid }) => uid).filter((uid) => choices[uid] === "theirs"));
    this.waiting = { ...this.waiting, change: without(this.waiting.change, theirs) };
    this.isAsking = false;
    this.keep();
    if (theirs.size > 0) this.ports.show(this.document);
    this.go();
  }

  private keep(): void {
    const { sent, waiting } = this;
    const nothing = isNothing(sent.change) && isNothing(waiting.change);
    this.ports.keep(nothing ? null : { version: this.server.version, sent, waiting });
  }

  private tell(state: SaveState, reason: string | null = null): void {
    const { state: before, reason: reasonBefore } = this.current.value;
    if (state !== before || reason !== reasonBefore) this.current.set({ state, reason });
  }
}
