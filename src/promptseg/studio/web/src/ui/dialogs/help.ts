/** The sheet of keys, made from the one table. */

import { t } from "../../i18n/index.ts";
import { h } from "../dom.ts";
import { shown, SHORTCUTS, type Group, type Shortcut } from "../keys.ts";
import { say } from "../texts.ts";
import { openDialog } from "./dialog.ts";

const GROUPS: readonly Group[] = ["tools", "prompt", "objects", "labels", "images", "view"];

export function openHelp(): void {
  openDialog({
    title: t("help.title"),
    testid: "help",
    wide: true,
    body: [h("div", { class: "sheet" }, ...GROUPS.map(section)), h("p", { class: "soft small" }, t("help.mouse"))],
  });
}

function section(group: Group): HTMLElement {
  const lines = SHORTCUTS.filter((shortcut) => shortcut.group === group).map(line);
  return h("section", {}, h("h3", {}, t(`help.${group}`)), h("dl", {}, ...lines));
}

function line({ action, keys }: Shortcut): HTMLElement {
  return h("div", {}, h("dt", {}, say(`keys.${action}`)), h("dd", {}, ...keys.slice(0, 4).map((key) => h("kbd", {}, shown(key)))));
}
