import type { Storage } from "../../src/model/unsent.ts";

/** The browser's storage, of so many characters. */
export class FakeStorage implements Storage {
  readonly values = new Map<string, string>();
  isForbidden = false;

  constructor(public size = Infinity) {}

  get length(): number {
    this.check();
    return this.values.size;
  }

  key(index: number): string | null {
    return [...this.values.keys()][index] ?? null;
  }

  getItem(name: string): string | null {
    this.check();
    return this.values.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    this.check();
    const others = [...this.values].filter(([other]) => other !== name).reduce((sum, [, each]) => sum + each.length, 0);
    if (others + value.length > this.size) throw new Error("QuotaExceededError");
    this.values.set(name, value);
  }

  removeItem(name: string): void {
    this.check();
    this.values.delete(name);
  }

  private check(): void {
    if (this.isForbidden) throw new Error("SecurityError");
  }
}
