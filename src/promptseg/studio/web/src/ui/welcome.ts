/** What is shown without an image: what to do. */

import { t } from "../i18n/index.ts";
import { h } from "./dom.ts";
import { icon } from "./icons.ts";
import type { Workspace } from "./workspace.ts";

export function welcome(workspace: Workspace): HTMLElement {
  const choose = h(
    "button",
    {
      class: "button primary",
      attrs: { type: "button", "data-testid": "choose-images" },
      on: { click: () => workspace.run("images.add") },
    },
    t("welcome.choose"),
  );
  const element = h(
    "div",
    { class: "welcome empty", attrs: { "data-testid": "welcome" } },
    icon("import"),
    h("p", {}, t("welcome.drop")),
    choose,
  );
  const { images, open, key } = workspace;
  const write = (): void => void (element.hidden = open.value !== null || images.value.length > 0 || key.value !== null);
  element.hidden = true;
  images.subscribe(write);
  open.subscribe(write);
  return element;
}
