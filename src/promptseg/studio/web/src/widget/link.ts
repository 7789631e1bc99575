/** What the widget and Python say to each other: `promptseg.widgets.widget` lists the messages. */

import { Emitter, type Stop } from "../model/emitter.ts";
import type { Change, FoundMask, Prompt, StudioObject } from "../model/types.ts";

/** What anywidget gives to a view: values that Python sets, and messages. */
export interface WidgetModel {
  get(name: string): unknown;
  send(content: unknown): void;
  on(event: string, listener: (...values: never[]) => void): void;
  off(event: string, listener: (...values: never[]) => void): void;
}

/** The image that is shown, as Python sends it. */
export interface Picture {
  index: number;
  /** Size of the image, to which all coordinates refer. */
  width: number;
  height: number;
  /** Pixels of the image along each side of a pixel of the picture: 1, 2, 4, … */
  reduced: number;
  kind: string;
  data: BufferSource;
}

/** What the models do now. `accepts` are kinds of prompt. */
export interface ModelState {
  state: "loading" | "encoding" | "ready" | "failed";
  /** What went wrong last. */
  error?: string;
  name?: string;
  accepts?: string[];
  /** Classes that the detector knows, and whether there is one. */
  classes?: string[];
  detects?: boolean;
}

/** The values that Python sets. */
interface State {
  _names: string[];
  _picture: Picture;
  _model: ModelState;
  _height: number;
  _styles: string;
  labels: string[];
}

type Message =
  | { kind: "document"; view: string | null; image: number; objects: StudioObject[] }
  | { kind: "changed"; view: string; image: number; change: Change }
  | { kind: "refused"; view: string; error: string }
  | { kind: "found"; view: string; id: number; masks: FoundMask[] }
  | { kind: "failed"; view: string; id: number | null; error: string };

/** What Python tells without being asked. `image` is the index of the image. */
export interface LinkEvents {
  document: { image: number; objects: StudioObject[] };
  changed: { image: number; change: Change };
  /** Something went wrong, as a sentence for people. */
  error: string;
}

interface Waiting {
  resolve: (masks: FoundMask[]) => void;
  reject: (reason: Error) => void;
  /** Listen to the signal no longer. */
  end: () => void;
}

/** One view's side of the messages. All views of a widget get all messages: each takes its own. */
export class Link {
  readonly #model: WidgetModel;
  readonly #name = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  readonly #events = new Emitter<LinkEvents>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #stops: Stop[] = [];
  #asked = 0;

  constructor(model: WidgetModel) {
    this.#model = model;
    this.#listen("msg:custom", (message: Message) => this.#take(message));
  }

  on<Name extends keyof LinkEvents>(name: Name, listener: (event: LinkEvents[Name]) => void): Stop {
    return this.#events.on(name, listener);
  }

  get<Name extends keyof State>(name: Name): State[Name] {
    return this.#model.get(name) as State[Name];
  }

  /** Call the listener with a value that Python sets, now and whenever it changes. */
  watch<Name extends keyof State>(name: Name, listener: (value: State[Name]) => void): void {
    this.#listen(`change:${name}`, () => listener(this.get(name)));
    listener(this.get(name));
  }

  /** Ask for all objects of the image that is shown. */
  open(): void {
    this.#send({ kind: "open" });
  }

  go(index: number): void {
    this.#send({ kind: "go", index });
  }

  change(image: number, change: Change): void {
    this.#send({ kind: "change", image, change });
  }

  /** Tell the mask that is being made; null where there is none any more. A change ends it as well. */
  draft(image: number, object: StudioObject | null): void {
    this.#send({ kind: "draft", image, object });
  }

  /** Masks of prompts. Rejects with what went wrong, and with an `AbortError` where the signal is aborted. */
  segment(image: number, prompts: readonly Prompt[], candidates: boolean, signal?: AbortSignal): Promise<FoundMask[]> {
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      const drop = (): void => {
        this.#waiting.delete(id);
        this.#send({ kind: "cancel", id });
        reject(new DOMException("nobody waits for these masks anymore", "AbortError"));
      };
      if (signal?.aborted === true) {
        reject(new DOMException("nobody waits for these masks anymore", "AbortError"));
        return;
      }
      signal?.addEventListener("abort", drop, { once: true });
      this.#waiting.set(id, { resolve, reject, end: () => signal?.removeEventListener("abort", drop) });
      this.#send({ kind: "segment", id, image, prompts, candidates });
    });
  }

  close(): void {
    this.#send({ kind: "close" });
    for (const stop of this.#stops) stop();
    for (const { reject, end } of this.#waiting.values()) {
      end();
      reject(new DOMException("the widget is not shown anymore", "AbortError"));
    }
    this.#waiting.clear();
  }

  #send(content: { kind: string; [name: string]: unknown }): void {
    this.#model.send({ ...content, view: this.#name });
  }

  #listen(event: string, listener: (...values: never[]) => void): void {
    this.#model.on(event, listener);
    this.#stops.push(() => this.#model.off(event, listener));
  }

  #take(message: Message): void {
    const isMine = message.view === this.#name;
    if (message.kind === "changed") {
      if (!isMine) this.#events.emit("changed", message);
    } else if (message.kind === "document") {
      if (isMine || message.view === null) this.#events.emit("document", message);
    } else if (isMine) {
      this.#answer(message);
    }
  }

  #answer(message: Exclude<Message, { kind: "document" | "changed" }>): void {
    const waiting = "id" in message && message.id !== null ? this.#waiting.get(message.id) : undefined;
    if ("id" in message && message.id !== null) this.#waiting.delete(message.id);
    waiting?.end();
    if (message.kind === "found") waiting?.resolve(message.masks);
    else if (waiting !== undefined) waiting.reject(new Error(message.error));
    else if (message.kind === "refused" || message.id === null) this.#events.emit("error", message.error);
  }
}
