import { beforeEach, describe, expect, it, vi } from "vitest";

import { Client } from "../../src/api/client.ts";
import { frameOf, keyOf, VideoModel } from "../../src/video/model.ts";
import type { ObjectOnFrame, VideoState } from "../../src/video/types.ts";

const STATE: VideoState = {
  name: "clip.mp4",
  content: "x",
  width: 64,
  height: 48,
  frames: 200,
  fps: 25,
  version: 3,
  objects: [
    {
      uid: "cat",
      number: 1,
      label: null,
      color: null,
      hidden: false,
      locked: false,
      attributes: {},
      runs: [[0, 1, 1]],
      keys: [0],
      gone: [],
    },
  ],
  tracking: null,
};

function seenOn(uid: string): ObjectOnFrame {
  return { uid, kind: "seen", segmentation: { size: [48, 64], counts: "0" }, score: 0.9, source: "track", prompts: [] };
}

/** A server that remembers what was asked. */
class Server {
  state: VideoState = structuredClone(STATE);
  readonly asked: string[] = [];

  readonly fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const path = input as string;
    this.asked.push(`${init?.method ?? "GET"} ${path}`);
    if (!path.includes("/masks")) return Promise.resolve(Response.json(this.state));
    return Promise.resolve(Response.json({ version: this.state.version, frames: [{ frame: 1, objects: [seenOn("cat")] }] }));
  };
}

let server: Server;
let model: VideoModel;

beforeEach(async () => {
  server = new Server();
  model = await VideoModel.load(new Client(server.fetch));
});

describe("the model of a video", () => {
  it("names frames as the routes of images do", () => {
    expect([keyOf(0), keyOf(255), frameOf(keyOf(123_456))]).toEqual(["0000000000000000", "00000000000000ff", 123_456]);
  });

  it("takes over a frame that is tracked, for the timeline and for the screen", () => {
    const known: (number | undefined)[] = [];
    model.known.subscribe((value) => known.push(value?.frame));
    for (let frame = 1; frame < 5; frame++) model.hear({ type: "frame", frame, version: 3 + frame, objects: [seenOn("cat")] });
    expect(model.state.value.objects[0]?.runs).toEqual([[0, 5, 1]]);
    expect(model.masks(4)?.map(({ uid }) => uid)).toEqual(["cat"]);
    expect(known).toEqual([1, 2, 3, 4]);
  });

  it("loads the masks around a frame once, and knows where there are none", async () => {
    expect(model.masks(1)).toBeNull();
    expect(model.masks(2)).toBeNull();
    await vi.waitFor(() => expect(model.masks(1)).not.toBeNull());
    expect(model.masks(2)).toEqual([]);
    expect(server.asked.filter((each) => each.includes("start=0&"))).toHaveLength(1);
  });

  it("loads the video once where several changes are told together, and forgets the masks that it had", async () => {
    model.hear({ type: "frame", frame: 7, version: 4, objects: [seenOn("cat")] });
    server.state = { ...server.state, version: 9 };
    for (let times = 0; times < 5; times++) model.hear({ type: "video", version: 9 });
    await vi.waitFor(() => expect(model.state.value.version).toBe(9));
    expect(server.asked.filter((each) => each === "GET /v1/studio/video")).toHaveLength(2);
    expect(model.masks(7)).toBeNull();
  });

  it("sends a change with the version that it knows", async () => {
    const sent: unknown[] = [];
    const fetching = server.fetch;
    const client = new Client((input, init) => {
      if (init?.method === "POST") sent.push(JSON.parse(init.body as string));
      return fetching(input, init);
    });
    await (await VideoModel.load(client)).change({ remove: ["cat"] });
    expect(sent).toEqual([{ version: 3, remove: ["cat"] }]);
  });
});
