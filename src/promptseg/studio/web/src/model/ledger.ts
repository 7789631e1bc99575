/** Texts by name that outlive a browser which is killed: `localStorage` reaches the disk only after seconds or minutes. */
export interface Ledger {
  /** Whether what was put last is not on its way any longer. */
  readonly isSettled: boolean;
  put(name: string, text: string): void;
  delete(name: string): void;
  /** All entries. None where the browser allows no database. */
  all(): Promise<[name: string, text: string][]>;
}

const STORE = "entries";

/** A ledger in the browser's database. Where there is none, it keeps nothing. */
export class DatabaseLedger implements Ledger {
  private readonly database: Promise<IDBDatabase | null>;
  private running = 0;

  constructor(name: string) {
    this.database = opened(name).catch(() => null);
  }

  get isSettled(): boolean {
    return this.running === 0;
  }

  put(name: string, text: string): void {
    void this.run((store) => store.put(text, name));
  }

  delete(name: string): void {
    void this.run((store) => store.delete(name));
  }

  async all(): Promise<[string, string][]> {
    const [names, texts] = await Promise.all([this.run((store) => store.getAllKeys()), this.run((store) => store.getAll())]);
    return (names ?? []).map((name, index) => [name as string, texts?.[index] as string]); // As `put` has them.
  }

  /** One request in a transaction of its own. Null where it fails. Transactions end in the order in which they began. */
  private async run<T>(request: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | null> {
    this.running += 1;
    try {
      const database = await this.database;
      if (database === null) return null;
      const transaction = database.transaction(STORE, "readwrite");
      const asked = request(transaction.objectStore(STORE));
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error ?? new Error("the database has aborted"));
      });
      return asked.result;
    } catch {
      return null;
    } finally {
      this.running -= 1;
    }
  }
}

function opened(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => void request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("there is no database"));
  });
}
