import { Emitter, type Stop } from "./emitter.ts";
import type { Conflict } from "./pending.ts";
import { SaveQueue, type Choice, type SaveState, type SaveStatus } from "./queue.ts";
import { Signal, type Readable } from "./signal.ts";
import type { Change, ImageDocument } from "./types.ts";
import type { UnsentStore } from "./unsent.ts";

/** How changes reach the server, and how the person is asked. */
export interface SaverPorts {
  /** Sends a change: `POST /v1/studio/images/{key}/changes`. */
  send(key: string, version: number, change: Change): Promise<{ version: number; document: ImageDocument | null }>;
  /** The document as the server has it. */
  load(key: string): Promise<ImageDocument>;
  /** Asks whose object to keep, for each uid: where this page and another one changed the same. */
  choose(key: string, conflicts: Conflict[]): Promise<Record<string, Choice>>;
}

/** Images without unsent changes that are remembered, as what was accepted of them may come late, or be undone. */
const MOST_IDLE = 20;

/** What matters more to the person comes first. */
const STATES: readonly SaveState[] = ["conflict", "refused", "offline", "saving", "saved"];

/**
 * Saves the changes of all images. Nothing is dropped: what the server does not have yet is in the browser's storage, and outlives the page.
 *
 *     const document = new DocumentModel(saver.open(key, opened.document));
 *     document.onChange(({ change, origin }) => origin === "page" && saver.save(key, change));
 *     saver.onDocument(({ key, document: merged }) => key === current && document.replace(merged));
 */
export class Saver {
  private readonly queues = new Map<string, SaveQueue>();
  private readonly emitter = new Emitter<{ document: { key: string; document: ImageDocument } }>();
  private readonly current = new Signal<SaveStatus>({ state: "saved", reason: null });
  private readonly notKept = new Set<string>();

  constructor(
    private readonly ports: SaverPorts,
    private readonly unsent: UnsentStore,
  ) {}

  /** The state of all images together: that which matters most. */
  get status(): Readable<SaveStatus> {
    return this.current;
  }

  /** Whether changes would be lost if the page were closed now: they are unsent, and storage could not keep them. */
  get wouldLose(): boolean {
    return this.notKept.size > 0;
  }

  /** Begins with an image that was loaded. Returns its document with what is still unsent, which is sent now. */
  open(key: string, document: ImageDocument): ImageDocument {
    const idle = [...this.queues].filter(([other, queue]) => other !== key && queue.status.value.state === "saved");
    for (const [other] of idle.slice(0, -MOST_IDLE)) this.queues.delete(other);
    const known = this.queues.get(key);
    if (known === undefined) return this.begin(key, document).document;
    known.received(document);
    this.queues.delete(key);
    this.queues.set(key, known); // As the latest one.
    return known.document;
  }

  save(key: string, change: Change): void {
    const queue = this.queues.get(key);
    if (queue === undefined) throw new Error(`image ${key} was not opened`);
    queue.save(change);
  }

  /** Hears of a version of a document by the server's events. */
  told(key: string, version: number): void {
    this.queues.get(key)?.told(version);
  }

  /** Tells documents that others changed, with what is unsent of this page. */
  onDocument(listener: (event: { key: string; document: ImageDocument }) => void): Stop {
    return this.emitter.on("document", listener);
  }

  /**
   * Sends what earlier pages left unsent, also of images that nobody opens.
   *
   * @param isOpen Whether a page is still open, which then sends for itself.
   * @returns The keys of the images that could not be loaded; their changes stay in storage.
   */
  async resume(isOpen: (page: string) => boolean): Promise<string[]> {
    const failed: string[] = [];
    for (const key of this.unsent.takeOver(isOpen)) {
      if (this.queues.has(key)) continue;
      const document = await this.ports.load(key).catch(() => null);
      if (document === null) failed.push(key);
      else if (!this.queues.has(key)) this.begin(key, document);
    }
    return failed;
  }

  /** Tries again now, as when the browser is online again. */
  retry(): void {
    for (const queue of this.queues.values()) queue.retry();
  }

  /** Waits until nothing is on its way: all is saved, or it cannot be now. */
  async settled(): Promise<SaveStatus> {
    return new Promise((resolve) => {
      const stop = this.current.watch((status) => {
        if (status.state === "saving") return;
        queueMicrotask(() => stop());
        resolve(status);
      });
    });
  }

  private begin(key: string, document: ImageDocument): SaveQueue {
    const queue = new SaveQueue(
      {
        send: (version, change) => this.ports.send(key, version, change),
        load: () => this.ports.load(key),
        choose: (conflicts) => this.ports.choose(key, conflicts),
        keep: (unsent) => {
          if (unsent === null) this.unsent.drop(key);
          if (unsent === null || this.unsent.keep(key, unsent)) this.notKept.delete(key);
          else this.notKept.add(key);
        },
        show: (merged) => this.emitter.emit("document", { key, document: merged }),
      },
      document,
      this.unsent.get(key),
    );
    this.queues.set(key, queue);
    queue.status.watch(() => this.tell());
    return queue;
  }

  private tell(): void {
    const statuses = [...this.queues.values()].map((queue) => queue.status.value);
    const state = STATES.find((each) => statuses.some((status) => status.state === each)) ?? "saved";
    const reason = statuses.find((status) => status.state === state)?.reason ?? null;
    const { state: before, reason: reasonBefore } = this.current.value;
    if (state !== before || reason !== reasonBefore) this.current.set({ state, reason });
  }
}
