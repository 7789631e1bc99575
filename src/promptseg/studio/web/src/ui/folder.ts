/** The folder: thumbnails with states, filters, search; as a strip, or tall as a grid. Only what is in sight is in the page. */

import { plural, t } from "../i18n/index.ts";
import type { ImageSummary } from "../model/types.ts";
import { button, setButton } from "./controls.ts";
import { fill, h, setAttribute, setText } from "./dom.ts";
import { areDoubted, countStates, shownImages, STATES, type Filter } from "./filters.ts";
import { icon } from "./icons.ts";
import { openMenu } from "./menu.ts";
import { shortName } from "./names.ts";
import { recall, remember } from "./settings.ts";
import { cellsOf, inSight, offsetFor } from "./virtual.ts";
import type { Workspace } from "./workspace.ts";

const CELL = 104; // Pixels a thumbnail is wide at least.
const USUAL_HEIGHT = 86;
const FEW = 4; // Images up to which the strip says how to add more.

type Size = "strip" | "tall" | "folded";

export class FolderPane {
  readonly element: HTMLElement;
  private readonly filters = h("div", { class: "filters", attrs: { role: "group", "aria-label": t("folder.filters") } });
  private readonly search: HTMLInputElement;
  private readonly order: HTMLButtonElement;
  private readonly size: HTMLButtonElement;
  private readonly fold: HTMLButtonElement;
  private readonly tall = h("ul", { class: "tall", attrs: { "aria-label": t("folder.name") } });
  private readonly view: HTMLElement;
  private readonly empty = h("div", { class: "empty" });
  private readonly thumbs = new Map<string, Thumb>();
  private shown: ImageSummary[] = [];
  private active: string | null = null;
  private kept = recall<Size>("folder", "strip");

  constructor(private readonly workspace: Workspace) {
    this.search = h("input", {
      class: "field",
      attrs: {
        type: "search",
        "aria-label": t("keys.images.search"),
        placeholder: t("folder.search"),
        "data-testid": "search",
        "aria-keyshortcuts": "/",
      },
      on: {
        input: () => this.filter({ search: this.search.value }),
        keydown: (event) => {
          if (event.key === "Escape") {
            event.stopPropagation();
            this.search.value = "";
            this.filter({ search: "" });
            this.workspace.focusStage();
          } else if (event.key === "Enter" || event.key === "ArrowDown") this.focusActive();
        },
      },
    });
    this.order = button({
      icon: "doubt",
      name: t("folder.byDoubt"),
      text: t("folder.byDoubt"),
      attrs: { "aria-pressed": "false" },
      testid: "by-doubt",
      class: "by-doubt",
      press: () => this.turnOrder(),
    });
    this.size = button({
      icon: "grid",
      name: t("keys.view.folder"),
      action: "view.folder",
      testid: "folder-tall",
      press: () => this.grow(),
    });
    this.fold = button({ icon: "fold", name: t("folder.fold"), press: () => this.resize(this.kept === "folded" ? "strip" : "folded") });
    const more = button({
      icon: "menu",
      name: t("folder.more"),
      testid: "folder-menu",
      attrs: { "aria-haspopup": "menu", "aria-expanded": "false" },
      press: () =>
        openMenu(more, t("folder.more"), [
          { text: t("folder.add"), icon: "add", choose: () => workspace.run("images.add") },
          { text: t("suggest.title"), icon: "salient", testid: "suggest", choose: () => workspace.run("images.suggest") },
          { text: t("import.title"), icon: "import", testid: "import", choose: () => workspace.run("images.import") },
        ]),
    });
    this.view = h(
      "div",
      {
        class: "thumbs scroll",
        attrs: { "data-testid": "thumbs" },
        on: { scroll: () => this.draw(), keydown: (event) => this.key(event) },
      },
      this.tall,
      this.empty,
    );
    this.view.addEventListener("wheel", (event) => this.sideways(event), { passive: true });
    this.element = h(
      "section",
      { class: "folder", attrs: { "aria-label": t("folder.name"), "data-testid": "folder" } },
      h(
        "header",
        {},
        h("h2", { class: "visually-hidden" }, t("folder.name")),
        this.filters,
        h("span", { class: "grow" }),
        this.order,
        h("div", { class: "search" }, icon("search", "small"), this.search),
        more,
        this.size,
        this.fold,
      ),
      this.view,
    );
    workspace.images.watch(() => this.update());
    workspace.filter.subscribe(() => this.update());
    workspace.key.watch((key) => this.follow(key));
    new ResizeObserver(() => this.draw()).observe(this.view);
    this.resize(this.kept);
  }

  focusSearch(): void {
    if (this.kept === "folded") this.resize("strip");
    this.search.focus();
    this.search.select();
  }

  grow(): void {
    this.resize(this.kept === "tall" ? "strip" : "tall");
  }

  private get isTall(): boolean {
    return this.kept === "tall";
  }

  private resize(size: Size): void {
    this.kept = size;
    remember("folder", size);
    this.element.classList.toggle("tall", size === "tall");
    this.element.classList.toggle("folded", size === "folded");
    this.view.hidden = size === "folded";
    setButton(this.size, { pressed: size === "tall" });
    setButton(this.fold, { icon: size === "folded" ? "unfold" : "fold", name: t(size === "folded" ? "folder.unfold" : "folder.fold") });
    this.draw();
    this.follow(this.workspace.key.value);
  }

  private filter(change: Partial<Filter>): void {
    this.workspace.filter.update((filter) => ({ ...filter, ...change }));
  }

  private turnOrder(): void {
    this.filter({ order: this.workspace.filter.value.order === "doubt" ? "name" : "doubt" });
  }

  private update(): void {
    const { images, filter } = this.workspace;
    this.shown = shownImages(images.value, filter.value);
    this.writeFilters();
    this.order.hidden = !areDoubted(images.value);
    setButton(this.order, { pressed: filter.value.order === "doubt" });
    const nothing = this.shown.length === 0;
    const few = images.value.length <= FEW;
    this.empty.hidden = !nothing && !few;
    this.tall.hidden = nothing;
    this.empty.classList.toggle("beside", !nothing);
    this.empty.style.setProperty("--shown", String(this.shown.length));
    if (nothing || few) fill(this.empty, h("p", {}, t(few ? "folder.empty" : "folder.noMatch")));
    this.draw();
  }

  private writeFilters(): void {
    const { images, filter } = this.workspace;
    const counts = countStates(images.value);
    const all = ["all", ...STATES] as const;
    if (this.filters.children.length === 0) {
      fill(
        this.filters,
        ...all.map((state) =>
          button({
            ...(state === "all" ? {} : { icon: state }),
            name: t(`state.${state}`),
            text: "",
            class: "state",
            testid: `filter-${state}`,
            attrs: { "data-state": state },
            press: () => this.filter({ state: filter.value.state === state ? "all" : state }),
          }),
        ),
      );
    }
    all.forEach((state, index) => {
      const element = this.filters.children[index] as HTMLElement;
      const count = state === "all" ? images.value.length : counts[state];
      setText(element.querySelector("span")!, state === "all" ? plural("folder.images", count) : String(count));
      setButton(element, {
        name: `${t(`state.${state}`)}: ${state === "all" ? plural("folder.images", count) : count}`,
        pressed: filter.value.state === state,
      });
    });
  }

  private follow(key: string | null): void {
    this.active = key ?? this.active;
    this.show(this.active);
    this.draw();
  }

  private get cells(): { columns: number; width: number; height: number } {
    const height = this.tall.querySelector(".thumb")?.clientHeight ?? USUAL_HEIGHT;
    if (!this.isTall) return { columns: Math.max(1, this.shown.length), width: CELL, height };
    return cellsOf(this.shown.length, this.view.clientWidth - 16, CELL, height);
  }

  private show(key: string | null): void {
    const index = this.shown.findIndex((image) => image.key === key);
    if (index < 0) return;
    const { columns, width, height } = this.cells;
    if (this.isTall) this.view.scrollTop = offsetFor(Math.floor(index / columns), height, this.view.scrollTop, this.view.clientHeight);
    else {
      // The neighbors of the image can be seen, too.
      const { scrollLeft, clientWidth } = this.view;
      const near = offsetFor(index + 1, width, offsetFor(Math.max(0, index - 1), width, scrollLeft, clientWidth), clientWidth);
      this.view.scrollLeft = near;
    }
  }

  private draw(): void {
    if (this.view.hidden) return;
    const { columns, width, height } = this.cells;
    const rows = Math.ceil(this.shown.length / columns);
    this.tall.style.setProperty("width", this.isTall ? "auto" : `${this.shown.length * width + 16}px`);
    this.tall.style.setProperty("height", this.isTall ? `${rows * height + 8}px` : `${height}px`);
    const seen = this.isTall
      ? inSight(rows, height, this.view.scrollTop, this.view.clientHeight, 1)
      : inSight(this.shown.length, width, this.view.scrollLeft, this.view.clientWidth, 2);
    const [first, last] = this.isTall ? [seen.first * columns, Math.min(seen.last * columns, this.shown.length)] : [seen.first, seen.last];
    const wanted = new Map(this.shown.slice(first, last).map((image, place) => [image.key, { image, index: first + place }]));
    for (const [key, thumb] of this.thumbs) {
      if (wanted.has(key) || thumb.element.contains(document.activeElement)) continue;
      thumb.element.remove();
      this.thumbs.delete(key);
    }
    for (const [key, { image, index }] of wanted) {
      const thumb = this.thumbs.get(key) ?? new Thumb(this.workspace, key);
      this.thumbs.set(key, thumb);
      const x = 8 + (index % columns) * width;
      const y = this.isTall ? Math.floor(index / columns) * height : 0;
      thumb.show(
        image,
        { x, y, width, index, count: this.shown.length },
        key === this.workspace.key.value,
        key === (this.active ?? this.shown[0]?.key),
      );
      if (thumb.element.parentElement === null) this.tall.append(thumb.element);
    }
  }

  private key(event: KeyboardEvent): void {
    const at = this.shown.findIndex((image) => image.key === this.active);
    const { columns } = this.cells;
    const down = this.isTall ? columns : 0;
    const to: Record<string, number> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + down,
      ArrowUp: at - down,
      Home: 0,
      End: this.shown.length - 1,
    };
    const wanted = to[event.key];
    if (wanted === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.active = this.shown[Math.max(0, Math.min(wanted, this.shown.length - 1))]?.key ?? null;
    this.focusActive();
  }

  private focusActive(): void {
    if (!this.shown.some((image) => image.key === this.active)) this.active = this.shown[0]?.key ?? null;
    this.show(this.active);
    this.draw();
    if (this.active !== null) this.thumbs.get(this.active)?.button.focus({ preventScroll: true });
  }

  /** A wheel without a second direction scrolls the strip. */
  private sideways(event: WheelEvent): void {
    if (!this.isTall && event.deltaX === 0) this.view.scrollLeft += event.deltaY;
  }
}

interface Place {
  x: number;
  y: number;
  width: number;
  index: number;
  count: number;
}

class Thumb {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  private readonly image: HTMLImageElement;
  private readonly badge = h("span", { class: "badge state" });
  private readonly count = h("span", { class: "objects-count", attrs: { "aria-hidden": "true" } });
  private readonly more = h("span", { class: "visually-hidden" });
  private readonly name = h("span", { class: "name ellipsis" });
  private state = "";

  constructor(workspace: Workspace, key: string) {
    this.image = h("img", { attrs: { alt: "", loading: "lazy", decoding: "async", draggable: "false", src: workspace.thumbnail(key) } });
    this.button = h(
      "button",
      {
        class: "thumb",
        attrs: { type: "button", "data-key": key, "data-testid": "thumb" },
        on: { click: () => void workspace.openKey(key) },
      },
      h("span", { class: "picture" }, this.image, this.count, this.badge),
      this.name,
      this.more,
    );
    this.element = h("li", {}, this.button);
  }

  show(image: ImageSummary, place: Place, current: boolean, active: boolean): void {
    const { button: thumb } = this;
    thumb.style.setProperty("translate", `${place.x}px ${place.y}px`);
    thumb.style.setProperty("width", `${place.width}px`);
    setAttribute(this.element, "aria-posinset", place.index + 1);
    setAttribute(this.element, "aria-setsize", place.count);
    setAttribute(thumb, "aria-current", current ? "true" : null);
    setAttribute(thumb, "tabindex", active ? 0 : -1);
    const written = `${image.state} ${image.objects} ${image.error} ${image.name} ${image.doubt}`;
    if (written === this.state) return;
    this.state = written;
    const state = t(`state.${image.state}`);
    const doubt = image.doubt === null ? "" : ` · ${t("folder.doubt", { percent: Math.round(image.doubt * 100) })}`;
    setText(this.more, `, ${image.error ?? state}, ${plural("objects.count", image.objects)}`);
    setAttribute(thumb, "data-tip", `${image.name} · ${image.error ?? state}${doubt}`);
    setText(this.name, shortName(image.name));
    this.count.hidden = image.objects === 0;
    setText(this.count, String(image.objects));
    this.badge.dataset.state = image.state;
    fill(this.badge, icon(image.error === null ? image.state : "warning"));
    this.image.hidden = image.error !== null;
  }
}
