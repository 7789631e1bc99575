import { Problem } from "../model/problem.ts";
import type {
  Box,
  Change,
  FoundMask,
  ImageDocument,
  ImageState,
  ImageSummary,
  Job,
  Label,
  Model,
  OpenImage,
  Project,
  Prompt,
} from "../model/types.ts";
import { pause, readEvents } from "./events.ts";
import { address, call, type Call, type Fetch } from "./http.ts";

/** What changed on the server, for all pages. */
export type StudioEvent =
  { type: "image"; summary: ImageSummary } | { type: "images" } | { type: "labels" } | { type: "document"; key: string; version: number };

export interface SegmentOptions {
  /** All masks that the model proposes for a prompt. */
  candidates?: boolean;
  /** Name of a model; without it, the first. */
  model?: string;
  /** The part of a raster in which prompts look that are not spatial, in whole pixels. */
  window?: Box | null;
  signal?: AbortSignal;
  /** A preview is never tried again: the pointer has moved on by then. */
  preview?: boolean;
}

export interface ExportResult {
  files: { format: string; path: string; lost: string[] }[];
  /** Address of the ZIP file, or null. */
  download: string | null;
}

export interface SuggestResult {
  images: number;
  objects: number;
  /** Images that a person has touched, before or meanwhile. */
  left_alone: number;
  /** Reasons by the names of images. */
  failed: Record<string, string>;
}

export interface ImportOptions {
  /** Name of the file: some formats find the image by it. */
  name?: string;
  /** Without it, the content tells. */
  format?: string;
  mode?: "add" | "replace" | undefined;
  /** Whether objects that have only a box are read as the filled box. */
  boxes?: boolean;
}

export interface ImportResult {
  images: number;
  objects: number;
  problems: string[];
  /** Name by which it is taken back. */
  name: string;
}

/** What became of an import that was taken back. */
export interface UndoneImport {
  images: number;
  removed: number;
  restored: number;
  /** Its objects that were changed since, and stay. */
  kept: number;
}

const STUDIO = "/v1/studio";
const RECONNECT = 1000; // Milliseconds.

/**
 * The routes of the server that the page uses. Every call throws a `Problem` where the server answers with an error, and waits where its queue
 * is full.
 */
export class Client {
  /** @param fetcher Stands in for `fetch` in tests. */
  constructor(private readonly fetcher: Fetch = (...args) => fetch(...args)) {}

  project(): Promise<Project> {
    return this.json(STUDIO);
  }

  async saveLabels(labels: readonly Label[]): Promise<Label[]> {
    return (await this.json<{ labels: Label[] }>(`${STUDIO}/labels`, { method: "PUT", json: { labels } })).labels;
  }

  async images(): Promise<ImageSummary[]> {
    return (await this.json<{ images: ImageSummary[] }>(`${STUDIO}/images`)).images;
  }

  /** Adds an image file, as one that was dropped into the page. */
  addImage(file: Blob, name: string): Promise<ImageSummary> {
    return this.json(`${STUDIO}/images`, { method: "POST", body: file, query: { name } });
  }

  open(key: string, signal?: AbortSignal): Promise<OpenImage> {
    return this.json(`${STUDIO}/images/${key}`, { signal });
  }

  /** Address of a small picture. The version makes a new address of a new picture. */
  thumbnail(key: string, version?: number): string {
    return address(`${STUDIO}/images/${key}/thumbnail`, { v: version?.toString() });
  }

  /** Address of a tile. Level 0 is the full resolution. */
  tile({ key, image }: Pick<OpenImage, "key" | "image">, level: number, column: number, row: number): string {
    return address(`${STUDIO}/images/${key}/tiles/${level}/${column}/${row}`, { v: image });
  }

  change(key: string, version: number, change: Change): Promise<{ version: number; document: ImageDocument | null }> {
    return this.json(`${STUDIO}/images/${key}/changes`, { method: "POST", json: { version, change } });
  }

  /** Has an image encoded before it is opened. */
  async ahead(key: string, signal?: AbortSignal): Promise<void> {
    await this.call(`${STUDIO}/images/${key}/ahead`, { method: "POST", signal, patient: false });
  }

  suggest(options: { prompts: Prompt[]; keys?: string[]; threshold?: number; model?: string }): Promise<Job> {
    return this.json(`${STUDIO}/suggest`, { method: "POST", json: options });
  }

  export(formats: string[], states?: ImageState[]): Promise<Job> {
    return this.json(`${STUDIO}/export`, { method: "POST", json: { formats, ...(states && { states }) } });
  }

  /** Adds the objects of an annotation file. Where images have objects, it throws a `Problem` of status 409, unless `mode` says what becomes of them. */
  import(file: Blob, { name, format, mode, boxes }: ImportOptions = {}): Promise<ImportResult> {
    const query = { name, format: format === "" ? undefined : format, mode, boxes: boxes ? "true" : undefined };
    return this.json(`${STUDIO}/import`, { method: "POST", body: file, query });
  }

  /** Takes the latest import back. */
  undoImport(name: string): Promise<UndoneImport> {
    return this.json(`${STUDIO}/imports/${name}`, { method: "DELETE" });
  }

  code(key: string, object: string | null, prompts: Prompt[]): Promise<{ python: string; command: string }> {
    return this.json(`${STUDIO}/code`, { method: "POST", json: { key, object, prompts } });
  }

  async models(): Promise<Model[]> {
    return (await this.json<{ models: Model[] }>("/v1/models")).models;
  }

  /** Segments an image that was opened. If the server has dropped it since, it is opened again, once. */
  async segment(image: Pick<OpenImage, "key" | "image">, prompts: Prompt[], options: SegmentOptions = {}): Promise<FoundMask[]> {
    const { candidates = false, model, window = null, signal, preview = false } = options;
    const send = async (id: string): Promise<FoundMask[]> => {
      const json = { image: { id }, prompts, candidates, ...(model !== undefined && { model }), ...(window && { window }) };
      const found = await this.json<{ masks: FoundMask[] }>("/v1/segment", { method: "POST", json, signal, patient: !preview });
      return found.masks;
    };
    return this.reopening(image, send, signal);
  }

  /** Starts to segment as a job: for everything mode, and whatever takes long. */
  segmentAsJob(
    image: Pick<OpenImage, "key" | "image">,
    prompts: Prompt[],
    { model, window = null }: Pick<SegmentOptions, "model" | "window"> = {},
  ): Promise<Job> {
    const send = (id: string): Promise<Job> => {
      const json = { image: { id }, prompts, ...(model !== undefined && { model }), ...(window && { window }) };
      return this.json("/v1/jobs", { method: "POST", json });
    };
    return this.reopening(image, send);
  }

  job(id: string): Promise<Job> {
    return this.json(`/v1/jobs/${id}`);
  }

  /** What a job that is done has made: `{masks}` of segmenting, `ExportResult` of an export. */
  jobResult<T>(id: string): Promise<T> {
    return this.json(`/v1/jobs/${id}/result`);
  }

  cancelJob(id: string): Promise<Job> {
    return this.json(`/v1/jobs/${id}`, { method: "DELETE" });
  }

  /** Follows a job until it has ended, however it ended. If the connection is lost, it connects again. */
  async watchJob(id: string, progress: (job: Job) => void, signal?: AbortSignal): Promise<Job> {
    let job = await this.job(id);
    while (job.state === "running") {
      try {
        for await (const next of this.jobEvents(id, signal)) progress((job = next));
      } catch (error) {
        if (error instanceof Problem || signal?.aborted) throw error;
      }
      if (job.state !== "running") break;
      await pause(RECONNECT, signal);
      signal?.throwIfAborted();
      job = await this.job(id);
    }
    return job;
  }

  private async *jobEvents(id: string, signal?: AbortSignal): AsyncGenerator<Job> {
    const answer = await this.call(`/v1/jobs/${id}/events`, { signal });
    if (answer.body === null) return;
    for await (const { data } of readEvents(answer.body)) if (data !== "") yield JSON.parse(data) as Job;
  }

  /** Opens the stream of what changes: for `listen`. Its events are `StudioEvent`s. */
  async events(signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const answer = await this.call(`${STUDIO}/events`, { signal });
    if (answer.body === null) throw new Error("the events have no body");
    return answer.body;
  }

  /** Calls any other route, with what it answers as JSON. */
  async json<T>(path: string, options: Call = {}): Promise<T> {
    return (await (await this.call(path, options)).json()) as T;
  }

  call(path: string, options: Call = {}): Promise<Response> {
    return call(this.fetcher, path, options);
  }

  private async reopening<T>(image: Pick<OpenImage, "key" | "image">, send: (id: string) => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await send(image.image);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 404)) throw error;
      const again = await this.open(image.key, signal);
      return send(again.image);
    }
  }
}
