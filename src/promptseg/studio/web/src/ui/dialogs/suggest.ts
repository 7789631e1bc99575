/** Suggestions for all images, as a job that goes on while one works. */

import { plural, t } from "../../i18n/index.ts";
import { button, checkbox, labeled } from "../controls.ts";
import { h } from "../dom.ts";
import type { Prompt } from "../../model/types.ts";
import { countStates } from "../filters.ts";
import type { Workspace } from "../workspace.ts";
import { openDialog } from "./dialog.ts";

/** `begin` starts what was chosen. */
export function openSuggest(workspace: Workspace, begin: (prompts: Prompt[], threshold: number) => void): void {
  const labels = workspace.labels.value.map((label) => label.name);
  const phrases = h("textarea", {
    class: "field",
    attrs: { rows: 2, placeholder: t("suggest.phrasesExample"), "data-testid": "suggest-phrases", maxlength: 4000 },
  });
  phrases.value = labels.join(", ");
  const threshold = h("input", {
    attrs: { type: "range", min: 0, max: 1, step: 0.01, "data-testid": "suggest-threshold" },
    on: { input: () => show() },
  });
  threshold.value = String(workspace.project.value?.threshold ?? 0.3);
  const shown = h("output", { class: "numbers" });
  const show = (): void => void (shown.textContent = Number(threshold.value).toFixed(2));
  show();
  const fresh = countStates(workspace.images.value.filter((image) => image.error === null)).new;
  const { value: models } = workspace.models;
  const findsWords = models.some(({ accepts, detects }) => detects || accepts.includes("text"));
  let everything = !findsWords;
  phrases.disabled = everything;
  const all = checkbox(t("suggest.everything"), everything, (on) => {
    everything = on;
    phrases.disabled = on || !findsWords;
  });
  const why = h("p", { class: "small soft", attrs: { "data-testid": "suggest-why" } }, t("missing.text"));
  why.hidden = findsWords;
  const start = (): void => {
    const list = phrases.value
      .split(/[,\n]/)
      .map((phrase) => phrase.trim())
      .filter(Boolean);
    const prompts: Prompt[] = everything ? [{ everything: {} }] : list.length > 0 ? [{ text: list }] : [];
    dialog.close();
    begin(prompts, Number(threshold.value));
  };
  const go = button({ icon: "salient", name: t("suggest.go"), text: t("suggest.go"), kind: "primary", testid: "suggest-go", press: start });
  go.disabled = fresh === 0;
  const dialog = openDialog({
    title: t("suggest.title"),
    testid: "suggest-dialog",
    body: [
      h("p", { class: "soft" }, plural("suggest.told", fresh)),
      why,
      labeled(t("suggest.phrases"), phrases),
      all,
      h(
        "label",
        { class: "stack" },
        h("span", { class: "row small soft" }, h("span", { class: "grow" }, t("text.threshold")), shown),
        threshold,
      ),
    ],
    footer: [go],
  });
}
