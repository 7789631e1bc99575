/** Export: formats, which images of a folder, and then what each format could not keep. */

import { plural, t } from "../../i18n/index.ts";
import type { ImageState, Job } from "../../model/types.ts";
import { button, checkbox } from "../controls.ts";
import { fill, h, setText } from "../dom.ts";
import { countStates, STATES } from "../filters.ts";
import { recall, remember } from "../settings.ts";
import type { ExportResult } from "../../api/client.ts";
import { reasonOf } from "../reasons.ts";
import type { Workspace } from "../workspace.ts";
import { openDialog } from "./dialog.ts";
import { JobView } from "./job.ts";

const USUAL: readonly ImageState[] = ["started", "doubt", "done"];

export function openExport(workspace: Workspace): void {
  const formats = workspace.project.value?.formats ?? [];
  const isVideo = workspace.project.value?.kind === "video"; // It is exported as a whole, and has no images to count.
  const known = new Set(formats.map((format) => format.name));
  const chosen = new Set(recall<string[]>("formats", ["coco"]).filter((name) => known.has(name)));
  const states = new Set<ImageState>(recall<ImageState[]>("states", [...USUAL]));
  const ending = new AbortController();
  const go = button({
    icon: "export",
    name: t("export.go"),
    text: t("export.go"),
    kind: "primary",
    testid: "export-go",
    press: () => void start(),
  });
  const footer = h("div", { class: "row" }, go);
  const told = h("p", { class: "soft small", attrs: { role: "status" } });
  const body = h("div", { class: "stack" });

  const named = new Map(STATES.filter((state) => state !== "new").map((state) => [state, h("span")]));

  const check = (): void => {
    const counts = countStates(workspace.images.value);
    for (const [state, text] of named) setText(text, `${t(`state.${state}`)} (${counts[state]})`);
    const images = STATES.reduce((sum, state) => sum + (states.has(state) ? counts[state] : 0), 0);
    go.disabled = chosen.size === 0 || (images === 0 && !isVideo);
    told.textContent = chosen.size === 0 ? t("export.noFormat") : isVideo ? "" : plural("export.images", images);
  };
  const choose =
    <T>(set: Set<T>, value: T) =>
    (on: boolean): void => {
      if (on) set.add(value);
      else set.delete(value);
      check();
    };
  fill(
    body,
    h(
      "fieldset",
      {},
      h("legend", {}, t("export.formats")),
      h(
        "div",
        { class: "formats scroll", attrs: { tabindex: -1 } },
        ...formats.map((format) =>
          checkbox(
            h("span", {}, h("strong", {}, format.name), h("span", { class: "soft small" }, ` – ${format.summary}`)),
            chosen.has(format.name),
            choose(chosen, format.name),
            { "data-testid": `format-${format.name}` },
          ),
        ),
      ),
    ),
    !isVideo &&
      h(
        "fieldset",
        {},
        h("legend", {}, t("export.which")),
        h(
          "div",
          { class: "chips" },
          ...[...named].map(([state, text]) =>
            checkbox(text, states.has(state), choose(states, state), { "data-testid": `export-${state}` }),
          ),
        ),
      ),
    told,
  );
  const dialog = openDialog({
    title: t("export.title"),
    testid: "export-dialog",
    body: [body],
    footer: [footer],
    closed: () => {
      stop();
      ending.abort();
    },
  });
  const stop = workspace.images.watch(check); // The server may tell of the last changes while it is open.

  async function start(): Promise<void> {
    remember("formats", [...chosen]);
    if (!isVideo) remember("states", [...states]);
    stop();
    go.disabled = true;
    const view = new JobView(t("export.title"), () => ending.abort());
    fill(body, view.element);
    fill(footer);
    try {
      const result = await workspace.jobs.export([...chosen], isVideo ? null : [...states], (job: Job) => view.show(job), ending.signal);
      report(result);
    } catch (error) {
      if (ending.signal.aborted) dialog.close();
      else fill(body, h("p", { attrs: { role: "alert" } }, reasonOf(error)));
    }
  }

  function report(result: ExportResult): void {
    fill(
      body,
      h("p", { attrs: { role: "status" } }, t("export.done", { folder: workspace.project.value?.out ?? "" })),
      ...result.files.map((file) =>
        h(
          "div",
          { class: "report", attrs: { "data-testid": "export-report" } },
          h("div", {}, h("strong", {}, file.format), h("span", { class: "soft small" }, ` ${file.path}`)),
          file.lost.length === 0
            ? h("p", { class: "soft small" }, t("export.nothingLost"))
            : h("ul", { class: "small" }, ...file.lost.map((line) => h("li", {}, line))),
        ),
      ),
    );
    fill(
      footer,
      button({ name: t("close"), text: t("close"), kind: "plain", press: dialog.close }),
      result.download !== null &&
        h(
          "a",
          { class: "button primary download", attrs: { href: result.download, download: "", "data-testid": "download" } },
          t("export.download"),
        ),
    );
    footer.querySelector<HTMLElement>("a, button")?.focus();
    workspace.notices.announce(t("export.finished"));
  }
}
