/** Ends a subscription. Ending it twice does nothing. */
export type Stop = () => void;

/**
 * Tells listeners about events by name.
 *
 * `Events` maps the names to what their listeners get: `new Emitter<{ moved: Point; left: undefined }>()`.
 */
export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): Stop {
    const all = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, all);
    const own = (event: Events[Name]): void => listener(event); // So that the same function may listen twice.
    all.add(own);
    return () => all.delete(own);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const all = this.listeners.get(name) as Set<(event: Events[Name]) => void> | undefined;
    for (const listener of [...(all ?? [])]) {
      if (all?.has(listener)) callSafely(listener, event);
    }
  }
}

/** Calls a listener. What it throws is reported as an uncaught error, and does not keep the other listeners from the event. */
export function callSafely<T>(listener: (event: T) => void, event: T): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
