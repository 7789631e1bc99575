/** The labels of the project: one is given to new objects, and to the chosen ones when its key is pressed. */

import { t } from "../i18n/index.ts";
import type { Label } from "../model/types.ts";
import { button } from "./controls.ts";
import { fill, h, setAttribute } from "./dom.ts";
import { icon } from "./icons.ts";
import { openMenu } from "./menu.ts";
import type { Workspace } from "./workspace.ts";

export class LabelsPane {
  readonly element: HTMLElement;
  private readonly list = h("ul", {
    class: "list scroll",
    attrs: { "aria-label": t("labels.name"), "data-testid": "labels", tabindex: -1 },
  });

  constructor(private readonly workspace: Workspace) {
    this.element = h(
      "section",
      { class: "pane labels", attrs: { "aria-label": t("labels.name") } },
      h(
        "header",
        {},
        h("h2", {}, t("labels.name")),
        h("span", { class: "grow" }),
        button({ icon: "add", name: t("keys.labels.add"), action: "labels.add", testid: "add-label", press: () => this.add() }),
      ),
      this.list,
    );
    workspace.labels.watch(() => this.write());
    workspace.label.subscribe(() => this.mark());
    workspace.objects.subscribe(() => this.writeCounts());
  }

  add(): void {
    this.edit(null);
  }

  private write(): void {
    const { labels } = this.workspace;
    if (labels.value.length === 0) {
      fill(this.list, h("li", { class: "empty small grow" }, h("p", {}, t("labels.empty"))));
      return;
    }
    const focused =
      document.activeElement instanceof HTMLElement ? document.activeElement.closest<HTMLElement>(".label-row")?.dataset.name : undefined;
    fill(this.list, ...labels.value.map((label) => this.row(label)));
    this.mark();
    this.writeCounts();
    if (focused !== undefined) this.rowOf(focused)?.querySelector("button")?.focus();
  }

  private rowOf(name: string): HTMLElement | undefined {
    return [...this.list.querySelectorAll<HTMLElement>(".label-row")].find((row) => row.dataset.name === name);
  }

  private mark(): void {
    for (const row of this.list.querySelectorAll<HTMLElement>(".label-row")) {
      setAttribute(row.firstElementChild!, "aria-pressed", String(row.dataset.name === this.workspace.label.value));
    }
  }

  private writeCounts(): void {
    const counts = new Map<string | null, number>();
    for (const object of this.workspace.objects.value) counts.set(object.label, (counts.get(object.label) ?? 0) + 1);
    for (const row of this.list.querySelectorAll<HTMLElement>(".label-row")) {
      const place = row.querySelector(".count");
      if (place) place.textContent = String(counts.get(row.dataset.name ?? null) ?? "");
    }
  }

  private row(label: Label): HTMLElement {
    const swatch = h("span", { class: "swatch", style: { "--color": label.color } });
    const pick = h(
      "button",
      {
        class: "pick",
        attrs: { type: "button", "aria-pressed": "false", "aria-keyshortcuts": label.key, "data-testid": "label" },
        on: { click: () => this.workspace.labelBook.give(label.name) },
      },
      swatch,
      h("span", { class: "ellipsis" }, label.name),
      h("span", { class: "count soft small numbers" }),
      label.key !== null && h("kbd", { attrs: { "aria-hidden": "true" } }, label.key),
    );
    const more = button({
      icon: "menu",
      name: t("labels.more", { name: label.name }),
      attrs: { "aria-haspopup": "menu", "aria-expanded": "false" },
      press: () =>
        openMenu(more, label.name, [
          { text: t("labels.edit"), icon: "brush", choose: () => this.edit(label) },
          { text: t("labels.remove"), icon: "trash", choose: () => this.workspace.labelBook.remove(label.name) },
          "line",
          { heading: t("labels.key") },
          ...["1", "2", "3", "4", "5", "6", "7", "8", "9"].map((key) => ({
            text: key,
            checked: label.key === key,
            choose: () => this.workspace.labelBook.setKey(label.name, key),
          })),
        ]),
    });
    more.querySelector("svg")?.classList.add("small");
    return h("li", { class: "label-row", attrs: { "data-name": label.name } }, pick, more);
  }

  /** Keep what was written of a label, or of a new one. Returns whether the list has changed. */
  private keep(label: Label | null, name: string, color: string): boolean {
    const { labelBook, labels } = this.workspace;
    if (label !== null) return labelBook.edit(label.name, name, color);
    const before = labels.value;
    const added = labelBook.add(name, color);
    if (added) labelBook.keepUndoable(before);
    return added;
  }

  /** Name and color in the place of the row; of a new label, at the end. */
  private edit(label: Label | null): void {
    const opener = document.activeElement;
    const name = h("input", {
      class: "field",
      attrs: {
        "aria-label": t("labels.nameOf"),
        placeholder: t("labels.nameOf"),
        maxlength: 200,
        spellcheck: "false",
        "data-testid": "label-name",
      },
    });
    const color = h("input", { attrs: { type: "color", "aria-label": t("details.color") } });
    name.value = label?.name ?? "";
    color.value = label?.color ?? this.workspace.labelBook.nextColor();
    const form = h(
      "form",
      { class: "row grow", attrs: { "aria-label": label === null ? t("keys.labels.add") : t("labels.edit") } },
      color,
      name,
      h("button", { class: "button icon-only", attrs: { type: "submit", "aria-label": t("labels.keep") } }, icon("check")),
    );
    const row = h("li", { class: "label-form" }, form);
    let closed = false;
    const close = (keep: boolean): void => {
      if (closed) return;
      closed = true;
      const wanted = name.value.trim();
      if (!keep || wanted === "" || !this.keep(label, wanted, color.value)) this.write();
      const added = keep ? this.rowOf(wanted) : undefined;
      added?.scrollIntoView({ block: "nearest" });
      if (document.activeElement !== document.body && !form.contains(document.activeElement)) return; // The person went on elsewhere.
      const back =
        opener instanceof HTMLElement && opener !== document.body && opener.isConnected ? opener : added?.querySelector("button");
      (back ?? this.element.querySelector<HTMLElement>("header .button"))?.focus();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      close(true);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      close(false);
    });
    form.addEventListener("focusout", (event) => {
      if (!(event.relatedTarget instanceof Node && form.contains(event.relatedTarget)) && document.hasFocus()) close(true);
    });
    const place = label === null ? undefined : this.rowOf(label.name);
    if (place) place.replaceWith(row);
    else {
      this.list.querySelector(".empty")?.remove();
      this.list.append(row);
    }
    row.scrollIntoView({ block: "nearest" });
    name.focus();
    name.select();
  }
}
