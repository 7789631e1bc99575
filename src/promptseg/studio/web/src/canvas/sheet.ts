/** The layers over one another, larger than the screen by a margin, so that panning moves one element and paints nothing. */

import type { Layer, View } from "./layer.ts";
import type { Viewport } from "./viewport.ts";

/** CSS pixels around the screen that are painted too. */
const MARGIN = 256;
/** The margin on screens of more device pixels than `LARGE`, whose canvases are large enough already. */
const SMALL_MARGIN = 128;
const LARGE = 8_000_000;
/** So much of the margin may be used up before more is painted. */
const USED = 0.5;
/** The most that the painted sheet is stretched while one zooms. */
const MOST_STRETCH = 2;

export class Sheet {
  readonly element: HTMLElement;
  readonly #layers: readonly Layer[];
  #view: View = { scale: 0, left: 0, top: 0 };
  #width = 0;
  #height = 0;
  #ratio = 1;

  constructor(document: Document, layers: readonly Layer[]) {
    this.element = document.createElement("div");
    this.element.style.cssText = "position:absolute;left:0;top:0;transform-origin:0 0;will-change:transform;";
    this.element.append(...layers.map((layer) => layer.canvas));
    this.#layers = layers;
  }

  /** The pixel of the sheet in the middle of the screen. */
  middle(viewport: Viewport): [number, number] {
    const stretch = (viewport.scale * viewport.ratio) / this.#view.scale;
    const { screen, ratio, left, top } = viewport;
    const [x, y] = [((screen.width / 2 - left) * ratio) / stretch, ((screen.height / 2 - top) * ratio) / stretch];
    return [x - this.#view.left, y - this.#view.top];
  }

  /**
   * Show what the viewport shows.
   *
   * `rests` says that nobody zooms at the moment: then the sheet is painted anew at this scale, instead of being stretched. Returns whether
   * what was painted was moved on the canvases, which is work enough for a frame.
   */
  follow(viewport: Viewport, rests: boolean): boolean {
    const margin = marginOf(viewport);
    const width = Math.ceil(viewport.screen.width * viewport.ratio) + 2 * margin;
    const height = Math.ceil(viewport.screen.height * viewport.ratio) + 2 * margin;
    const isAnother = width !== this.#width || height !== this.#height || viewport.ratio !== this.#ratio;
    const moves = isAnother || !this.#serves(viewport, margin, rests);
    if (moves) this.#lie(viewport, margin, width, height);
    this.#place(viewport);
    return moves;
  }

  #serves(viewport: Viewport, margin: number, rests: boolean): boolean {
    const scale = viewport.scale * viewport.ratio;
    const stretch = scale / this.#view.scale;
    if (stretch !== 1 && (rests || stretch > MOST_STRETCH || stretch < 1 / MOST_STRETCH)) return false;
    const { image, screen, ratio } = viewport;
    const slack = stretch === 1 ? margin * (1 - USED) : 0;
    const left = Math.max(0, -viewport.left * ratio - slack) / stretch;
    const top = Math.max(0, -viewport.top * ratio - slack) / stretch;
    const right = Math.min(image.width * scale, (screen.width - viewport.left) * ratio + slack) / stretch;
    const bottom = Math.min(image.height * scale, (screen.height - viewport.top) * ratio + slack) / stretch;
    const view = this.#view;
    return left >= view.left && top >= view.top && right <= view.left + this.#width && bottom <= view.top + this.#height;
  }

  #lie(viewport: Viewport, margin: number, width: number, height: number): void {
    const left = Math.round(-viewport.left * viewport.ratio) - margin;
    const top = Math.round(-viewport.top * viewport.ratio) - margin;
    this.#view = { scale: viewport.scale * viewport.ratio, left, top };
    this.#width = width;
    this.#height = height;
    this.#ratio = viewport.ratio;
    this.element.style.width = `${width / viewport.ratio}px`;
    this.element.style.height = `${height / viewport.ratio}px`;
    for (const layer of this.#layers) layer.lie(this.#view, width, height);
  }

  #place(viewport: Viewport): void {
    const { ratio, scale } = viewport;
    const stretch = (scale * ratio) / this.#view.scale;
    // On whole device pixels: between them, the browser would blur everything.
    const x = Math.round(viewport.left * ratio + this.#view.left * stretch) / ratio;
    const y = Math.round(viewport.top * ratio + this.#view.top * stretch) / ratio;
    this.element.style.transform = `translate(${x}px,${y}px)` + (stretch === 1 ? "" : ` scale(${stretch})`);
  }
}

function marginOf({ screen, ratio }: Viewport): number {
  const isLarge = screen.width * screen.height * ratio * ratio > LARGE;
  return Math.round((isLarge ? SMALL_MARGIN : MARGIN) * ratio);
}
