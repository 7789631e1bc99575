const PREFIX = "promptseg.studio.page ";

/** This page's name among all pages of the browser, and which of them are open. */
export interface OpenPages {
  own: string;
  isOpen(page: string): boolean;
}

/**
 * Gives this page a name, which it holds by a lock of the browser until it is gone.
 *
 * @param locks `navigator.locks`; without it, other pages count as gone. Then two may send the same, which the server sees by the uids.
 */
export async function openPages(locks: LockManager | undefined): Promise<OpenPages> {
  const own = crypto.randomUUID();
  if (locks === undefined) return { own, isOpen: (page) => page === own };
  await new Promise<void>((resolve) => {
    void locks.request(PREFIX + own, () => {
      resolve();
      return new Promise<never>(() => undefined); // Held for good.
    });
  });
  const held = new Set((await locks.query()).held?.map((lock) => lock.name));
  return { own, isOpen: (page) => held.has(PREFIX + page) };
}
