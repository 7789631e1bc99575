/** The objects of the image, the frontmost first: chosen by clicks and keys, moved by drag and by keys, thousands of them. */

import { plural, t } from "../i18n/index.ts";
import type { Point, StudioObject } from "../model/types.ts";
import { button, setButton } from "./controls.ts";
import { fill, h, setAttribute, setText } from "./dom.ts";
import { icon } from "./icons.ts";
import { openMenu } from "./menu.ts";
import { itemOf, openObjectMenu } from "./objectmenu.ts";
import { inSight, offsetFor } from "./virtual.ts";
import type { Workspace } from "./workspace.ts";

const BEYOND = 6;

export class ObjectsPane {
  readonly element: HTMLElement;
  private readonly count = h("span", { class: "count", attrs: { "data-testid": "object-count" } });
  private readonly tall = h("div", { class: "tall", attrs: { role: "presentation" } });
  private readonly list: HTMLElement;
  private readonly empty: HTMLElement;
  private readonly rows = new Map<string, Row>();
  private shown: StudioObject[] = [];
  private rowHeight = 32;
  /** The row that the focus is at or comes to, and the one that Shift extends from. */
  private active: string | null = null;
  private anchor: string | null = null;

  constructor(private readonly workspace: Workspace) {
    this.list = h(
      "div",
      {
        class: "list scroll",
        attrs: { role: "grid", "aria-multiselectable": "true", "aria-label": t("objects.name"), "data-testid": "objects" },
        on: {
          scroll: () => this.draw(),
          keydown: (event) => this.key(event),
          pointerleave: () => workspace.pointed.set(null),
        },
      },
      this.tall,
    );
    this.empty = h(
      "div",
      { class: "empty grow" },
      icon("point"),
      h("p", {}, t("objects.empty")),
      h("p", { class: "small" }, t("objects.emptyMore")),
    );
    const more = button({
      icon: "menu",
      name: t("objects.more"),
      attrs: { "aria-haspopup": "menu", "aria-expanded": "false" },
      testid: "objects-menu",
      press: () => this.menu(more),
    });
    this.element = h(
      "section",
      { class: "pane objects", attrs: { "aria-label": t("objects.name") } },
      h("header", {}, h("h2", {}, t("objects.name")), this.count, h("span", { class: "grow" }), more),
      this.list,
      this.empty,
    );
    workspace.objects.watch(() => this.update());
    workspace.selection.watch(() => this.follow());
    workspace.pointed.subscribe(() => this.draw());
    workspace.labels.subscribe(() => this.draw());
    new ResizeObserver(() => this.update()).observe(this.list);
  }

  private update(): void {
    this.shown = [...this.workspace.objects.value].reverse();
    setText(this.count, String(this.shown.length));
    this.empty.hidden = this.shown.length > 0 || this.workspace.open.value === null;
    this.list.hidden = this.shown.length === 0;
    this.rowHeight = parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 32;
    this.tall.style.setProperty("height", `${this.shown.length * this.rowHeight}px`);
    setAttribute(this.list, "aria-rowcount", this.shown.length);
    if (!this.shown.some((object) => object.uid === this.active)) this.active = this.shown[0]?.uid ?? null;
    this.draw();
  }

  /** Bring what was chosen on the image into sight. */
  private follow(): void {
    const chosen = this.workspace.selection.value;
    const last = [...chosen].at(-1);
    if (last !== undefined && !this.list.contains(document.activeElement)) this.activate(last, false);
    this.draw();
  }

  private draw(): void {
    if (this.list.hidden) return;
    const { scrollTop, clientHeight } = this.list;
    const { first, last } = inSight(this.shown.length, this.rowHeight, scrollTop, clientHeight, BEYOND);
    const wanted = this.shown.slice(first, last);
    // The row with the focus stays, wherever it is: the focus would be lost with it.
    const focused = this.shown.find((object) => object.uid === this.active);
    if (focused && !wanted.includes(focused)) wanted.push(focused);
    const keep = new Set(wanted.map((object) => object.uid));
    for (const [uid, row] of this.rows) {
      if (keep.has(uid)) continue;
      row.element.remove();
      this.rows.delete(uid);
    }
    for (const object of wanted) {
      const index = this.shown.indexOf(object);
      const row = this.rows.get(object.uid) ?? this.addRow(object.uid);
      row.show(object, index, this.rowHeight, object.uid === this.active);
      if (row.element.parentElement === null) this.tall.append(row.element);
    }
    this.sortRows(keep);
  }

  /** Screen readers read in the order of the document. */
  private sortRows(uids: ReadonlySet<string>): void {
    let previous: Element | null = null;
    for (const object of this.shown) {
      if (!uids.has(object.uid)) continue;
      const element = this.rows.get(object.uid)!.element;
      if (element.previousElementSibling !== previous && element !== document.activeElement) {
        if (previous) previous.after(element);
        else this.tall.prepend(element);
      }
      previous = element;
    }
  }

  private addRow(uid: string): Row {
    const row = new Row(this.workspace, {
      press: (event) => this.press(uid, event),
      drag: (event) => this.drag(uid, event),
    });
    this.rows.set(uid, row);
    return row;
  }

  private press(uid: string, event: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean }): void {
    const { selection } = this.workspace;
    if (event.shiftKey && this.anchor !== null) selection.set(new Set(this.between(this.anchor, uid)));
    else if (event.ctrlKey || event.metaKey) {
      const chosen = new Set(selection.value);
      if (!chosen.delete(uid)) chosen.add(uid);
      selection.set(chosen);
      this.anchor = uid;
    } else {
      selection.set(new Set([uid]));
      this.anchor = uid;
    }
    this.activate(uid, true);
  }

  private between(from: string, to: string): string[] {
    const uids = this.shown.map((object) => object.uid);
    const [low, high] = [uids.indexOf(from), uids.indexOf(to)].sort((a, b) => a - b) as [number, number];
    return low < 0 ? [to] : uids.slice(low, high + 1);
  }

  private activate(uid: string, focus: boolean): void {
    const index = this.shown.findIndex((object) => object.uid === uid);
    if (index < 0) return;
    this.active = uid;
    this.list.scrollTop = offsetFor(index, this.rowHeight, this.list.scrollTop, this.list.clientHeight);
    this.draw();
    if (focus) this.rows.get(uid)?.element.focus({ preventScroll: true });
  }

  private key(event: KeyboardEvent): void {
    const at = this.shown.findIndex((object) => object.uid === this.active);
    const page = Math.max(1, Math.floor(this.list.clientHeight / this.rowHeight) - 1);
    const to: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: this.shown.length - 1,
      PageDown: at + page,
      PageUp: at - page,
    };
    const wanted = to[event.key];
    const row = this.active === null ? undefined : this.rows.get(this.active);
    if (wanted !== undefined && !event.altKey) {
      const next = this.shown[Math.max(0, Math.min(wanted, this.shown.length - 1))];
      if (next && event.ctrlKey) this.activate(next.uid, true);
      else if (next) this.press(next.uid, { shiftKey: event.shiftKey, ctrlKey: false, metaKey: false });
    } else if (event.key === " " && document.activeElement === row?.element)
      this.press(this.active!, { shiftKey: false, ctrlKey: true, metaKey: false });
    else if (event.key === "Enter" && document.activeElement === row?.element) this.workspace.run("objects.rename");
    else if (event.key === "ArrowRight") row?.step(1);
    else if (event.key === "ArrowLeft") row?.step(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Move the chosen rows with the pointer. */
  private drag(uid: string, down: PointerEvent): void {
    const chosen = this.workspace.selection.value.has(uid) ? this.workspace.selection.value : new Set([uid]);
    const handle = down.currentTarget as HTMLElement;
    let target: number | null = null; // The gap in the list, counted from its top.
    const mark = (): void => {
      for (const [each, row] of this.rows) {
        const index = this.shown.findIndex((object) => object.uid === each);
        row.element.classList.toggle("dragged", target !== null && chosen.has(each));
        row.element.classList.toggle("before", index === target);
        row.element.classList.toggle("after", target === this.shown.length && index === target - 1);
      }
    };
    const move = (event: PointerEvent): void => {
      if (target === null && Math.abs(event.clientY - down.clientY) < 4) return;
      const box = this.list.getBoundingClientRect();
      if (event.clientY < box.top + 16) this.list.scrollTop -= 8;
      if (event.clientY > box.bottom - 16) this.list.scrollTop += 8;
      const y = event.clientY - box.top + this.list.scrollTop;
      target = Math.max(0, Math.min(this.shown.length, Math.round(y / this.rowHeight)));
      mark();
    };
    const up = (event: PointerEvent): void => {
      handle.removeEventListener("pointermove", move);
      handle.removeEventListener("pointerup", up);
      handle.removeEventListener("pointercancel", up);
      const gap = target;
      target = null;
      mark();
      if (gap === null || event.type === "pointercancel") return;
      const behind = this.shown.slice(gap).filter((object) => !chosen.has(object.uid)).length;
      this.workspace.edits.moveTo(chosen, behind);
    };
    handle.setPointerCapture(down.pointerId);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", up);
    handle.addEventListener("pointercancel", up);
  }

  private menu(opener: HTMLElement): void {
    const { workspace } = this;
    const none = this.shown.length === 0;
    const chosen = workspace.selection.value.size;
    openMenu(opener, t("objects.more"), [
      itemOf(workspace, "objects.all", none),
      itemOf(workspace, "objects.fromBefore", false, "before"),
      "line",
      {
        text: t("objects.showAll"),
        icon: "visible",
        disabled: !this.shown.some((object) => object.hidden),
        choose: () => workspace.edits.showAll(),
      },
      ...(chosen > 1 ? [{ heading: plural("objects.chosen", chosen) }] : []),
    ]);
  }
}

interface RowEvents {
  press: (event: MouseEvent) => void;
  drag: (event: PointerEvent) => void;
}

/** A row: swatch with its number, label, score, eye and lock. */
class Row {
  readonly element: HTMLElement;
  private readonly swatch: HTMLElement;
  private readonly label = h("div", { class: "label", attrs: { role: "gridcell" } });
  private readonly score = h("div", { class: "score", attrs: { role: "gridcell" } });
  private readonly eye: HTMLButtonElement;
  private readonly lock: HTMLButtonElement;
  private object: StudioObject | null = null;
  private written = "";

  constructor(
    private readonly workspace: Workspace,
    events: RowEvents,
  ) {
    const toggle = (member: "hidden" | "locked") => (event: MouseEvent) => {
      event.stopPropagation();
      if (this.object) workspace.edits.toggle(new Set([this.object.uid]), member);
    };
    this.swatch = h("span", { class: "swatch", attrs: { title: t("objects.drag") }, on: { pointerdown: events.drag } });
    this.eye = button({ icon: "visible", name: "", attrs: { tabindex: -1 }, press: toggle("hidden") });
    this.lock = button({ icon: "unlocked", name: "", attrs: { tabindex: -1 }, press: toggle("locked") });
    for (const each of [this.eye, this.lock]) each.querySelector("svg")?.classList.add("small");
    this.element = h(
      "div",
      {
        class: "object",
        attrs: { role: "row", "data-testid": "object" },
        on: {
          click: events.press,
          dblclick: () => workspace.run("objects.rename"),
          contextmenu: (event) => this.menu(event),
          pointerenter: () => workspace.pointed.set(this.object?.uid ?? null),
        },
      },
      h("div", { attrs: { role: "gridcell" } }, this.swatch),
      this.label,
      this.score,
      h("div", { attrs: { role: "gridcell" } }, this.eye),
      h("div", { attrs: { role: "gridcell" } }, this.lock),
    );
  }

  show(object: StudioObject, index: number, height: number, active: boolean): void {
    this.object = object;
    const { element, workspace } = this;
    const number = workspace.numberOf(object.uid);
    element.dataset.uid = object.uid;
    element.style.setProperty("translate", `0 ${index * height}px`);
    setAttribute(element, "aria-rowindex", index + 1);
    setAttribute(element, "aria-selected", String(workspace.selection.value.has(object.uid)));
    setAttribute(element, "tabindex", active ? 0 : -1);
    element.classList.toggle("pointed", workspace.pointed.value === object.uid);
    element.classList.toggle("hidden-object", object.hidden);
    this.swatch.style.setProperty("--color", workspace.colorOf(object));
    setText(this.swatch, String(number));
    const written = `${object.label ?? ""}\n${object.score ?? ""}\n${object.source}\n${object.hidden}\n${object.locked}`;
    if (written === this.written) return;
    this.written = written;
    const name = object.label ?? t("objects.noLabel");
    fill(
      this.label,
      h("span", { class: object.label === null ? "none ellipsis" : "ellipsis" }, name),
      object.source === "suggestion" &&
        h(
          "span",
          { attrs: { "data-tip": t("source.suggestion"), "aria-label": t("source.suggestion"), role: "img" } },
          icon("suggested", "small"),
        ),
    );
    setText(this.score, object.score === null ? "" : object.score.toFixed(2));
    setAttribute(this.score, "aria-label", object.score === null ? null : t("objects.score", { score: object.score.toFixed(2) }));
    setButton(this.eye, {
      icon: object.hidden ? "hidden" : "visible",
      name: t(object.hidden ? "objects.show" : "objects.hide", { name }),
      pressed: object.hidden,
    });
    setButton(this.lock, {
      icon: object.locked ? "locked" : "unlocked",
      name: t(object.locked ? "objects.unlock" : "objects.lock", { name }),
      pressed: object.locked,
    });
    this.eye.classList.toggle("quiet", !object.hidden);
    this.lock.classList.toggle("quiet", !object.locked);
  }

  /** Open the menu of the object: below the row, where the key asks for it. */
  private menu(event: MouseEvent): void {
    event.preventDefault();
    const { left, bottom } = this.element.getBoundingClientRect();
    const at: Point = event.button === 2 ? [event.clientX, event.clientY] : [left + 24, bottom];
    openObjectMenu(this.workspace, this.element, at, this.object?.uid);
  }

  /** Move the focus between the row and its buttons. */
  step(by: 1 | -1): void {
    const places = [this.element, this.eye, this.lock];
    const at = places.findIndex((place) => place === document.activeElement);
    places[Math.max(0, Math.min(at + by, places.length - 1))]?.focus();
  }
}
