import type { Ledger } from "./ledger.ts";
import type { Pending } from "./pending.ts";

/** What is kept of an image until the server has it. `sent` may have reached the server, but its answer did not come. */
export interface Unsent {
  version: number;
  sent: Pending;
  waiting: Pending;
}

/** What is used of `localStorage`. */
export type Storage = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

const PREFIX = "promptseg.studio.unsent";
/** Milliseconds after which storage holds nothing any longer that the ledger knows to be dropped. */
const DAY = 86_400_000;

/** An entry as it is written. `unsent` is null in the ledger where it was dropped. Of two entries of a name, that with the higher number counts. */
interface Entry {
  number: number;
  unsent: Unsent | null;
  time: number;
}

/**
 * Unsent changes in the browser's storage, so that they outlive the page.
 *
 * Each page writes under a name of its own. What a page that is gone has left is taken over by the next one. Storage is written at once, but
 * a browser that is killed forgets what it got last, so all is in a ledger too, which remembers that.
 */
export class UnsentStore {
  private number = 0;

  /**
   * @param dataset Tells which dataset the changes are of: one address may serve several, one after the other.
   * @param page A name that no other page has.
   */
  constructor(
    private readonly storage: Storage,
    private readonly dataset: () => string,
    private readonly page: string,
    private readonly ledger: Ledger | null = null,
  ) {}

  /** Whether what was kept outlives a browser that is killed now. */
  get isSettled(): boolean {
    return this.ledger?.isSettled ?? true;
  }

  /** Whether it could be kept: storage may be full or forbidden. */
  keep(image: string, unsent: Unsent): boolean {
    const name = this.name(this.page, image);
    const text = written({ number: ++this.number, unsent });
    this.ledger?.put(name, text);
    try {
      this.storage.setItem(name, text);
      return true;
    } catch {
      return false;
    }
  }

  drop(image: string): void {
    this.remove(this.name(this.page, image), ++this.number);
  }

  get(image: string): Unsent | null {
    return this.read(this.name(this.page, image))?.unsent ?? null;
  }

  /**
   * Brings storage up to the ledger, of pages that are gone: after the browser was killed, storage may lack entries, or have old ones.
   *
   * @param isOpen Whether a page is still open.
   */
  async recover(isOpen: (page: string) => boolean): Promise<void> {
    for (const [name, text] of (await this.ledger?.all()) ?? []) {
      const page = this.pageOf(name);
      const entry = parsed(text);
      if (page === null || page === this.page || isOpen(page) || entry === null) continue;
      if (entry.number > (this.read(name)?.number ?? 0)) this.write(name, entry, text);
      if (entry.unsent === null && Date.now() - entry.time > DAY) this.ledger?.delete(name);
    }
  }

  /**
   * Takes over what pages that are gone have left, one entry an image, and returns the keys of all images that this page has entries of.
   *
   * @param isOpen Whether a page is still open.
   */
  takeOver(isOpen: (page: string) => boolean): string[] {
    const own = new Set<string>();
    for (const { name, page, image } of this.entries()) {
      if (page === this.page) own.add(image);
      else if (!own.has(image) && !isOpen(page) && this.get(image) === null) {
        const unsent = this.read(name)?.unsent ?? null;
        // First it is kept anew, and then deleted: in between it is there twice, which does no harm, as objects are known by their uid.
        if (unsent !== null && !this.keep(image, unsent)) continue;
        this.remove(name, Number.MAX_SAFE_INTEGER);
        if (unsent !== null) own.add(image);
      }
    }
    return [...own];
  }

  private entries(): { name: string; page: string; image: string }[] {
    try {
      const names = Array.from({ length: this.storage.length }, (_, index) => this.storage.key(index) ?? "");
      return names.flatMap((name) => {
        const page = this.pageOf(name);
        return page === null ? [] : [{ name, page, image: name.split(" ").at(-1) ?? "" }];
      });
    } catch {
      return [];
    }
  }

  private name(page: string, image: string): string {
    return [PREFIX, encodeURIComponent(this.dataset()), page, image].join(" ");
  }

  /** The page that an entry of this dataset is of, or null. */
  private pageOf(name: string): string | null {
    const start = `${PREFIX} ${encodeURIComponent(this.dataset())} `;
    return name.startsWith(start) ? (name.slice(start.length).split(" ")[0] ?? null) : null;
  }

  private write(name: string, entry: Entry, text: string): void {
    try {
      if (entry.unsent === null) this.storage.removeItem(name);
      else this.storage.setItem(name, text);
    } catch {
      return; // It stays in the ledger.
    }
  }

  /** Removes an entry. The ledger remembers that, as a browser that is killed may bring back what storage had before. */
  private remove(name: string, number: number): void {
    this.ledger?.put(name, written({ number, unsent: null }));
    try {
      this.storage.removeItem(name);
    } catch {
      return; // Storage is forbidden, and has nothing.
    }
  }

  private read(name: string): Entry | null {
    try {
      return parsed(this.storage.getItem(name) ?? "null");
    } catch {
      return null;
    }
  }
}

function written(entry: Omit<Entry, "time">): string {
  return JSON.stringify({ ...entry, time: Date.now() });
}

/** What is damaged reads as nothing. */
function parsed(text: string): Entry | null {
  try {
    const { number, unsent, time } = (JSON.parse(text) ?? {}) as Partial<Entry>;
    if (typeof number !== "number" || typeof time !== "number" || unsent === undefined) return null;
    return unsent === null || isUnsent(unsent) ? { number, unsent, time } : null;
  } catch {
    return null;
  }
}

function isUnsent(value: unknown): value is Unsent {
  const { version, sent, waiting } = (value ?? {}) as Partial<Unsent>;
  return typeof version === "number" && isPending(sent) && isPending(waiting);
}

function isPending(value: unknown): value is Pending {
  const { change, base } = (value ?? {}) as Partial<Pending>;
  return Array.isArray(change?.put) && Array.isArray(change.remove) && typeof base === "object";
}
