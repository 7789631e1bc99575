/** Values that the page exchanges with the server about a video. The schemas of the server are in `studio_server/api/video_schemas.py`. */

import type { Job, Prompt, RunLengths } from "../model/types.ts";

/** What is known of an object on some frames: 1 where it is seen, 2 lost, 4 said not to be there. */
export type Kind = 1 | 2 | 4;

export const SEEN = 1;
export const LOST = 2;
export const GONE = 4;

/** Frames from `start` to before `stop` of which the same is known. */
export type Run = [start: number, stop: number, kind: Kind];

export interface VideoObject {
  uid: string;
  /** Its number in exports, from 1. */
  number: number;
  label: string | null;
  color: string | null;
  hidden: boolean;
  locked: boolean;
  attributes: Record<string, string>;
  /** In order; frames in no run have nothing. */
  runs: Run[];
  /** Frames that a person has marked, in order. */
  keys: number[];
  /** Frames where a person said that the object is not there, in order. */
  gone: number[];
}

export interface VideoState {
  name: string;
  /** Changes with the file. */
  content: string;
  width: number;
  height: number;
  /** Null where it cannot be known without decoding all of it. */
  frames: number | null;
  fps: number | null;
  /** Counts changes and tracked frames. */
  version: number;
  /** The first at the back. */
  objects: VideoObject[];
  /** The job that tracks now. */
  tracking: Job | null;
}

/** What is known of an object on one frame. */
export interface ObjectOnFrame {
  uid: string;
  kind: "seen" | "lost" | "key" | "gone";
  segmentation: RunLengths;
  score: number | null;
  /** "track", or how a keyframe came about. */
  source: string;
  prompts: Prompt[];
}

export interface FrameMasks {
  frame: number;
  objects: ObjectOnFrame[];
}

export type ObjectValues = Pick<VideoObject, "uid" | "label" | "color" | "hidden" | "locked" | "attributes">;

/** The mask of an object on a frame as a person wants it; null where the object is not there. */
export interface KeyFrame {
  frame: number;
  uid: string;
  mask: RunLengths | null;
  score: number | null;
  source: "hand" | "model" | "import";
  prompts: Prompt[];
}

/** A change of a video's objects: what `POST /v1/studio/video/changes` takes, with the version. */
export interface VideoChange {
  objects?: ObjectValues[];
  remove?: string[];
  order?: string[];
  keys?: KeyFrame[];
  unkey?: { frame: number; uid: string }[];
}

export type Direction = "forward" | "back" | "both";

/** What happened: a frame was tracked; or something else, for which the video is loaded again. */
export type VideoEvent = { type: "frame"; frame: number; version: number; objects: ObjectOnFrame[] } | { type: "video"; version: number };
