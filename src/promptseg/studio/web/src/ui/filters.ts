/** Which images of the folder are shown, in which order, and which one comes next. */

import type { ImageState, ImageSummary } from "../model/types.ts";

export const STATES: readonly ImageState[] = ["new", "started", "suggested", "doubt", "done"];

export interface Filter {
  /** Part of a name, whatever its case. */
  search: string;
  /** One state, or all. */
  state: ImageState | "all";
  order: "name" | "doubt";
}

export const ALL: Filter = { search: "", state: "all", order: "name" };

/** The images that a filter shows. By doubt, those that no pipeline has seen come last; equal ones keep their order. */
export function shownImages(images: readonly ImageSummary[], filter: Filter): ImageSummary[] {
  const wanted = filter.search.trim().toLowerCase();
  const shown = images.filter(
    (image) => (filter.state === "all" || image.state === filter.state) && (wanted === "" || image.name.toLowerCase().includes(wanted)),
  );
  return filter.order === "doubt" ? shown.sort((a, b) => (b.doubt ?? -1) - (a.doubt ?? -1)) : shown;
}

/** Whether a pipeline has seen any of them, so that an order by doubt says something. */
export function areDoubted(images: readonly ImageSummary[]): boolean {
  return images.some((image) => image.doubt !== null);
}

export function countStates(images: readonly ImageSummary[]): Record<ImageState, number> {
  const counts: Record<ImageState, number> = { new: 0, started: 0, suggested: 0, doubt: 0, done: 0 };
  for (const image of images) counts[image.state]++;
  return counts;
}

/** The image `steps` further on in the list, or null at its ends. An image outside the list counts as before its first. */
export function neighbor(images: readonly ImageSummary[], key: string | null, steps: number): ImageSummary | null {
  return images[images.findIndex((image) => image.key === key) + steps] ?? null;
}

/** The next image that is not done, from the one after `key` around to its own; null where all are. Broken files are left out. */
export function nextUndone(images: readonly ImageSummary[], key: string | null): ImageSummary | null {
  const start = images.findIndex((image) => image.key === key) + 1;
  const around = [...images.slice(start), ...images.slice(0, start)];
  return around.find((image) => image.key !== key && image.state !== "done" && image.error === null) ?? null;
}
