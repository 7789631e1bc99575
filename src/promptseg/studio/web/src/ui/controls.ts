/** Buttons and fields with a name, a tooltip and their keys. */

import { h, setAttribute, type Child } from "./dom.ts";
import { icon, type IconName } from "./icons.ts";
import { ariaKeys } from "./keys.ts";

export interface ButtonOptions {
  icon?: IconName;
  /** Shown beside the icon. Without it, the name is only in the tooltip and for screen readers. */
  text?: string;
  name: string;
  /** The action of the table of keys whose keys are told. */
  action?: string;
  kind?: "plain" | "primary" | "danger" | "quiet";
  class?: string;
  testid?: string;
  attrs?: Record<string, string | number | boolean | null | undefined>;
  press: (event: MouseEvent) => void;
}

export function button(options: ButtonOptions): HTMLButtonElement {
  const names = ["button", options.kind, options.text === undefined ? "icon-only" : "", options.class];
  const element = h(
    "button",
    {
      class: names.filter(Boolean).join(" "),
      attrs: {
        type: "button",
        "aria-label": options.text === options.name ? null : options.name,
        "aria-keyshortcuts": options.action === undefined ? null : ariaKeys(options.action),
        "data-action": options.action,
        "data-testid": options.testid,
        ...options.attrs,
      },
      on: { click: (event) => element.getAttribute("aria-disabled") !== "true" && options.press(event) },
    },
    options.icon && icon(options.icon),
    options.text !== undefined && h("span", { class: "ellipsis" }, options.text),
  );
  return element;
}

/** Say what a button does now: its picture, name and whether it is pressed. */
export function setButton(
  element: HTMLElement,
  change: { icon?: IconName; name?: string; pressed?: boolean | null; disabled?: boolean },
): void {
  const shown = element.querySelector("svg");
  if (change.icon !== undefined && element.dataset.icon !== change.icon) {
    element.dataset.icon = change.icon;
    shown?.replaceWith(icon(change.icon, shown.classList.contains("small") ? "small" : ""));
  }
  if (change.name !== undefined) setAttribute(element, "aria-label", change.name);
  if (change.pressed !== undefined) setAttribute(element, "aria-pressed", change.pressed === null ? null : String(change.pressed));
  // Not `disabled`: it would throw the focus away from a button that was just pressed.
  if (change.disabled !== undefined) setAttribute(element, "aria-disabled", change.disabled ? "true" : null);
}

/** A field with its label above. */
export function labeled(text: string, field: HTMLElement): HTMLLabelElement {
  return h("label", { class: "stack" }, h("span", { class: "small soft" }, text), field);
}

export function checkbox(
  text: Child,
  checked: boolean,
  change: (checked: boolean) => void,
  attrs: Record<string, string> = {},
): HTMLLabelElement {
  const box = h("input", { attrs: { type: "checkbox", ...attrs }, on: { change: () => change(box.checked) } });
  box.checked = checked;
  return h("label", { class: "check" }, box, h("span", { class: "grow" }, text));
}

/** A bar from 0 to 1; null where it is not known how far it is. */
export class Progress {
  readonly element: HTMLElement;
  private readonly bar = h("span");

  constructor(name: string) {
    this.element = h("div", { class: "progress unknown", attrs: { role: "progressbar", "aria-label": name } }, this.bar);
  }

  set(share: number | null): void {
    this.element.classList.toggle("unknown", share === null);
    setAttribute(this.element, "aria-valuenow", share === null ? null : Math.round(share * 100));
    this.bar.style.setProperty("--share", String(share ?? 0));
  }
}
