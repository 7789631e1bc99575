/** What was clicked, as Python and as a command, to be copied. */

import { t } from "../../i18n/index.ts";
import { button } from "../controls.ts";
import { h } from "../dom.ts";
import { openDialog } from "./dialog.ts";

export interface Code {
  python: string;
  command: string;
}

export function openCode(code: Code, copied: (what: string) => void, failed: () => void): void {
  const part = (title: string, text: string, testid: string): HTMLElement => {
    const place = h("pre", { class: "code", attrs: { tabindex: 0, "aria-label": title, "data-testid": testid, role: "region" } }, text);
    const copy = (): void => void navigator.clipboard.writeText(text).then(() => copied(title), failed);
    return h(
      "section",
      {},
      h(
        "div",
        { class: "row" },
        h("h3", { class: "grow" }, title),
        button({ icon: "copy", name: t("code.copy", { what: title }), text: t("copy"), testid: `copy-${testid}`, press: copy }),
      ),
      place,
    );
  };
  openDialog({
    title: t("code.title"),
    testid: "code-dialog",
    wide: true,
    body: [
      part("Python", code.python, "python"),
      part(t("code.command"), code.command, "command"),
      h("p", { class: "soft small" }, t("code.note")),
    ],
  });
}
