/** The panel of the tool in use, at the corner of the image: what it needs to know, and what it found. */

import { t } from "../i18n/index.ts";
import type { FindingTool } from "../tools/finding.ts";
import type { Proposal } from "../tools/proposals.ts";
import type { PromptSession } from "../tools/session.ts";
import type { ToolId, ToolSettings } from "../tools/tool.ts";
import type { Toolbox } from "../tools/toolbox.ts";
import { Progress, button, checkbox, labeled, setButton } from "./controls.ts";
import { fill, h, setText } from "./dom.ts";
import { finenessChoice, foundText, phraseField, thresholdSlider } from "./finders.ts";
import { modelFor, modelsFor } from "./models.ts";
import { say } from "./texts.ts";
import type { Workspace } from "./workspace.ts";

/** Rows of what was found; more are counted. */
const MOST_ROWS = 50;
const SMALLEST_BRUSH = 1;
const LARGEST_BRUSH = 300;

export class Panels {
  readonly element = h("section", { class: "tool-panel", attrs: { "data-testid": "tool-panel" } });
  private panels: Partial<Record<ToolId, HTMLElement>> = {};

  constructor(
    private readonly workspace: Workspace,
    private readonly tools: Toolbox,
    private readonly settings: ToolSettings,
  ) {
    const brush = this.brush();
    this.panels = {
      point: this.session(tools.point.session),
      box: this.session(tools.box.session),
      brush,
      eraser: brush,
      text: this.text(),
      like: this.found("like", tools.like, h("p", { class: "small soft" }, t("like.told")), this.detectors("like"), this.threshold()),
      everything: this.everything(),
      salient: this.found(
        "salient",
        tools.salient,
        this.start("salient", t("salient.go"), tools.salient, () => void tools.salient.run()),
      ),
    };
    workspace.tool.watch((tool) => this.show(tool));
    workspace.models.subscribe(() => this.show(workspace.tool.value));
    workspace.open.subscribe(() => this.show(workspace.tool.value));
  }

  /** Put the focus to the phrase with which the tool begins, or to why no model takes one: a phrase that is typed picks no tools. */
  focus(): void {
    const places = this.element.querySelectorAll<HTMLElement>("textarea, input[type=text], .primary, [data-typing]");
    ([...places].find((place) => place.offsetParent !== null) ?? { focus: this.workspace.focusStage }).focus();
  }

  private show(tool: ToolId): void {
    const panel = this.panels[tool];
    const session = tool === "point" || tool === "box" ? this.tools[tool].session : null;
    this.element.classList.toggle("draft", session !== null);
    this.element.hidden =
      panel === undefined ||
      this.workspace.open.value === null ||
      session?.state.value.phase === "idle" ||
      session?.state.value.phase === "preview";
    this.element.setAttribute("aria-label", say(`keys.tool.${tool}`));
    if (panel && panel.parentElement !== this.element) fill(this.element, panel);
  }

  /** Points or a box: what can be done with the mask that is shown, in a bar below it. */
  private session(session: PromptSession): HTMLElement {
    const told = h("span", { class: "small soft numbers grow ellipsis", attrs: { "data-testid": "draft" } });
    const back = (does: () => void) => () => {
      does();
      this.workspace.focusStage();
    };
    const accept = button({
      icon: "check",
      name: t("prompt.accept"),
      text: t("prompt.accept"),
      kind: "primary",
      action: "prompt.accept",
      testid: "accept",
      press: back(() => session.accept()),
    });
    const other = button({
      name: t("keys.prompt.candidate"),
      text: "",
      kind: "plain",
      action: "prompt.candidate",
      class: "numbers",
      testid: "candidate",
      press: back(() => session.cycle(1)),
    });
    const away = button({
      icon: "takeAway",
      name: t("keys.prompt.background"),
      action: "prompt.background",
      testid: "take-away",
      press: back(() => session.takesAway.update((on) => !on)),
    });
    session.takesAway.watch((on) => setButton(away, { pressed: on }));
    const drop = button({
      icon: "close",
      name: t("keys.prompt.cancel"),
      action: "prompt.cancel",
      testid: "drop",
      press: back(() => session.drop()),
    });
    const row = h("div", { class: "row" });
    session.state.watch((state) => {
      const score = state.score === null ? "" : ` · ${t("prompt.score", { score: state.score.toFixed(2) })}`;
      const isNew = this.workspace.preparing.isNew(this.workspace.open.value?.image ?? "");
      const waits = t(isNew ? "prompt.preparing" : "prompt.busy");
      setText(told, state.busy ? waits : t("prompt.refine") + score);
      row.setAttribute("aria-busy", String(state.busy));
      const which = state.candidates > 1 ? t("prompt.candidates", { at: state.candidate + 1, of: state.candidates }) : t("prompt.other");
      setButton(other, { disabled: state.candidates < 2, name: `${which}: ${t("keys.prompt.candidate")}` });
      setText(other.querySelector("span")!, which);
      this.show(this.workspace.tool.value);
    });
    row.append(told, away, other, accept, drop);
    return row;
  }

  private brush(): HTMLElement {
    const { brushRadius, pressure } = this.settings;
    const shown = h("output", { class: "small soft numbers" });
    // Small sizes matter more: the slider is logarithmic.
    const slider = h("input", {
      attrs: { type: "range", min: 0, max: 100, step: 1, "aria-label": t("brush.size"), "data-testid": "brush-size" },
      on: { input: () => brushRadius.set(SMALLEST_BRUSH * (LARGEST_BRUSH / SMALLEST_BRUSH) ** (Number(slider.value) / 100)) },
    });
    brushRadius.watch((radius) => {
      slider.value = String(Math.round((100 * Math.log(radius / SMALLEST_BRUSH)) / Math.log(LARGEST_BRUSH / SMALLEST_BRUSH)));
      const text = t("brush.pixels", { pixels: Math.round(2 * radius) });
      setText(shown, text);
      slider.setAttribute("aria-valuetext", text);
    });
    return h(
      "div",
      { class: "stack" },
      h("div", { class: "line" }, h("span", { class: "small soft" }, t("brush.size")), shown),
      slider,
      checkbox(t("brush.pressure"), pressure.value, (on) => pressure.set(on)),
    );
  }

  private text(): HTMLElement {
    const { text } = this.tools;
    const find = (): void => void text.search(phrase.value);
    const phrase = phraseField({ spellcheck: "true" }, find, this.workspace.focusStage);
    return this.found(
      "text",
      text,
      h("label", { class: "stack" }, h("span", { class: "small soft" }, t("text.phrase")), phrase),
      this.detectors("text"),
      this.start("text", t("text.go"), text, find),
      this.threshold(),
    );
  }

  private everything(): HTMLElement {
    const { everything } = this.tools;
    const fineness = finenessChoice();
    const progress = new Progress(t("keys.tool.everything"));
    everything.busy.watch((busy) => (progress.element.hidden = !busy));
    everything.job.watch((job) => progress.set(job?.progress && job.progress.total > 0 ? job.progress.done / job.progress.total : null));
    const go = this.start("everything", t("everything.go"), everything, () => void everything.run(Number(fineness.value)));
    return this.found("everything", everything, labeled(t("everything.fineness"), fineness), go, progress.element);
  }

  /** The button that begins, and ends what takes too long. */
  private start(tool: ToolId, text: string, finder: FindingTool, begin: () => void): HTMLElement {
    const go = button({ icon: "search", name: text, text, kind: "primary", testid: `${tool}-go`, class: "grow", press: begin });
    const stop = button({ name: t("cancel"), text: t("cancel"), kind: "plain", testid: `${tool}-stop`, press: () => finder.stop() });
    finder.busy.watch((busy) => {
      setButton(go, { disabled: busy });
      setButton(stop, { disabled: !busy });
    });
    return h("div", { class: "line" }, go, stop);
  }

  /** The choice of a model for text or examples, where there are several. */
  private detectors(tool: ToolId): HTMLElement {
    const { models, model, detector } = this.workspace;
    const select = h("select", {
      class: "field",
      attrs: { "data-testid": `${tool}-detector` },
      on: { change: () => detector.set(select.value) },
    });
    const element = labeled(t("text.detector"), select);
    const write = (): void => {
      const able = modelsFor(tool, models.value);
      element.hidden = able.length < 2;
      fill(select, ...able.map((each) => h("option", { attrs: { value: each.name } }, each.name)));
      select.value = modelFor(tool, models.value, { model: model.value, detector: detector.value }) ?? "";
    };
    models.watch(write);
    detector.subscribe(write);
    return element;
  }

  private threshold(): HTMLElement {
    const { slider, shown } = thresholdSlider(this.settings.threshold);
    shown.classList.add("small");
    return h("div", {}, h("div", { class: "line" }, h("span", { class: "small soft" }, t("text.threshold")), shown), slider);
  }

  /** A panel that ends with what its tool found. */
  private found(tool: ToolId, finder: FindingTool, ...head: HTMLElement[]): HTMLElement {
    const { proposals } = finder;
    const why = h("p", {
      class: "small soft",
      attrs: { "data-testid": "why-not", "data-typing": "", tabindex: -1 },
      on: { keydown: ({ key }) => key === "Escape" && this.workspace.focusStage() },
    });
    const told = h("p", { class: "small soft numbers", attrs: { "data-testid": "found-count" } });
    const list = h("ul", { class: "found scroll", attrs: { "aria-label": t("found.name"), tabindex: -1 } });
    const accept = button({
      icon: "check",
      name: t("found.acceptAll"),
      text: t("found.acceptAll"),
      kind: "primary",
      action: "prompt.accept",
      testid: "accept-all",
      class: "grow",
      press: () => {
        proposals.acceptAll();
        this.workspace.focusStage();
      },
    });
    const clear = button({ name: t("found.clear"), text: t("found.clear"), kind: "plain", press: () => proposals.clear() });
    const results = h("div", { class: "stack" }, told, list, h("div", { class: "line" }, accept, clear));
    const shown = h("p", { class: "small soft", attrs: { "data-testid": `${tool}-shown` } }, t("found.inShown"));
    this.workspace.open.watch((open) => (shown.hidden = open?.raster !== true));
    const body = h("div", { class: "stack" }, ...head, shown);
    let searched = false;
    finder.busy.subscribe((busy) => (searched ||= busy));
    proposals.state.watch(({ found, shown }) => {
      results.hidden = found.length === 0 && !searched;
      setText(told, found.length === 0 ? t("found.none") : foundText({ found, shown }));
      setButton(accept, { disabled: shown.length === 0 });
      const passing = new Set(shown);
      fill(list, ...found.slice(0, MOST_ROWS).map((proposal) => this.row(finder, proposal, passing.has(proposal))));
      list.hidden = found.length === 0;
    });
    const { models } = this.workspace;
    models.watch(() => {
      const missing = models.value.length > 0 && modelsFor(tool, models.value).length === 0;
      body.hidden = missing;
      why.hidden = !missing;
      setText(why, missing ? say(`missing.${tool}`) : "");
      if (missing) results.hidden = true;
    });
    return h("div", { class: "stack" }, why, body, results);
  }

  private row({ proposals }: FindingTool, { id, mask }: Proposal, passes: boolean): HTMLElement {
    const score = mask.score ?? 0;
    return h(
      "li",
      { class: passes ? "" : "below", on: { pointerenter: () => proposals.light(id), pointerleave: () => proposals.light(null) } },
      h(
        "button",
        {
          class: "button pick",
          attrs: {
            type: "button",
            "aria-label": t("found.accept", { label: mask.label ?? t("objects.noLabel"), score: score.toFixed(2) }),
          },
          on: { click: () => proposals.accept([id]) },
        },
        h("span", { class: "ellipsis" }, mask.label ?? t("objects.noLabel")),
      ),
      h("span", { class: "scale", attrs: { "aria-hidden": "true" }, style: { "--share": String(score) } }, h("span")),
      h("span", { class: "small numbers" }, score.toFixed(2)),
    );
  }
}
