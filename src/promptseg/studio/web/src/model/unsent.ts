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

/**
 * Unsent changes in the browser's storage, so that they outlive the page.
 *
 * Each page writes under a name of its own. What a page that is gone has left is taken over by the next one.
 */
export class UnsentStore {
  /**
   * @param dataset Tells which dataset the changes are of: one address may serve several, one after the other.
   * @param page A name that no other page has.
   */
  constructor(
    private readonly storage: Storage,
    private readonly dataset: () => string,
    private readonly page: string,
  ) {}

  /** Whether it could be kept: storage may be full or forbidden. */
  keep(image: string, unsent: Unsent): boolean {
    try {
      this.storage.setItem(this.name(this.page, image), JSON.stringify(unsent));
      return true;
    } catch {
      return false;
    }
  }

  drop(image: string): void {
    try {
      this.storage.removeItem(this.name(this.page, image));
    } catch {
      return; // Storage is forbidden, and has nothing.
    }
  }

  get(image: string): Unsent | null {
    return this.read(this.name(this.page, image));
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
        const unsent = this.read(name);
        // First it is kept anew, and then deleted: in between it is there twice, which does no harm, as objects are known by their uid.
        if (unsent !== null && !this.keep(image, unsent)) continue;
        this.storage.removeItem(name);
        if (unsent !== null) own.add(image);
      }
    }
    return [...own];
  }

  private entries(): { name: string; page: string; image: string }[] {
    try {
      const names = Array.from({ length: this.storage.length }, (_, index) => this.storage.key(index) ?? "");
      const start = `${PREFIX} ${encodeURIComponent(this.dataset())} `;
      return names
        .filter((name) => name.startsWith(start))
        .map((name) => {
          const [page = "", image = ""] = name.slice(start.length).split(" ");
          return { name, page, image };
        });
    } catch {
      return [];
    }
  }

  private name(page: string, image: string): string {
    return [PREFIX, encodeURIComponent(this.dataset()), page, image].join(" ");
  }

  /** What is damaged reads as nothing. */
  private read(name: string): Unsent | null {
    try {
      const value: unknown = JSON.parse(this.storage.getItem(name) ?? "null");
      return isUnsent(value) ? value : null;
    } catch {
      return null;
    }
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
