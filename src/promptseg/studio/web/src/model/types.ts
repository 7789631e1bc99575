/** Values that the page exchanges with the server, and those that its parts exchange. Names and units are those of `docs/reference/server-api.md`. */

/** A mask as COCO RLE: `size` is [height, width], `counts` the compressed run lengths, column by column. */
export interface RunLengths {
  size: [number, number];
  counts: string;
}

/** A point in pixels of the image: (0, 0) is the center of the first pixel. */
export type Point = [number, number];

/** x0, y0, x1, y1 in pixels, half-open. */
export type Box = [number, number, number, number];

/** Points, a box and an earlier mask that together describe one object. */
export interface SpatialPrompt {
  points?: Point[];
  foreground?: boolean[];
  box?: Box;
  mask?: RunLengths;
}

export interface TextPrompt {
  text: string[];
}

export interface ConceptPrompt {
  concept: {
    phrase?: string;
    label?: string;
    examples?: { prompt: SpatialPrompt; positive?: boolean; image?: { id: string } }[];
  };
}

export interface EverythingPrompt {
  everything: { points_per_side?: number; min_mask_region_area?: number };
}

export type Prompt = SpatialPrompt | TextPrompt | ConceptPrompt | EverythingPrompt;

/** A mask of an answer of `POST /v1/segment`. */
export interface FoundMask {
  segmentation: RunLengths;
  area: number;
  box: Box;
  score: number | null;
  label: string | null;
  prompt_index: number | null;
  score_kind: string | null;
}

export interface Model {
  name: string;
  accepts: string[];
  classes: string[];
  detects: boolean;
}

/** How an object came about. */
export type Source = "hand" | "model" | "suggestion" | "import";

/** An object of an image, as it is kept. */
export interface StudioObject {
  /** Chosen by the page that made it; never changes. */
  uid: string;
  label: string | null;
  mask: RunLengths;
  score: number | null;
  source: Source;
  locked: boolean;
  hidden: boolean;
  /** "#rrggbb", or null for the color of its label. */
  color: string | null;
  attributes: Record<string, string>;
  /** What was prompted, in this order, so that it can be refined and copied as code. */
  prompts: Prompt[];
}

/** `new`: nothing is kept. `started`: has objects, and is not done. `suggested`: a pipeline made them. `doubt`: a person marked it so. */
export type ImageState = "new" | "started" | "suggested" | "doubt" | "done";

/** The objects of an image, the first at the back, with the version that changes are made to. */
export interface ImageDocument {
  version: number;
  state: ImageState;
  objects: StudioObject[];
}

/** A change of a document: what `POST …/changes` takes. */
export interface Change {
  /** New objects, and new values of objects that are there. */
  put: StudioObject[];
  remove: string[];
  /** The uids of all objects in their new order, where it changed. */
  order?: string[];
  state?: ImageState;
}

export interface ImageSummary {
  /** Sixteen hexadecimal digits; its address in the API. */
  key: string;
  name: string;
  state: ImageState;
  objects: number;
  version: number;
  /** From 0 to 1; null where no pipeline has seen it. */
  doubt: number | null;
  /** Why it cannot be opened, or null. */
  error: string | null;
}

export interface OpenImage {
  key: string;
  name: string;
  /** Its id in `/v1/images` and `/v1/segment`. */
  image: string;
  width: number;
  height: number;
  tiles: { size: number; levels: number };
  /** Whether only parts of it are read: words, examples and everything mode look in the part that is shown. */
  raster: boolean;
  document: ImageDocument;
  /** True masks, where `--truth` has them. */
  truth: { label: string | null; mask: RunLengths }[];
}

export interface Label {
  name: string;
  /** "#rrggbb". */
  color: string;
  /** The key that gives it, "1" to "9", or null. */
  key: string | null;
}

export interface Project {
  name: string;
  /** The folder of the dataset, as the person named it. */
  out: string;
  /** What identifies the dataset, wherever its folder is. */
  dataset: string;
  kind: "images" | "video";
  images: number;
  labels: Label[];
  /** Names of formats that can be exported. */
  formats: { name: string; summary: string }[];
  truth: boolean;
  /** The score from which text finds objects at first. */
  threshold: number;
  version: string;
}

/** The `id` and `state` of a job of the server, and how far it is. */
export interface Job {
  id: string;
  kind: string;
  state: "running" | "done" | "failed" | "cancelled";
  progress: { stage: string; done: number; total: number; unit: string; failed: number } | null;
  error: string | null;
}
