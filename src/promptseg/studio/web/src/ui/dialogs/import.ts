/** Import of annotations for correction. */

import { t } from "../../i18n/index.ts";
import { Problem } from "../../model/problem.ts";
import { button, checkbox, labeled, Progress } from "../controls.ts";
import { fill, h } from "../dom.ts";
import { tellImport } from "../jobs.ts";
import { reasonOf } from "../reasons.ts";
import type { Workspace } from "../workspace.ts";
import { openDialog } from "./dialog.ts";

const FORMATS = [
  ["", "import.auto"],
  ["coco", "COCO"],
  ["labelme", "LabelMe"],
  ["cvat", "CVAT"],
  ["label-studio", "Label Studio"],
] as const;

/** How the names of annotation files end, without the dot. */
export const ANNOTATION_SUFFIXES = ["json", "geojson", "xml", "zip", "parquet", "txt", "yaml", "yml"] as const;

export function openImport(workspace: Workspace, given: readonly File[] = []): void {
  const file = h("input", {
    class: "field",
    attrs: { type: "file", accept: ANNOTATION_SUFFIXES.map((each) => `.${each}`).join(), multiple: true, "data-testid": "import-file" },
    on: { change: () => (go.disabled = !file.files?.length) },
  });
  const format = h(
    "select",
    { class: "field", attrs: { "data-testid": "import-format" } },
    ...FORMATS.map(([value, name]) => h("option", { attrs: { value } }, value === "" ? t(name) : name)),
  );
  const go = button({
    icon: "import",
    name: t("import.go"),
    text: t("import.go"),
    kind: "primary",
    testid: "import-go",
    press: () => void start(),
  });
  go.disabled = given.length === 0;
  let boxes = false;
  const body = h(
    "div",
    { class: "stack" },
    h("p", { class: "soft" }, t("import.told")),
    given.length === 0 ? labeled(t("import.file"), file) : h("p", {}, given.map(({ name }) => name).join(", ")),
    labeled(t("import.format"), format),
    checkbox(t("import.boxes"), false, (on) => (boxes = on), { "data-testid": "import-boxes" }),
  );
  const footer = h("div", { class: "row" }, go);
  let closed = (): void => undefined;
  const dialog = openDialog({
    title: t("import.title"),
    testid: "import-dialog",
    body: [body],
    footer: [footer],
    closed: () => closed(),
  });

  /** Ask what becomes of the objects that are there. */
  function ask(): void {
    const choices = (["add", "replace"] as const).map((mode) =>
      button({
        name: t(`import.${mode}`),
        text: t(`import.${mode}`),
        testid: `import-${mode}`,
        ...(mode === "add" && { kind: "primary" }),
        press: () => void start(mode),
      }),
    );
    fill(body, h("p", { attrs: { role: "alert" } }, t("import.has")));
    fill(footer, ...choices);
    choices[0]?.focus();
  }

  async function start(mode?: "add" | "replace"): Promise<void> {
    const chosen = given.length > 0 ? given : [...(file.files ?? [])];
    if (chosen.length === 0) return;
    const progress = new Progress(t("import.title"));
    progress.set(null);
    go.disabled = true;
    body.append(progress.element);
    try {
      const result = await workspace.jobs.import(chosen, { format: format.value, mode, boxes });
      const told = tellImport(result);
      fill(
        body,
        h("p", { attrs: { role: "status", "data-testid": "import-report" } }, told),
        result.problems.length > 0 &&
          h("ul", { class: "report small scroll problems" }, ...result.problems.map((problem) => h("li", {}, problem))),
      );
      const undo = { text: t("import.undo"), press: result.undo };
      // What is wrong with an import is seen after the dialog is closed.
      closed = () => workspace.notices.toast(told, { does: undo, stays: true });
      const close = button({ name: t("close"), text: t("close"), kind: "primary", press: dialog.close });
      const takeBack = button({
        name: undo.text,
        text: undo.text,
        testid: "import-undo",
        press: () => {
          closed = () => undefined;
          dialog.close();
          undo.press();
        },
      });
      fill(footer, takeBack, close);
      close.focus();
    } catch (error) {
      progress.element.remove();
      go.disabled = false;
      if (mode === undefined && error instanceof Problem && error.status === 409) {
        ask();
        return;
      }
      body.querySelector("[role=alert]")?.remove();
      body.append(h("p", { attrs: { role: "alert" } }, reasonOf(error)));
    }
  }
}
