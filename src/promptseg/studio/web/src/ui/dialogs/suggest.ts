/** Suggestions for all images, as a job that goes on while one works. */

import { plural, t } from "../../i18n/index.ts";
import { button, checkbox, labeled } from "../controls.ts";
import { h, setText } from "../dom.ts";
import type { Prompt } from "../../model/types.ts";
import { countStates } from "../filters.ts";
import type { Workspace } from "../workspace.ts";
import { openDialog } from "./dialog.ts";

/** `begin` starts what was chosen, and tells why it could not be started; null where it was. */
export function openSuggest(workspace: Workspace, begin: (prompts: Prompt[], threshold: number) => Promise<string | null>): void {
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
  let fresh = 0;
  let isAsked = false;
  const allow = (): void => void (go.disabled = isAsked || fresh === 0);
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
  const slow = h("p", { class: "small soft", attrs: { "data-testid": "suggest-raster" } }, t("suggest.raster"));
  slow.hidden = workspace.open.value?.raster !== true;
  const refused = h("p", { attrs: { role: "alert", "data-testid": "suggest-refused" } });
  refused.hidden = true;
  const start = async (): Promise<void> => {
    const list = phrases.value
      .split(/[,\n]/)
      .map((phrase) => phrase.trim())
      .filter(Boolean);
    const prompts: Prompt[] = everything ? [{ everything: {} }] : list.length > 0 ? [{ text: list }] : [];
    isAsked = true;
    allow();
    const why = await begin(prompts, Number(threshold.value));
    if (why === null) {
      dialog.close();
      return;
    }
    isAsked = false;
    allow();
    refused.hidden = false;
    refused.textContent = t("suggest.broken", { why });
    if (!phrases.disabled) phrases.focus();
  };
  const go = button({
    icon: "salient",
    name: t("suggest.go"),
    text: t("suggest.go"),
    kind: "primary",
    testid: "suggest-go",
    press: () => void start(),
  });
  const told = h("p", { class: "soft" });
  // That an image cannot be read may be known only while this is open.
  const stop = workspace.images.watch((images) => {
    fresh = countStates(images.filter((image) => image.error === null)).new;
    setText(told, plural("suggest.told", fresh));
    allow();
  });
  const dialog = openDialog({
    title: t("suggest.title"),
    testid: "suggest-dialog",
    body: [
      told,
      slow,
      why,
      labeled(t("suggest.phrases"), phrases),
      refused,
      all,
      h(
        "label",
        { class: "stack" },
        h("span", { class: "row small soft" }, h("span", { class: "grow" }, t("text.threshold")), shown),
        threshold,
      ),
    ],
    footer: [go],
    closed: stop,
  });
}
