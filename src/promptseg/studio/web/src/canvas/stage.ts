/** The canvas of the studio: an image, objects over it, and what tools draw. The page and the notebook's widget share it. */

import type { Bitmap } from "../model/mask.ts";
import { Emitter, type Stop } from "../model/emitter.ts";
import type { Point, RunLengths } from "../model/types.ts";
import { Canvases } from "./canvases.ts";
import { Input, type InputEvents } from "./input.ts";
import type { Mark } from "./marks.ts";
import { MarksCanvas } from "./markscanvas.ts";
import {
  boxOfStroke,
  drawStroke,
  placeOf,
  type DraftStyle,
  type OverlayPainter,
  type ScenePainter,
  type ShownObject,
  type Stroke,
} from "./painters.ts";
import type { StageKey } from "./pointer.ts";
import { readMask } from "./readmask.ts";
import { BrushRing, type Ring } from "./ring.ts";
import { shapeOf } from "./shapes.ts";
import { changesOf } from "./shown.ts";
import { TileCache, type TileSource } from "./tiles.ts";
import { Viewport, type Size } from "./viewport.ts";

export type { Mark } from "./marks.ts";
export type { DraftStyle, ShownObject, Stroke } from "./painters.ts";
export type { StageKey, StageMenu, StagePointer } from "./pointer.ts";

/** An image to show. */
export interface StageImage extends Size {
  source: TileSource;
}

export interface StageOptions {
  /** The accessible name. */
  label: string;
  /** Whether a wheel without Ctrl zooms and moves the image. Default: yes. */
  wheel?: boolean;
  /** Whether + - 0 zoom. Default: yes. */
  zoomKeys?: boolean;
}

export class Stage {
  readonly viewport = new Viewport();
  readonly host: HTMLElement;
  /** Handles keys before the stage does; the tools are given them by it. */
  onKey: (key: StageKey) => boolean = () => false;
  /** Whether the tool in use wants a click with the other button now. */
  takesOther: () => boolean = () => false;
  /** Whether the image can only be looked at now. It is asked at each click, and tells a person why. */
  refuses: () => boolean = () => false;
  readonly #events = new Emitter<InputEvents>();
  readonly #input: Input;
  readonly #canvases: Canvases;
  readonly #scene: ScenePainter;
  readonly #overlay: OverlayPainter;
  readonly #marks: MarksCanvas;
  readonly #ring: BrushRing;
  readonly #resize: ResizeObserver;
  #frame = 0;
  #selected: ReadonlySet<string> = new Set();
  #hovered: string | null = null;

  constructor(host: HTMLElement, options: StageOptions) {
    this.host = host;
    const { ownerDocument: document } = host;
    this.#canvases = new Canvases(document, this.viewport, () => this.#request());
    this.#scene = this.#canvases.scene;
    this.#overlay = this.#canvases.overlay;
    this.#marks = new MarksCanvas(document);
    this.#ring = new BrushRing(document);
    host.append(this.#canvases.element, this.#marks.element, this.#ring.element);
    host.style.cssText += ";position:relative;overflow:hidden;touch-action:none;user-select:none;contain:strict;";
    host.tabIndex = 0;
    host.setAttribute("role", "application");
    host.setAttribute("aria-label", options.label);
    this.#input = new Input(host, this.viewport, this.#events, {
      wheel: options.wheel ?? true,
      zoomKeys: options.zoomKeys ?? true,
      onKey: (key) => this.onKey(key),
      takesOther: () => this.takesOther(),
      refuses: () => this.refuses(),
    });
    this.#events.on("crosshair", () => this.#redrawMarks());
    this.viewport.onChange(() => this.#viewChanged());
    this.#resize = new ResizeObserver(() => this.#fitHost());
    this.#resize.observe(host);
    this.#fitHost();
  }

  on<Name extends keyof InputEvents>(name: Name, listener: (event: InputEvents[Name]) => void): Stop {
    return this.#events.on(name, listener);
  }

  /** Free everything. The host is left empty. */
  close(): void {
    cancelAnimationFrame(this.#frame);
    this.#resize.disconnect();
    this.#input.close();
    this.#canvases.close();
    this.host.replaceChildren();
  }

  /** The point that the keys move, if it is shown. */
  get crosshair(): Point | null {
    return this.#input.crosshair;
  }

  /** Whether the main button moves the image, and arrow keys too. */
  set pans(pans: boolean) {
    this.#input.pans = pans;
    this.#setCursor();
  }

  /** Whether a tool draws: then Space begins to draw at the crosshair, and Space ends it. Otherwise Space clicks. */
  set keysDrag(drag: boolean) {
    this.#input.keysDrag = drag;
  }

  /** End what a pointer or the keys have begun at the image. It does not count. */
  drop(): void {
    this.#input.drop();
  }

  setLabel(label: string): void {
    this.host.setAttribute("aria-label", label);
  }

  /**
   * Show a picture of an image at once, such as a frame of a video that plays. The objects stay. The image itself, if it is set then, lies over
   * it in the same view.
   */
  showPicture(bitmap: ImageBitmap, { width, height }: Size): void {
    const { viewport } = this;
    if (viewport.image.width !== width || viewport.image.height !== height) viewport.setImage({ width, height });
    const { image } = this.#scene;
    image.tiles?.close();
    image.tiles = null;
    image.picture = { bitmap, width, height };
    this.#canvases.sceneLayer.invalidateAll();
    this.#request();
  }

  /** Show another image, all of it, without objects; or none. */
  setImage(image: StageImage | null): void {
    this.#scene.image.tiles?.close();
    this.#scene.image.tiles = null;
    this.#scene.objects.objects = this.#scene.objects.proposals = [];
    this.#scene.objects.lifted = null;
    Object.assign(this.#overlay, { selected: [], hovered: null, draft: null, stroke: null });
    this.#hovered = null;
    this.#marks.set([]);
    this.#input.hideCrosshair();
    if (image !== null) {
      const { width, height, source } = image;
      this.#scene.image.tiles = new TileCache(source, { width, height }, (tile) => {
        const tiles = this.#scene.image.tiles;
        if (tiles !== null) this.#canvases.sceneLayer.invalidate(placeOf(tiles, tile), 1);
        this.#request();
      });
      const { picture } = this.#scene.image;
      if (picture?.width !== width || picture.height !== height) {
        this.#scene.image.picture = null;
        this.viewport.setImage({ width, height });
      }
    } else {
      this.#scene.image.picture = null;
    }
    this.#canvases.changedAll();
  }

  /** Show objects, the first at the back. What did not change is not painted again. */
  setObjects(objects: readonly ShownObject[]): void {
    const changed = changesOf(this.#scene.objects.objects, objects);
    this.#scene.objects.objects = objects;
    this.#canvases.changed(this.#canvases.sceneLayer, changed);
    this.#markChosen();
  }

  /** Show masks that can be picked, over the objects. */
  setProposals(proposals: readonly ShownObject[]): void {
    const changed = changesOf(this.#scene.objects.proposals, proposals);
    this.#scene.objects.proposals = proposals;
    this.#canvases.changed(this.#canvases.sceneLayer, changed);
    this.#markChosen();
  }

  setSelected(uids: Iterable<string>): void {
    this.#selected = new Set(uids);
    this.#markChosen();
  }

  /** Light up an object, or a proposal, or none. */
  setHovered(uid: string | null): void {
    if (uid === this.#hovered) return;
    this.#hovered = uid;
    this.#markChosen();
  }

  /** Show the mask that is being made. With `lifted`, it stands for that object, which is not shown meanwhile. */
  setDraft(bitmap: Bitmap | null, style: DraftStyle = { kind: "draft", color: "#4c9aff" }, lifted: string | null = null): void {
    const before = this.#overlay.draft?.shape.box;
    const shape = bitmap === null ? null : shapeOf(bitmap);
    this.#overlay.draft = shape === null ? null : { shape, style };
    for (const box of [before, shape?.box]) if (box) this.#canvases.overlayLayer.invalidate(box, this.#canvases.room);
    if (lifted !== this.#scene.objects.lifted) {
      const both = [lifted, this.#scene.objects.lifted];
      this.#scene.objects.lifted = lifted;
      this.#canvases.changed(
        this.#canvases.sceneLayer,
        this.#scene.objects.objects.filter(({ uid }) => both.includes(uid)),
      );
      this.#markChosen();
    }
    this.#request();
  }

  /** Show the way of a brush from its beginning, or none. */
  setStroke(stroke: Stroke | null): void {
    for (const each of [this.#overlay.stroke, stroke])
      if (each !== null) this.#canvases.overlayLayer.invalidate(boxOfStroke(each), this.#canvases.room);
    this.#overlay.stroke = stroke;
    this.#request();
  }

  /** Go on with the stroke that is shown. It is drawn at once. */
  extendStroke(points: readonly Point[]): void {
    const { stroke } = this.#overlay;
    if (stroke === null) return;
    const from = stroke.path.length;
    stroke.path.push(...points);
    if (!this.#canvases.overlayLayer.clean) return; // It is about to be painted as a whole.
    const { context, view } = this.#canvases.overlayLayer;
    context.save();
    drawStroke(context, view, stroke, from);
    context.restore();
  }

  setMarks(marks: readonly Mark[]): void {
    this.#marks.set(marks);
    this.#request();
  }

  /** Show how large the brush is, or not. */
  setRing(ring: Ring | null): void {
    this.#ring.set(ring, this.viewport);
    this.#setCursor();
  }

  /** The uids of the objects that have a pixel, the topmost first. Hidden ones are not there. */
  objectsAt([x, y]: Point): string[] {
    const [column, row] = [Math.round(x), Math.round(y)];
    const there = this.#scene.objects.objects.filter(({ bitmap, hidden }) => hidden !== true && bitmap.has(column, row));
    return there.map(({ uid }) => uid).reverse();
  }

  /** The smallest proposal that has a pixel, or null. */
  proposalAt([x, y]: Point): string | null {
    const [column, row] = [Math.round(x), Math.round(y)];
    const there = this.#scene.objects.proposals.filter(({ bitmap }) => bitmap.has(column, row));
    return (
      there.reduce<ShownObject | null>((least, each) => (least === null || each.bitmap.area < least.bitmap.area ? each : least), null)
        ?.uid ?? null
    );
  }

  fit(): void {
    this.viewport.fit();
  }

  /** Whether everything is painted and all tiles are there: for tests. */
  get settled(): boolean {
    return this.#frame === 0 && this.#canvases.settled;
  }

  /** The pixels that an object fills on an unzoomed canvas, drawn as it is on the stage: for tests. Throws for a uid that is not shown. */
  pixelsOf(uid: string): RunLengths {
    const object = this.#scene.objects.objects.find((each) => each.uid === uid);
    if (object === undefined) throw new Error(`no object ${uid} is shown`);
    return readMask(this.host.ownerDocument, object.bitmap).toRuns();
  }

  get #ratio(): number {
    return this.host.ownerDocument.defaultView?.devicePixelRatio ?? 1;
  }

  #fitHost(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0 || height === 0) return; // It is not laid out now.
    const ratio = this.#ratio;
    this.#canvases.ratio = ratio;
    this.#marks.resize(width, height, ratio);
    this.viewport.setScreen({ width, height }, ratio);
  }

  #viewChanged(): void {
    this.#ring.place(this.viewport);
    this.#canvases.viewChanged();
  }

  #setCursor(): void {
    this.host.style.cursor = this.#input.pans ? "grab" : this.#ring.isShown ? "none" : "crosshair";
  }

  #markChosen(): void {
    const { objects, proposals, lifted } = this.#scene.objects;
    const selected = objects.filter(({ uid, hidden }) => this.#selected.has(uid) && hidden !== true && uid !== lifted);
    const hovered = [...objects, ...proposals].find(({ uid, hidden }) => uid === this.#hovered && hidden !== true) ?? null;
    const before = this.#overlay.selected;
    const changed = changesOf(before, selected);
    if (hovered !== this.#overlay.hovered) changed.push(...[hovered, this.#overlay.hovered].filter((each) => each !== null));
    this.#overlay.selected = selected;
    this.#overlay.hovered = hovered;
    this.#canvases.changed(this.#canvases.overlayLayer, changed);
  }

  #request(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame((now) => this.#paint(now));
  }

  #paint(now: number): void {
    this.#frame = 0;
    if (this.#ratio !== this.viewport.ratio) this.#fitHost(); // The window was moved to another screen, which nothing tells.
    const isPainted = this.#canvases.paint(now);
    this.#drawMarks();
    if (!isPainted) this.#request();
  }

  #redrawMarks(): void {
    this.#marks.invalidate();
    this.#request();
  }

  #drawMarks(): void {
    this.#marks.draw(this.viewport, this.crosshair === null ? [] : [{ kind: "crosshair", at: this.crosshair }]);
  }
}
