import { callSafely, type Stop } from "./emitter.ts";

/** A value that can be read and watched. */
export interface Readable<T> {
  readonly value: T;
  /** Calls the listener with each new value, from now on. */
  subscribe(listener: (value: T) => void): Stop;
  /** Calls the listener with the value of now and with each new one. */
  watch(listener: (value: T) => void): Stop;
}

/** A value that tells when it changes. Setting it to what it is (`Object.is`) tells nobody. */
export class Signal<T> implements Readable<T> {
  private current: T;
  private readonly listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.current = value;
  }

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    if (Object.is(value, this.current)) return;
    this.current = value;
    for (const listener of [...this.listeners]) {
      if (!Object.is(this.current, value)) return; // A listener set another value, which all listeners know by now.
      if (this.listeners.has(listener)) callSafely(listener, value);
    }
  }

  update(change: (value: T) => T): void {
    this.set(change(this.current));
  }

  subscribe(listener: (value: T) => void): Stop {
    const own = (value: T): void => listener(value);
    this.listeners.add(own);
    return () => this.listeners.delete(own);
  }

  watch(listener: (value: T) => void): Stop {
    const stop = this.subscribe(listener);
    callSafely(listener, this.current);
    return stop;
  }
}
