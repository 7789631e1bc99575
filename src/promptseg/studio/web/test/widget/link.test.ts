import { beforeEach, describe, expect, it } from "vitest";

import type { StudioObject } from "../../src/model/types.ts";
import { Link, type WidgetModel } from "../../src/widget/link.ts";

/** A model whose messages a test sees and sends. */
class FakeModel implements WidgetModel {
  readonly state: Record<string, unknown> = { labels: ["cup"] };
  readonly sent: Record<string, unknown>[] = [];
  readonly listeners = new Map<string, Set<(...values: never[]) => void>>();

  get(name: string): unknown {
    return this.state[name];
  }

  send(content: unknown): void {
    this.sent.push(content as Record<string, unknown>);
  }

  on(event: string, listener: (...values: never[]) => void): void {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(listener));
  }

  off(event: string, listener: (...values: never[]) => void): void {
    this.listeners.get(event)?.delete(listener);
  }

  emit(event: string, ...values: unknown[]): void {
    for (const listener of this.listeners.get(event) ?? []) (listener as (...all: unknown[]) => void)(...values);
  }

  tell(content: Record<string, unknown>): void {
    this.emit("msg:custom", content, []);
  }

  get last(): Record<string, unknown> {
    return this.sent.at(-1) ?? {};
  }
}

let model: FakeModel;
let link: Link;

beforeEach(() => {
  model = new FakeModel();
  link = new Link(model);
});

describe("a request", () => {
  it("resolves with the masks of its own answer", async () => {
    const first = link.segment(0, [{ points: [[1, 2]] }], true);
    const { view, id } = model.last;
    const second = link.segment(0, [{ points: [[3, 4]] }], false);
    model.tell({ kind: "found", view, id: model.last.id, masks: ["second"] });
    model.tell({ kind: "found", view, id, masks: ["first"] });
    expect([await first, await second]).toEqual([["first"], ["second"]]);
  });

  it("rejects with what went wrong", async () => {
    const masks = link.segment(0, [], false);
    model.tell({ kind: "failed", view: model.last.view, id: model.last.id, error: "the device is gone" });
    await expect(masks).rejects.toThrow("the device is gone");
  });

  it("leaves the answers of other views alone", async () => {
    const masks = link.segment(0, [], false);
    const { view, id } = model.last;
    model.tell({ kind: "found", view: "another", id, masks: ["theirs"] });
    model.tell({ kind: "found", view, id, masks: ["mine"] });
    expect(await masks).toEqual(["mine"]);
  });

  it("is called off where nobody waits for it any more", async () => {
    const controller = new AbortController();
    const masks = link.segment(0, [], false, controller.signal);
    const { id } = model.last;
    controller.abort();
    await expect(masks).rejects.toThrow("nobody waits");
    expect(model.last).toMatchObject({ kind: "cancel", id });
  });

  it("is not sent where nobody waits for it already", async () => {
    await expect(link.segment(0, [], false, AbortSignal.abort())).rejects.toThrow("nobody waits");
    expect(model.sent).toEqual([]);
  });

  it("can be called off after its answer without harm", async () => {
    const controller = new AbortController();
    const masks = link.segment(0, [], false, controller.signal);
    model.tell({ kind: "found", view: model.last.view, id: model.last.id, masks: [] });
    await masks;
    controller.abort();
    expect(model.sent).toHaveLength(1);
  });
});

describe("what Python tells", () => {
  const told = (): string[] => {
    const all: string[] = [];
    link.on("document", ({ image }) => all.push(`document ${image}`));
    link.on("changed", ({ image }) => all.push(`changed ${image}`));
    link.on("error", (text) => all.push(text));
    return all;
  };

  it("reaches a view where it is for all, or for this one", () => {
    const all = told();
    link.open();
    const { view } = model.last;
    const objects: StudioObject[] = [];
    model.tell({ kind: "document", view: null, image: 1, objects });
    model.tell({ kind: "document", view, image: 2, objects });
    model.tell({ kind: "document", view: "another", image: 3, objects });
    expect(all).toEqual(["document 1", "document 2"]);
  });

  it("tells a view of the changes of others alone", () => {
    const all = told();
    link.open();
    model.tell({ kind: "changed", view: model.last.view, image: 1, change: {} });
    model.tell({ kind: "changed", view: "another", image: 2, change: {} });
    expect(all).toEqual(["changed 2"]);
  });

  it("has the reason why a change was refused, or an image not shown", () => {
    const all = told();
    link.go(4);
    const { view } = model.last;
    model.tell({ kind: "refused", view, error: "no such object" });
    model.tell({ kind: "failed", view, id: null, error: "no such image" });
    expect(all).toEqual(["no such object", "no such image"]);
  });
});

describe("a value", () => {
  it("is told at once, and when it changes", () => {
    const seen: string[][] = [];
    link.watch("labels", (labels) => seen.push(labels));
    model.state.labels = ["mug"];
    model.emit("change:labels");
    expect(seen).toEqual([["cup"], ["mug"]]);
  });
});

it("leaves nothing behind when it is closed", async () => {
  link.watch("labels", () => undefined);
  const masks = link.segment(0, [], false);
  link.close();
  await expect(masks).rejects.toThrow("not shown");
  expect([...model.listeners.values()].reduce((sum, each) => sum + each.size, 0)).toBe(0);
  expect(model.last).toMatchObject({ kind: "close" });
});
