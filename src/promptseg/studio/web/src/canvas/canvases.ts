/** The canvases of the image with its objects and of what lies over them. They are painted over several frames where one would take too long. */

import type { Box } from "../model/types.ts";
import { Layer } from "./layer.ts";
import { Pacer } from "./pacer.ts";
import { OverlayPainter, ScenePainter, type ShownObject } from "./painters.ts";
import { Sheet } from "./sheet.ts";
import { levelAt } from "./tiles.ts";
import type { Viewport } from "./viewport.ts";

/** Milliseconds without a zoom after which the sheet is painted at its scale. */
const RESTS_AFTER = 90;
/** Milliseconds a frame for making outlines: while the image moves, and otherwise. */
const MOVING_TIME = 5;
const RESTING_TIME = 12;
/** Device pixels a frame that are painted while the image moves: what comes into view at a fast drag, with time to spare. */
const MOVING_PIXELS = 150_000;
/** Device pixels around an object that its outline takes. */
const LINE_ROOM = 6;
/** So many changed objects are painted before the next frame is shown; more are painted over several. */
const FEW = 32;

export class Canvases {
  /** What is shown: who changes it says so by `changed`, or to the layer. */
  readonly scene = new ScenePainter();
  readonly overlay = new OverlayPainter();
  readonly sceneLayer: Layer;
  readonly overlayLayer: Layer;
  readonly #sheet: Sheet;
  readonly #viewport: Viewport;
  readonly #request: () => void;
  readonly #pacer = new Pacer();
  #zoomed = { scale: 1, at: -Infinity };
  #moved = -Infinity;
  #restTimer: ReturnType<typeof setTimeout> | undefined;

  /** `request` has `paint` called with the next frame. */
  constructor(document: Document, viewport: Viewport, request: () => void) {
    this.#viewport = viewport;
    this.#request = request;
    this.sceneLayer = new Layer(document, this.scene);
    this.overlayLayer = new Layer(document, this.overlay);
    this.#sheet = new Sheet(document, [this.sceneLayer, this.overlayLayer]);
  }

  get element(): HTMLElement {
    return this.#sheet.element;
  }

  /** Whether all is painted at the scale of the view, and all tiles are there. */
  get settled(): boolean {
    const { scale, ratio } = this.#viewport;
    const layers = [this.sceneLayer, this.overlayLayer];
    return layers.every(({ clean, view }) => clean && view.scale === scale * ratio) && this.scene.image.tiles?.complete !== false;
  }

  /** Device pixels around what is painted that its outline takes. */
  get room(): number {
    return LINE_ROOM * this.#viewport.ratio;
  }

  set ratio(ratio: number) {
    this.scene.objects.ratio = this.overlay.ratio = ratio;
  }

  /** Have objects painted anew, where they were and where they are. */
  changed(layer: Layer, objects: readonly ShownObject[]): void {
    const urgent = objects.length <= FEW;
    for (const { bitmap } of objects) if (bitmap.box !== null) layer.invalidate(bitmap.box, this.room, urgent);
    this.#request();
  }

  /** Have all painted anew, as for another image, at its scale at once. */
  changedAll(): void {
    for (const layer of [this.sceneLayer, this.overlayLayer]) layer.invalidateAll();
    this.#zoomed.at = -Infinity;
    this.#request();
  }

  viewChanged(): void {
    this.#moved = performance.now();
    if (this.#viewport.scale !== this.#zoomed.scale) this.#zoomed = { scale: this.#viewport.scale, at: this.#moved };
    this.#request();
  }

  /** Paint what is due in a frame. Returns whether all is painted. */
  paint(now: number): boolean {
    this.overlayLayer.hidden = this.overlay.isEmpty;
    const rests = now - this.#zoomed.at > RESTS_AFTER;
    const isBusy = this.#sheet.follow(this.#viewport, rests);
    if (!rests) this.#restLater();
    this.#wantTiles();
    this.#paintLayers(now, isBusy);
    return this.sceneLayer.clean;
  }

  close(): void {
    clearTimeout(this.#restTimer);
    this.scene.image.tiles?.close();
  }

  #restLater(): void {
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(this.#request, RESTS_AFTER + 1);
  }

  #wantTiles(): void {
    const { tiles } = this.scene.image;
    if (tiles === null) return;
    const { visible, scale, ratio } = this.#viewport;
    const [x0, y0, x1, y1] = visible;
    const [across, down] = [(x1 - x0) / 4, (y1 - y0) / 4]; // Also what comes next when it is moved.
    const box: Box = [x0 - across, y0 - down, x1 + across, y1 + down];
    tiles.want(box, levelAt(scale * ratio, tiles.source.levels), [(x0 + x1) / 2, (y0 + y1) / 2]);
  }

  #paintLayers(now: number, isBusy: boolean): void {
    const paced = this.#pacer.begin(now);
    const moves = now - this.#moved < RESTS_AFTER;
    const budget = isBusy ? 0 : moves ? Math.min(paced, MOVING_PIXELS) : paced;
    const deadline = performance.now() + (moves ? MOVING_TIME : RESTING_TIME);
    const [x, y] = this.#sheet.middle(this.#viewport);
    let painted = this.sceneLayer.paintUrgent();
    if (this.scene.image.tiles === null) this.sceneLayer.paintAll(); // A frame of a video must not be shown in part.
    for (let more = 1; more > 0 && painted < budget; painted += more) more = this.sceneLayer.paintNext(x, y, deadline);
    if (!this.overlay.isEmpty) this.overlayLayer.paintAll(); // Little is on it, and it must not lag.
    this.#pacer.end(painted);
  }
}
