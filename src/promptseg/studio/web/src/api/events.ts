/** Server-sent events by `fetch`, which, unlike `EventSource`, sees heartbeats and tells errors. */

/** An event. A comment, as a heartbeat is one, has the name "" and no data. */
export interface ServerEvent {
  name: string;
  data: string;
}

/** Longest event that is read, in characters. */
const LONGEST = 1 << 22;

/** Reads the events of an answer, until it ends. */
export async function* readEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split(/\r?\n\r?\n/);
      rest = parts.pop() ?? "";
      if (rest.length > LONGEST) throw new Error(`an event has more than ${LONGEST} characters`);
      for (const part of parts) yield parsed(part);
    }
  } finally {
    await reader.cancel().catch(() => undefined); // Who stops reading early frees the connection.
  }
}

function parsed(part: string): ServerEvent {
  const event: ServerEvent = { name: "", data: "" };
  const data: string[] = [];
  for (const line of part.split(/\r?\n/)) {
    const [, field = "", value = ""] = /^(\w*):? ?(.*)$/.exec(line) ?? [];
    if (field === "event") event.name = value;
    if (field === "data") data.push(value);
  }
  if (data.length > 0) event.name ||= "message";
  return { ...event, data: data.join("\n") };
}

/** What `listen` needs. */
export interface Listening {
  /** Opens the stream of events. */
  open: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
  /** Gets each event that has data. */
  hear: (event: ServerEvent) => void;
  /** Hears that the connection stands; `again` where it was lost before, and so events may be missing. */
  connected: (again: boolean) => void;
  lost: () => void;
  signal: AbortSignal;
}

/** A connection without a sign of life for so long is taken for lost. The server's heartbeat comes more often. */
export const SILENCE = 45_000;
const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000;

/** Listens until the signal aborts, and connects again whenever the connection is lost. */
export async function listen({ open, hear, connected, lost, signal }: Listening): Promise<void> {
  let failures = 0;
  let again = false;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const stop = (): void => attempt.abort();
    signal.addEventListener("abort", stop);
    let silence = setTimeout(stop, SILENCE);
    try {
      const body = await open(attempt.signal);
      connected(again);
      again = true;
      for await (const event of readEvents(body)) {
        failures = 0;
        clearTimeout(silence);
        silence = setTimeout(stop, SILENCE);
        if (event.data !== "") hear(event);
      }
    } catch {
      // Whatever ended it, it is tried again.
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
    }
    if (isAborted(signal)) return;
    lost();
    await pause(Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** failures++), signal);
  }
}

/** Waits, or until the signal aborts. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}

/** Asked anew, as the compiler takes it for what it was before. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
