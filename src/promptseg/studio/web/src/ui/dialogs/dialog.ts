/** A dialog on the browser's own `<dialog>`, which keeps the focus inside and gives it back. */

import { t } from "../../i18n/index.ts";
import { button } from "../controls.ts";
import { h, type Child } from "../dom.ts";

let count = 0;

export interface DialogOptions {
  title: string;
  testid: string;
  wide?: boolean;
  body: Child[];
  footer?: Child[];
  /** Called however it is closed. */
  closed?: () => void;
  /** Escape and the cross do not close it: one of its buttons must be pressed. */
  mustChoose?: boolean;
}

export interface OpenDialog {
  element: HTMLDialogElement;
  close: () => void;
}

export function openDialog(options: DialogOptions): OpenDialog {
  const id = `dialog-${++count}`;
  const opener = document.activeElement;
  const close = (): void => element.close();
  const element = h(
    "dialog",
    {
      class: options.wide ? "wide" : "",
      attrs: { "aria-labelledby": id, closedby: options.mustChoose ? "none" : null, "data-testid": options.testid },
      on: {
        close: () => {
          element.remove();
          options.closed?.();
          if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
        },
        cancel: (event) => options.mustChoose && event.preventDefault(),
        // Keys of the page do nothing below a dialog.
        keydown: (event) => {
          event.stopPropagation();
          // Browsers close it at the second Escape, whatever `cancel` says.
          if (options.mustChoose && event.key === "Escape") event.preventDefault();
        },
        click: (event) => event.target === element && !options.mustChoose && close(),
      },
    },
    h(
      "header",
      {},
      h("h2", { attrs: { id } }, options.title),
      !options.mustChoose && button({ icon: "close", name: t("close"), press: close }),
    ),
    h("div", { class: "body" }, ...options.body),
    options.footer && h("footer", {}, ...options.footer),
  );
  document.body.append(element);
  element.showModal();
  const first = element.querySelector<HTMLElement>("[autofocus], .body input, .body select, .body button, footer .primary");
  first?.focus();
  return { element, close };
}
