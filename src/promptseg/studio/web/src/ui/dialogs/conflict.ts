/** Two pages changed the same objects: which ones are kept. Nothing is lost before the person has said so. */

import { plural, t } from "../../i18n/index.ts";
import { button } from "../controls.ts";
import { h } from "../dom.ts";
import { openDialog } from "./dialog.ts";

export interface ConflictChoices {
  name: string;
  /** How many objects both have changed. */
  objects: number;
  mine: () => void;
  theirs: () => void;
}

export function openConflict(choices: ConflictChoices): void {
  let isChosen = false;
  const choose = (does: () => void) => () => {
    isChosen = true;
    dialog.close();
    does();
  };
  const dialog = openDialog({
    title: t("conflict.title"),
    testid: "conflict",
    mustChoose: true,
    closed: () => !isChosen && openConflict(choices), // Some browsers close any dialog.
    body: [h("p", {}, plural("conflict.told", choices.objects, { name: choices.name })), h("p", { class: "soft" }, t("conflict.more"))],
    footer: [
      button({
        name: t("conflict.theirs"),
        text: t("conflict.theirs"),
        kind: "plain",
        testid: "take-theirs",
        press: choose(choices.theirs),
      }),
      button({ name: t("conflict.mine"), text: t("conflict.mine"), kind: "primary", testid: "keep-mine", press: choose(choices.mine) }),
    ],
  });
}
