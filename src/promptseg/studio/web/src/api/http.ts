import { Problem } from "../model/problem.ts";
import type { ImageDocument } from "../model/types.ts";
import { pause } from "./events.ts";

export interface Call {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: Blob;
  /** Members of the address after "?"; undefined ones are left out. */
  query?: Record<string, string | undefined>;
  signal?: AbortSignal | undefined;
  /** Whether to try again when the queue of the server is full, after the time that it asks for. */
  patient?: boolean;
}

const MOST_TRIES = 5;
const LONGEST_WAIT = 30; // Seconds.

export type Fetch = typeof fetch;

/** Sends a request. @throws Problem where the answer is an error; what `fetch` throws where there is no answer. */
export async function call(fetcher: Fetch, path: string, options: Call = {}): Promise<Response> {
  const { signal, patient = true } = options;
  for (let tries = 1; ; tries++) {
    const answer = await fetcher(address(path, options.query), request(options));
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (problem.status !== 429 || !patient || tries === MOST_TRIES) throw problem;
    await pause(1000 * Math.min(LONGEST_WAIT, problem.retryAfter ?? 1), signal);
    signal?.throwIfAborted();
  }
}

function request({ method = "GET", json, body, signal }: Call): RequestInit {
  const init: RequestInit = { method, credentials: "same-origin" };
  if (signal) init.signal = signal;
  if (json !== undefined) {
    init.body = JSON.stringify(json);
    init.headers = { "Content-Type": "application/json" };
  } else if (body !== undefined) {
    init.body = body;
    init.headers = { "Content-Type": body.type || "application/octet-stream" };
  }
  return init;
}

export function address(path: string, query: Record<string, string | undefined> = {}): string {
  const members = Object.entries(query).filter((member): member is [string, string] => member[1] !== undefined);
  return members.length === 0 ? path : `${path}?${new URLSearchParams(members).toString()}`;
}

async function problemOf(answer: Response): Promise<Problem> {
  const told = (await answer.json().catch(() => null)) as Record<string, unknown> | null;
  const text = (name: string): string => (typeof told?.[name] === "string" ? told[name] : "");
  const document = (told?.document ?? null) as ImageDocument | null;
  const seconds = parseFloat(answer.headers.get("Retry-After") ?? "");
  return new Problem(
    answer.status,
    text("title") || answer.statusText || String(answer.status),
    text("detail"),
    document,
    Number.isFinite(seconds) ? Math.max(0, seconds) : null,
  );
}
