import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { Client } from "../../src/api/client.ts";
import { Problem } from "../../src/model/problem.ts";
import { document } from "../model/documents.ts";

interface Sent {
  method: string;
  path: string;
  body: unknown;
}

/** A client whose requests are kept, and are answered in turn; after the last answer by it again. */
function clientOf(...answers: (Response | (() => Response))[]): { client: Client; sent: Sent[] } {
  const sent: Sent[] = [];
  const client = new Client((path, init = {}) => {
    init.signal?.throwIfAborted();
    const body = typeof init.body === "string" ? (JSON.parse(init.body) as unknown) : (init.body ?? null);
    sent.push({ method: init.method ?? "GET", path: path as string, body });
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    return Promise.resolve(typeof answer === "function" ? answer() : answer.clone());
  });
  return { client, sent };
}

function json(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), { status, headers });
}

const NOTHING = { put: [], remove: [] };
const full = json({ status: 429, title: "The queue is full" }, 429, { "Retry-After": "3" });
const image = { key: "00ff", image: "id1" };

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("a request", () => {
  test.each<[string, (client: Client) => unknown, Sent]>([
    ["project", (client) => client.project(), { method: "GET", path: "/v1/studio", body: null }],
    ["labels", (client) => client.saveLabels([]), { method: "PUT", path: "/v1/studio/labels", body: { labels: [] } }],
    ["images", (client) => client.images(), { method: "GET", path: "/v1/studio/images", body: null }],
    ["open", (client) => client.open("00ff"), { method: "GET", path: "/v1/studio/images/00ff", body: null }],
    [
      "change",
      (client) => client.change("00ff", 3, NOTHING),
      { method: "POST", path: "/v1/studio/images/00ff/changes", body: { version: 3, change: NOTHING } },
    ],
    ["ahead", (client) => client.ahead("00ff"), { method: "POST", path: "/v1/studio/images/00ff/ahead", body: null }],
    [
      "suggest",
      (client) => client.suggest({ prompts: [], keys: ["00ff"] }),
      { method: "POST", path: "/v1/studio/suggest", body: { prompts: [], keys: ["00ff"] } },
    ],
    ["export", (client) => client.export(["coco"]), { method: "POST", path: "/v1/studio/export", body: { formats: ["coco"] } }],
    [
      "export",
      (client) => client.export(["coco"], ["done"]),
      { method: "POST", path: "/v1/studio/export", body: { formats: ["coco"], states: ["done"] } },
    ],
    [
      "code",
      (client) => client.code("00ff", null, []),
      { method: "POST", path: "/v1/studio/code", body: { key: "00ff", object: null, prompts: [] } },
    ],
    ["models", (client) => client.models(), { method: "GET", path: "/v1/models", body: null }],
    [
      "segment",
      (client) => client.segment(image, [{ text: ["cup"] }], { candidates: true, model: "sam" }),
      { method: "POST", path: "/v1/segment", body: { image: { id: "id1" }, prompts: [{ text: ["cup"] }], candidates: true, model: "sam" } },
    ],
    [
      "segment",
      (client) => client.segment(image, [{ text: ["cup"] }], { window: [1, 2, 30, 40] }),
      {
        method: "POST",
        path: "/v1/segment",
        body: { image: { id: "id1" }, prompts: [{ text: ["cup"] }], candidates: false, window: [1, 2, 30, 40] },
      },
    ],
    [
      "job",
      (client) => client.segmentAsJob(image, [], { model: "sam", window: [1, 2, 30, 40] }),
      { method: "POST", path: "/v1/jobs", body: { image: { id: "id1" }, prompts: [], model: "sam", window: [1, 2, 30, 40] } },
    ],
    ["job", (client) => client.segmentAsJob(image, []), { method: "POST", path: "/v1/jobs", body: { image: { id: "id1" }, prompts: [] } }],
    ["result", (client) => client.jobResult("77"), { method: "GET", path: "/v1/jobs/77/result", body: null }],
    ["cancel", (client) => client.cancelJob("77"), { method: "DELETE", path: "/v1/jobs/77", body: null }],
  ])("of the route is sent: %s", async (_, call, expected) => {
    const { client, sent } = clientOf(json({ labels: [], images: [], models: [], masks: [] }));
    await call(client);
    expect(sent).toEqual([expected]);
  });

  test("with a file sends it as it is, with its name in the address", async () => {
    const { client, sent } = clientOf(json({}));
    const file = new Blob(["x"], { type: "image/png" });
    await client.addImage(file, "a & b?.png");
    await client.import(file, { name: "my file.json", format: "coco", mode: "add" });
    await client.import(file);
    expect(sent.map(({ path }) => path)).toEqual([
      "/v1/studio/images?name=a+%26+b%3F.png",
      "/v1/studio/import?name=my+file.json&format=coco&mode=add",
      "/v1/studio/import",
    ]);
    expect(sent.every(({ body }) => body === file)).toBe(true);
  });

  test("addresses of pictures change with what they show", () => {
    const { client } = clientOf(json({}));
    expect(client.thumbnail("00ff", 3)).toBe("/v1/studio/images/00ff/thumbnail?v=3");
    expect(client.tile(image, 2, 1, 0)).toBe("/v1/studio/images/00ff/tiles/2/1/0?v=id1");
  });
});

describe("an error", () => {
  test("is a problem with what the server told", async () => {
    const told = { status: 409, title: "Changed by others", detail: "the object a was changed", document: document("ab") };
    const { client } = clientOf(json(told, 409));
    const error: unknown = await client.change("00ff", 1, NOTHING).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Problem);
    expect(error).toMatchObject({ ...told, message: told.detail, isPassing: false });
  });

  test("of something between page and server is a problem too", async () => {
    const { client } = clientOf(new Response("<html>", { status: 502, statusText: "Bad Gateway" }));
    await expect(client.project()).rejects.toMatchObject({
      status: 502,
      title: "Bad Gateway",
      detail: "",
      document: null,
      isPassing: true,
    });
  });

  test("of a full queue is waited out, as long as the server asks for", async () => {
    const { client, sent } = clientOf(full, full, json({ masks: [] }));
    const found = client.segment(image, []);
    await vi.advanceTimersByTimeAsync(5999);
    expect(sent).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(await found).toEqual([]);
  });

  test("of a full queue is told in the end", async () => {
    const { client, sent } = clientOf(full);
    const found = client.segment(image, []).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await found).toMatchObject({ status: 429, retryAfter: 3 });
    expect(sent).toHaveLength(5);
  });

  test("of a full queue ends a preview at once", async () => {
    const { client, sent } = clientOf(full);
    await expect(client.segment(image, [], { preview: true })).rejects.toMatchObject({ status: 429 });
    expect(sent).toHaveLength(1);
  });

  test("waiting ends with the signal", async () => {
    const { client } = clientOf(full);
    const end = new AbortController();
    const found = client.segment(image, [], { signal: end.signal }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    end.abort();
    expect(await found).toMatchObject({ name: "AbortError" });
  });
});

describe("an image that the server dropped", () => {
  const missing = json({ status: 404, title: "Not found" }, 404);

  test("is opened again, once", async () => {
    const { client, sent } = clientOf(missing, json({ image: "id2" }), json({ masks: [] }));
    await client.segment(image, []);
    expect(sent.map(({ path, body }) => [path, (body as { image?: unknown } | null)?.image])).toEqual([
      ["/v1/segment", { id: "id1" }],
      ["/v1/studio/images/00ff", undefined],
      ["/v1/segment", { id: "id2" }],
    ]);
  });

  test("and that is not there any more is told", async () => {
    const { client, sent } = clientOf(missing, json({ image: "id2" }), missing);
    await expect(client.segmentAsJob(image, [])).rejects.toMatchObject({ status: 404 });
    expect(sent).toHaveLength(3);
  });
});

describe("a job", () => {
  const job = (state: string, done = 0) => ({
    id: "77",
    kind: "segment",
    state,
    progress: { stage: "masks", done, total: 9, unit: "", failed: 0 },
  });
  const stream = (...jobs: object[]): Response =>
    new Response(jobs.map((each, id) => `id: ${id}\nevent: progress\ndata: ${JSON.stringify(each)}\n\n`).join(""));

  test("is followed to its end", async () => {
    const { client } = clientOf(json(job("running")), stream(job("running", 1), job("running", 5), job("done", 9)));
    const heard: number[] = [];
    const last = await client.watchJob("77", ({ progress }) => heard.push(progress?.done ?? -1));
    expect(heard).toEqual([1, 5, 9]);
    expect(last.state).toBe("done");
  });

  test("that has ended already is told without its events", async () => {
    const { client, sent } = clientOf(json(job("failed")));
    expect((await client.watchJob("77", () => undefined)).state).toBe("failed");
    expect(sent).toHaveLength(1);
  });

  test("is followed further when the connection was lost", async () => {
    const { client, sent } = clientOf(json(job("running")), stream(job("running", 1)), json(job("running")), stream(job("cancelled")));
    const last = client.watchJob("77", () => undefined);
    await vi.advanceTimersByTimeAsync(1000);
    expect((await last).state).toBe("cancelled");
    expect(sent).toHaveLength(4);
  });

  test("that is not there is told", async () => {
    const { client } = clientOf(json(job("running")), json({ status: 404 }, 404));
    await expect(client.watchJob("77", () => undefined)).rejects.toMatchObject({ status: 404 });
  });
});
