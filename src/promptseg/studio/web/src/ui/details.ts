/** What can be done to the chosen objects: label, color, attributes, and the edits as buttons. Its height never changes. */

import { plural, t } from "../i18n/index.ts";
import type { StudioObject } from "../model/types.ts";
import { button, setButton } from "./controls.ts";
import { fill, h, setAttribute, setText } from "./dom.ts";
import type { IconName } from "./icons.ts";
import { say } from "./texts.ts";
import type { Workspace } from "./workspace.ts";

const ACTIONS: readonly [action: string, icon: IconName, least: number][] = [
  ["objects.refine", "refine", 1],
  ["objects.merge", "merge", 2],
  ["objects.split", "split", 1],
  ["objects.fill", "fillHoles", 1],
  ["objects.cut", "cut", 1],
  ["objects.smooth", "smooth", 1],
  ["objects.up", "up", 1],
  ["objects.down", "down", 1],
  ["objects.copyImage", "copyImage", 1],
  ["objects.code", "code", 1],
  ["objects.delete", "trash", 1],
];

export class DetailsPane {
  readonly element: HTMLElement;
  private readonly title = h("span", { class: "ellipsis grow soft small", attrs: { "data-testid": "chosen" } });
  private readonly label: HTMLInputElement;
  private readonly color: HTMLInputElement;
  private readonly names = h("datalist", { attrs: { id: "label-names" } });
  private readonly attributes = h("ul", { class: "stack scroll", attrs: { "aria-label": t("details.attributes") } });
  private readonly add: HTMLButtonElement;
  private readonly buttons: HTMLButtonElement[];
  private written = "";
  /** The object whose attributes are shown. */
  private described: string | undefined;

  constructor(private readonly workspace: Workspace) {
    this.label = h("input", {
      class: "field",
      attrs: {
        "aria-label": t("details.label"),
        placeholder: t("details.label"),
        list: "label-names",
        maxlength: 200,
        autocomplete: "off",
        spellcheck: "false",
        "data-testid": "object-label",
      },
      on: {
        change: () => workspace.edits.rename(this.label.value.trim() || null),
        keydown: (event) => {
          if (event.key === "Enter") workspace.edits.rename(this.label.value.trim() || null);
          if (event.key === "Escape") this.write(true);
          if (event.key === "Enter" || event.key === "Escape") workspace.focusStage();
        },
      },
    });
    this.color = h("input", {
      attrs: { type: "color", "aria-label": t("details.color"), "data-tip": t("details.color") },
      on: { change: () => workspace.edits.recolor(this.color.value) },
    });
    this.add = button({ icon: "add", name: t("details.addAttribute"), press: () => this.addRow() });
    this.buttons = ACTIONS.map(([action, picture]) =>
      button({
        icon: picture,
        name: say(`keys.${action}`),
        action,
        testid: `do-${action}`,
        class: action === "objects.delete" ? "danger" : "",
        press: () => workspace.run(action),
      }),
    );
    this.element = h(
      "section",
      { class: "pane details", attrs: { "aria-label": t("details.name") } },
      h(
        "div",
        { class: "body" },
        h("div", { class: "row" }, this.label, this.color, this.names),
        h("div", { class: "actions", attrs: { role: "toolbar", "aria-label": t("details.edits") } }, ...this.buttons),
        h("div", { class: "attributes" }, h("div", { class: "row" }, this.title, this.add), this.attributes),
      ),
    );
    workspace.selection.watch(() => this.write(false));
    workspace.objects.subscribe(() => this.write(false));
    workspace.labels.watch((labels) => {
      fill(this.names, ...labels.map((label) => h("option", { attrs: { value: label.name } })));
      this.write(false);
    });
  }

  focusLabel(): void {
    this.label.focus();
    this.label.select();
  }

  private write(again: boolean): void {
    const chosen = this.workspace.chosen();
    const [first] = chosen;
    this.buttons.forEach((each, index) => setButton(each, { disabled: chosen.length < (ACTIONS[index]?.[2] ?? 1) }));
    for (const field of [this.label, this.color]) field.disabled = first === undefined || chosen.every((object) => object.locked);
    setButton(this.add, { disabled: chosen.length !== 1 || first?.locked === true });
    setText(
      this.title,
      chosen.length === 0 ? t("details.none") : chosen.length > 1 ? plural("objects.chosen", chosen.length) : t("details.attributes"),
    );
    this.color.value = first === undefined ? "#888888" : this.workspace.colorOf(first);
    const written = JSON.stringify(chosen.map((object) => [object.uid, object.label, object.attributes, object.locked]));
    if (written === this.written && !again) return;
    this.written = written;
    const same = chosen.every((object) => object.label === first?.label);
    this.label.value = same ? (first?.label ?? "") : "";
    setAttribute(this.label, "placeholder", same ? t("details.label") : t("details.different"));
    this.writeAttributes(chosen.length === 1 ? first : undefined);
  }

  private writeAttributes(object: StudioObject | undefined): void {
    // Rows that are typed in stay: they may have what is not kept yet, and the focus would be lost with them.
    const same = object?.uid === this.described && JSON.stringify(this.typed()) === JSON.stringify(object?.attributes ?? {});
    if (same && this.attributes.childElementCount > 0) return;
    this.described = object?.uid;
    fill(
      this.attributes,
      ...Object.entries(object?.attributes ?? {}).map(([name, value]) => this.row(name, value, object?.locked ?? false)),
    );
  }

  private addRow(): void {
    const row = this.row("", "", false);
    this.attributes.append(row);
    row.querySelector("input")?.focus();
  }

  private row(name: string, value: string, locked: boolean): HTMLElement {
    const field = (text: string, label: string): HTMLInputElement => {
      const input = h("input", {
        class: "field",
        attrs: { "aria-label": label, placeholder: label, maxlength: 1000, spellcheck: "false", disabled: locked },
        on: { change: () => this.keep() },
      });
      input.value = text;
      return input;
    };
    const row: HTMLElement = h(
      "li",
      { class: "attribute" },
      field(name, t("details.attributeName")),
      field(value, t("details.attributeValue")),
      button({
        icon: "close",
        name: t("details.removeAttribute", { name }),
        press: () => {
          row.remove();
          this.keep();
          this.add.focus();
        },
      }),
    );
    return row;
  }

  private keep(): void {
    this.workspace.edits.describe(this.typed());
  }

  private typed(): Record<string, string> {
    const pairs = [...this.attributes.children].map((row) => [...row.querySelectorAll("input")].map((input) => input.value.trim()));
    return Object.fromEntries(pairs.filter(([name]) => name).map(([name, value]) => [name!, value ?? ""]));
  }
}
