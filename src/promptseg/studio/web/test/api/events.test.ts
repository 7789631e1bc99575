import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { listen, pause, readEvents, SILENCE, type ServerEvent } from "../../src/api/events.ts";

/** A body whose parts come one by one. */
function bodyOf(parts: (string | Error)[], staysOpen?: AbortSignal): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start: (controller) => staysOpen?.addEventListener("abort", () => controller.error(new Error("aborted"))),
    pull: (controller) => {
      const part = parts.shift();
      if (part instanceof Error) controller.error(part);
      else if (part !== undefined) controller.enqueue(encoder.encode(part));
      else if (!staysOpen) controller.close();
    },
  });
}

async function eventsOf(...parts: string[]): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of readEvents(bodyOf(parts))) events.push(event);
  return events;
}

describe("events", () => {
  test("are read with their names, and comments as signs of life", async () => {
    expect(await eventsOf(': hello\n\ndata: {"a": 1}\n\nid: 7\nevent: progress\ndata: x\n\n')).toEqual([
      { name: "", data: "" },
      { name: "message", data: '{"a": 1}' },
      { name: "progress", data: "x" },
    ]);
  });

  test("are read whatever parts they come in", async () => {
    const text = "event: a\r\ndata: eins\r\ndata: zwei ä漢\r\n\r\ndata:b\n\n";
    const whole = await eventsOf(text);
    expect(whole).toEqual([
      { name: "a", data: "eins\nzwei ä漢" },
      { name: "message", data: "b" },
    ]);
    for (let place = 1; place < text.length; place++) expect(await eventsOf(text.slice(0, place), text.slice(place))).toEqual(whole);
  });

  test("that do not end are dropped, and those without end are refused", async () => {
    expect(await eventsOf("data: whole\n\ndata: half")).toHaveLength(1);
    await expect(eventsOf("data: ", ..."x".repeat(5).split("").map((x) => x.repeat(1 << 20)))).rejects.toThrow("characters"); // prettier-ignore
  });
});

describe("listening", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  function start(bodies: ((signal: AbortSignal) => ReadableStream<Uint8Array<ArrayBuffer>>)[]) {
    const heard: string[] = [];
    const end = new AbortController();
    const opened: AbortSignal[] = [];
    const done = listen({
      open: (signal) => {
        opened.push(signal);
        const body = bodies.shift();
        return body ? Promise.resolve(body(signal)) : Promise.reject(new TypeError("Failed to fetch"));
      },
      hear: ({ data }) => heard.push(data),
      connected: (again) => heard.push(again ? "again" : "connected"),
      lost: () => heard.push("lost"),
      signal: end.signal,
    });
    return { heard, end, done, opened };
  }

  test("goes on after the connection was lost, and says that events may be missing", async () => {
    const { heard, end, done } = start([
      () => bodyOf(["data: 1\n\n"]),
      () => bodyOf(["data: 2\n\n", new Error("reset")]),
      (signal) => bodyOf(["data: 3\n\n"], signal),
    ]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(heard).toEqual(["connected", "1", "lost", "again", "2", "lost", "again", "3"]);
    end.abort();
    await vi.advanceTimersByTimeAsync(0);
    await done;
    expect(heard).toHaveLength(8);
  });

  test("takes a connection without heartbeat for lost", async () => {
    const { heard, opened, end } = start([(signal) => bodyOf([": heartbeat\n\n"], signal)]);
    await vi.advanceTimersByTimeAsync(SILENCE - 10);
    expect(opened[0]?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(20);
    expect(opened[0]?.aborted).toBe(true);
    expect(heard).toEqual(["connected", "lost"]);
    end.abort();
  });

  test("tries ever more seldom while the server is away", async () => {
    const { opened, end } = start([]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opened).toHaveLength(8); // After 0, 0.5, 1.5, 3.5, 7.5, 15.5, 30.5 and 45.5 seconds.
    end.abort();
  });
});

test("a pause ends with its signal", async () => {
  const end = new AbortController();
  const waiting = pause(1e6, end.signal);
  end.abort();
  await waiting;
  await pause(1e6, end.signal);
});
