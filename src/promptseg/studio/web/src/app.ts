/** Joins the parts of the page: project, image, document, history, saver, stage, tools and panes. */

import { Client, type StudioEvent, type SuggestResult } from "./api/client.ts";
import { listen, pause } from "./api/events.ts";
import { bitmapOf } from "./canvas/bitmaps.ts";
import { Stage } from "./canvas/stage.ts";
import { plural, t } from "./i18n/index.ts";
import { labelColor } from "./model/colors.ts";
import { DatabaseLedger } from "./model/ledger.ts";
import type { Conflict } from "./model/pending.ts";
import type { Choice } from "./model/queue.ts";
import { Saver } from "./model/saver.ts";
import { Signal } from "./model/signal.ts";
import type { ImageSummary, Job, Prompt, RunLengths } from "./model/types.ts";
import { UnsentStore } from "./model/unsent.ts";
import type { ToolContext, ToolId, ToolSettings } from "./tools/tool.ts";
import { Toolbox } from "./tools/toolbox.ts";
import { cutOut } from "./ui/clipboard.ts";
import { commands } from "./ui/commands.ts";
import { DetailsPane } from "./ui/details.ts";
import { openCode } from "./ui/dialogs/code.ts";
import { openConflict } from "./ui/dialogs/conflict.ts";
import { openExport } from "./ui/dialogs/export.ts";
import { openHelp } from "./ui/dialogs/help.ts";
import { openImport } from "./ui/dialogs/import.ts";
import { openSuggest } from "./ui/dialogs/suggest.ts";
import { fill, h } from "./ui/dom.ts";
import { acceptFiles, chooseFiles } from "./ui/drop.ts";
import { FolderPane } from "./ui/folder.ts";
import { Hints } from "./ui/hints.ts";
import { icon } from "./ui/icons.ts";
import { JobCard } from "./ui/jobcard.ts";
import { installKeyboard } from "./ui/keyboard.ts";
import { LabelsPane } from "./ui/labels.ts";
import { modelFor, toolOf } from "./ui/models.ts";
import { Notices } from "./ui/notices.ts";
import { ObjectsPane } from "./ui/objects.ts";
import { Panels } from "./ui/panels.ts";
import { Rail } from "./ui/rail.ts";
import { recall, remember } from "./ui/settings.ts";
import { StatusLine } from "./ui/statusline.ts";
import { say } from "./ui/texts.ts";
import { toolStage } from "./ui/toolstage.ts";
import { installTooltips } from "./ui/tooltips.ts";
import { TopBar } from "./ui/topbar.ts";
import { TruthCard } from "./ui/truthcard.ts";
import { reasonOf, Workspace } from "./ui/workspace.ts";
import { VideoMode } from "./video/mode.ts";
import { VideoModel } from "./video/model.ts";
import type { VideoEvent } from "./video/types.ts";

const ANNOTATIONS = /\.(json|xml|zip)$/i;
/** Milliseconds that the answer to what was accepted is waited for before another image is shown. */
const LONGEST_WAIT = 5000;
/** Milliseconds after which a person notices to be waiting. */
const NOTICED = 300;
/** Milliseconds after which loading the models may have failed. */
const LONG_LOADING = 30_000;
/** Milliseconds that a lost connection may last before it is told. */
const PATIENCE = 1500;

export class App {
  private readonly client = new Client();
  private readonly notices = new Notices();
  private readonly settings: ToolSettings = {
    brushRadius: new Signal(recall("brush", 12)),
    pressure: new Signal(recall("pressure", true)),
    preview: new Signal(recall("preview", true)),
    threshold: new Signal(0.3),
  };
  private readonly host = h("div", { class: "canvas", attrs: { "data-testid": "stage" } });
  private readonly stage: Stage;
  private readonly workspace: Workspace;
  private readonly tools: Toolbox;
  private readonly truth: TruthCard;
  private readonly cards = h("div", { class: "job-cards" });
  private readonly run: (action: string) => boolean;
  private readonly page = pageName();
  private readonly unsent: UnsentStore;
  private hints: Hints | null = null;
  private folder: FolderPane | null = null;
  /** What there is where the project is a video. */
  private video: VideoMode | null = null;

  constructor(private readonly root: HTMLElement) {
    this.stage = new Stage(this.host, { label: t("stage.name") });
    const dataset = (): string => this.workspace.project.value?.out ?? "";
    this.unsent = new UnsentStore(localStorage, dataset, this.page, new DatabaseLedger("promptseg.studio"));
    const saver = new Saver(
      {
        send: (key, version, change) => this.client.change(key, version, change),
        load: async (key) => (await this.client.open(key)).document,
        choose: (key, conflicts) => this.choose(key, conflicts),
      },
      this.unsent,
    );
    this.workspace = new Workspace(
      this.client,
      saver,
      this.notices,
      (action) => this.run(action),
      () => this.host.focus(),
    );
    this.truth = new TruthCard(this.workspace);
    this.tools = new Toolbox(this.context(), this.workspace.tool.value);
    this.tools.attach(this.stage);
    this.workspace.settle = () => Promise.race([this.tools.settle(), pause(LONGEST_WAIT)]);
    this.run = this.build();
    this.join();
  }

  /** Load the project, and show its first image that is not done, or the one that was shown last. */
  async start(): Promise<void> {
    const { workspace, client } = this;
    const [project] = await Promise.all([client.project(), workspace.loadImages()]);
    workspace.project.set(project);
    workspace.labels.set(project.labels);
    const label = recall<string | null>("label", null);
    workspace.label.set(project.labels.some((each) => each.name === label) ? label : (project.labels[0]?.name ?? null));
    this.settings.threshold.set(project.threshold);
    void this.waitForModels();
    void this.listen();
    void this.resumeSuggesting();
    await this.resume();
    if (project.kind === "video") await this.startVideo();
    else await this.openFirst();
    this.host.focus();
    if (workspace.open.value !== null) this.hints?.greet();
  }

  private async startVideo(): Promise<void> {
    this.video = new VideoMode(await VideoModel.load(this.client), this.stage, this.workspace);
    this.root.dataset.kind = "video";
    this.folder?.element.replaceWith(this.video.pane.element);
    this.video.moving.subscribe((moving) => !moving && this.drawObjects());
  }

  private async openFirst(): Promise<void> {
    const { workspace } = this;
    const { value: images } = workspace.images;
    const last = images.find((image) => image.key === recall("image", ""));
    const first = last ?? images.find((image) => image.state !== "done" && image.error === null) ?? images[0];
    if (first) await workspace.openKey(first.key);
  }

  /** What tests may see. */
  get tested(): object {
    const { stage, workspace, unsent } = this;
    return {
      stage: {
        pixelsOf: (uid: string): RunLengths => stage.pixelsOf(uid),
        viewport: stage.viewport,
        get settled(): boolean {
          return stage.settled;
        },
      },
      get state(): object {
        return {
          key: workspace.key.value,
          open: workspace.open.value,
          objects: workspace.objects.value,
          selection: [...workspace.selection.value],
          images: workspace.images.value,
          state: workspace.state.value,
          labels: workspace.labels.value,
          save: workspace.save.value,
          isKept: unsent.isSettled && !workspace.saver.wouldLose,
          tool: workspace.tool.value,
        };
      },
    };
  }

  private context(): ToolContext {
    const { workspace, client, notices } = this;
    const opened = (): { key: string; image: string } => {
      if (workspace.open.value === null) throw new Error(t("image.none"));
      return workspace.open.value;
    };
    const modelOf = (prompts: readonly Prompt[]): { model?: string } => {
      const name = modelFor(toolOf(prompts), workspace.models.value, { model: workspace.model.value, detector: workspace.detector.value });
      return name === null ? {} : { model: name };
    };
    return {
      stage: toolStage(this.stage, (mask) => this.truth.setDraft(mask)),
      document: {
        get objects() {
          return workspace.objects.value;
        },
        get: (uid) => workspace.document.value?.get(uid),
      },
      get history() {
        return workspace.historyNow;
      },
      selection: workspace.selection,
      label: workspace.label,
      settings: this.settings,
      segment: async (prompts, options = {}) => {
        const image = opened();
        await this.modelsLoaded(options.signal);
        return client.segment(image, prompts, { ...modelOf(prompts), ...options });
      },
      everything: async (prompt, progress, signal) => {
        await this.modelsLoaded(signal);
        const job = await client.segmentAsJob(opened(), [prompt], modelOf([prompt]).model);
        return (await workspace.finish<{ masks: Awaited<ReturnType<ToolContext["everything"]>> }>(job, progress, signal)).masks;
      },
      missing: (tool) => this.missing(tool),
      colorOf: (label) => {
        const labels = workspace.labels.value;
        if (label === null) return NO_LABEL;
        return (
          labels.find((each) => each.name === label)?.color ??
          labelColor(
            label,
            labels.map((each) => each.name),
          )
        );
      },
      announce: (text, kind = "info") => (kind === "error" ? notices.toast(text, { bad: true }) : notices.announce(text)),
    };
  }

  private missing(tool: ToolId): string | null {
    const { models, open } = this.workspace;
    if (open.value === null) return t("image.none");
    if (this.video?.moving.value === true) return t("video.moving");
    if (models.value.length === 0) return null; // They are being loaded: then it is answered, or refused.
    const needed = ["point", "box", "text", "like", "everything", "salient"].includes(tool);
    return needed && modelFor(tool, models.value, { model: null, detector: null }) === null ? say(`missing.${tool}`) : null;
  }

  private build(): (action: string) => boolean {
    const { workspace, notices, stage } = this;
    const rail = new Rail(workspace);
    const objects = new ObjectsPane(workspace);
    const details = new DetailsPane(workspace);
    const labels = new LabelsPane(workspace);
    const folder = new FolderPane(workspace);
    this.folder = folder;
    const panels = new Panels(workspace, this.tools, this.settings);
    const status = new StatusLine(workspace, stage, this.settings.preview);
    const welcome = this.welcome();
    const area = h(
      "main",
      { class: "stage-area", attrs: { "aria-label": t("stage.area") } },
      h("div", { class: "stage" }, this.host),
      welcome,
      panels.element,
      this.truth.element,
      this.cards,
      notices.bannerPlace,
      notices.toasts,
      status.element,
    );
    const skip = h(
      "button",
      { class: "button plain skip", attrs: { type: "button" }, on: { click: () => this.host.focus() } },
      t("stage.skip"),
    );
    const side = h("aside", { class: "side", attrs: { "aria-label": t("side.name") } }, objects.element, details.element, labels.element);
    fill(this.root, skip, new TopBar(workspace).element, rail.element, area, side, folder.element, notices.live);
    this.hints = new Hints([
      { text: () => t("hints.point"), beside: () => rail.buttonOf("point"), side: "right" },
      { text: () => t("hints.labels"), beside: () => labels.element, side: "left" },
      {
        text: () => t(this.video === null ? "hints.done" : "video.hint"),
        beside: () => this.root.querySelector<HTMLElement>(`[data-testid=${this.video === null ? "done-next" : "track-forward"}]`),
        side: "below",
      },
    ]);
    const run = commands(workspace, {
      stage,
      takeBack: () => {
        const tool = workspace.tool.value;
        return (tool === "point" || tool === "box") && this.tools[tool].session.back();
      },
      renameObject: () => details.focusLabel(),
      refineObject: () => this.refineObject(),
      copyCutOut: () => void this.copyCutOut(),
      showCode: () => void this.showCode(),
      addLabel: () => labels.add(),
      searchImages: () => folder.focusSearch(),
      growFolder: () => folder.grow(),
      chooseImages: () => chooseFiles("image/*", (files) => void this.take(files)),
      suggest: () => openSuggest(workspace, (prompts, threshold) => void this.suggest(prompts, threshold)),
      import: () => openImport(workspace),
      export: () => openExport(workspace),
      help: openHelp,
      hints: () => this.hints?.show(0),
      focusTool: () => panels.focus(),
    });
    return (action) => this.video?.handles(action) === true || run(action);
  }

  /** What is shown without an image: what to do. */
  private welcome(): HTMLElement {
    const choose = h(
      "button",
      { class: "button primary", attrs: { type: "button", "data-testid": "choose-images" }, on: { click: () => this.run("images.add") } },
      t("welcome.choose"),
    );
    const element = h(
      "div",
      { class: "welcome empty", attrs: { "data-testid": "welcome" } },
      icon("import"),
      h("p", {}, t("welcome.drop")),
      choose,
    );
    const { images, open, key } = this.workspace;
    const write = (): void => void (element.hidden = open.value !== null || images.value.length > 0 || key.value !== null);
    element.hidden = true;
    images.subscribe(write);
    open.subscribe(write);
    return element;
  }

  private join(): void {
    const { workspace, stage, tools } = this;
    workspace.tool.subscribe((tool) => {
      tools.use(tool);
      this.notices.announce(say(`keys.tool.${tool}`));
    });
    workspace.open.subscribe((open) => {
      stage.setImage(open === null ? null : { width: open.width, height: open.height, source: workspace.source(open) });
      stage.setLabel(open === null ? t("stage.name") : t("stage.of", { name: open.name }));
      this.drawObjects();
    });
    for (const signal of [workspace.objects, workspace.labels, workspace.truth, workspace.truthShown])
      signal.subscribe(() => this.drawObjects());
    workspace.selection.subscribe((selection) => stage.setSelected(selection));
    workspace.pointed.subscribe((uid) => stage.setHovered(uid));
    stage.on("hover", ({ at }) => workspace.tool.value === "select" && workspace.pointed.set(stage.objectsAt(at)[0] ?? null));
    stage.on("leave", () => workspace.pointed.set(null));
    for (const [name, signal] of Object.entries({
      brush: this.settings.brushRadius,
      pressure: this.settings.pressure,
      preview: this.settings.preview,
    })) {
      (signal as Signal<unknown>).subscribe((value) => remember(name, value));
    }
    this.showAwaited();
    this.joinWindow();
  }

  /** Say that what was accepted is still being made, where that takes long enough to wonder. */
  private showAwaited(): void {
    const { point, box } = this.tools;
    const card = new JobCard(t("prompt.busy"), "awaited");
    let timer = 0;
    const show = (): void => {
      clearTimeout(timer);
      if (point.session.awaited.value + box.session.awaited.value === 0) card.element.remove();
      else timer = window.setTimeout(() => this.cards.append(card.element), NOTICED);
    };
    for (const { session } of [point, box]) session.awaited.subscribe(show);
  }

  private joinWindow(): void {
    const { workspace } = this;
    installTooltips(this.root);
    installKeyboard((action) => this.run(action));
    acceptFiles((files) => void this.take(files));
    addEventListener("online", () => workspace.saver.retry());
    addEventListener("beforeunload", (event) => workspace.saver.wouldLose && event.preventDefault());
    workspace.saver.status.watch(({ state, reason }) => {
      if (state === "offline") this.notices.banner(t("banner.offline"));
      else if (state === "refused") this.notices.banner(t("banner.refused", { why: reason ?? "" }), "warning");
      else this.notices.banner(null);
    });
  }

  private drawObjects(): void {
    const { workspace, stage } = this;
    if (workspace.open.value === null || this.video?.moving.value === true) return;
    const objects = workspace.objects.value.map((object) => ({
      uid: object.uid,
      bitmap: bitmapOf(object.mask),
      color: workspace.colorOf(object),
      hidden: object.hidden,
    }));
    stage.setObjects([...objects, ...this.truth.overlay()]);
    stage.setSelected(workspace.selection.value);
  }

  // What comes from the server.

  /** Ask until the models are loaded. That is no error, so it asks for what there is, not whether the server is ready. */
  private async waitForModels(): Promise<void> {
    const { workspace, client } = this;
    const card = new JobCard(t("models.loading"), "model-loading");
    const begun = performance.now();
    let models = await client.models().catch(() => []);
    for (; models.length === 0; models = await client.models().catch(() => [])) {
      const waited = performance.now() - begun;
      if (waited > NOTICED && !card.element.isConnected) this.cards.append(card.element);
      if (waited > LONG_LOADING) card.set(await this.whyNotReady(), null);
      await pause(waited > LONG_LOADING ? 5000 : 400);
    }
    card.element.remove();
    workspace.models.set(models);
    const kept = recall<string | null>("model", null);
    const names = models.map((model) => model.name);
    workspace.model.set(kept !== null && names.includes(kept) ? kept : (names[0] ?? null));
  }

  private async whyNotReady(): Promise<string> {
    try {
      await this.client.call("/ready", { patient: false });
      return t("models.loading");
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** Wait until there are models: who clicks before is answered then. */
  private async modelsLoaded(signal?: AbortSignal): Promise<void> {
    const { models } = this.workspace;
    if (models.value.length === 0) {
      await new Promise<void>((resolve) => {
        const stop = models.subscribe(() => {
          stop();
          resolve();
        });
      });
    }
    signal?.throwIfAborted();
  }

  private async listen(): Promise<void> {
    const { workspace, client } = this;
    let lost = 0;
    await listen({
      open: (signal) => client.events(signal),
      hear: ({ data }) => this.hear(JSON.parse(data) as StudioEvent | VideoEvent),
      connected: (again) => {
        clearTimeout(lost);
        if (!again) return;
        if (workspace.saver.status.value.state !== "refused") this.notices.banner(null);
        workspace.saver.retry();
        void workspace.loadImages().then(
          () => {
            workspace.images.value.forEach((image) => workspace.saver.told(image.key, image.version));
            this.video?.model.reload();
          },
          () => undefined,
        );
      },
      lost: () => {
        clearTimeout(lost);
        lost = window.setTimeout(() => this.notices.banner(t("banner.offline")), PATIENCE);
      },
      signal: new AbortController().signal,
    });
  }

  private hear(event: StudioEvent | VideoEvent): void {
    const { workspace } = this;
    if (event.type === "frame" || event.type === "video") this.video?.hear(event);
    else if (event.type === "image") workspace.told(event.summary);
    else if (event.type === "document") workspace.saver.told(event.key, event.version);
    else
      void this.client.project().then(
        (project) => workspace.labels.set(project.labels),
        () => undefined,
      ); // The next event tells it again.
  }

  /** Send what earlier pages have left. Pages that are still open hold a lock by their name. */
  private async resume(): Promise<void> {
    const locks = globalThis.isSecureContext ? navigator.locks : null; // A page without them takes over what others may still send: it is known by its uid.
    void locks?.request(this.page, () => new Promise(() => undefined));
    const held = new Set((await locks?.query())?.held?.map((lock) => lock.name) ?? []);
    const isOpen = (page: string): boolean => held.has(page);
    await Promise.race([this.unsent.recover(isOpen), pause(LONGEST_WAIT)]);
    const failed = await this.workspace.saver.resume(isOpen);
    if (failed.length > 0) this.notices.toast(plural("save.notSent", failed.length), { bad: true });
  }

  private choose(key: string, conflicts: Conflict[]): Promise<Record<string, Choice>> {
    return new Promise((resolve) => {
      const all = (choice: Choice) => () => resolve(Object.fromEntries(conflicts.map(({ uid }) => [uid, choice])));
      openConflict({ name: this.workspace.summary(key)?.name ?? key, objects: conflicts.length, mine: all("mine"), theirs: all("theirs") });
    });
  }

  // What a person asks for.

  private async take(files: File[]): Promise<void> {
    const annotations = files.filter((file) => ANNOTATIONS.test(file.name));
    const images = files.filter((file) => !ANNOTATIONS.test(file.name));
    if (images.length > 0) await this.workspace.addImages(images);
    if (annotations[0]) openImport(this.workspace, annotations[0]);
  }

  private async suggest(prompts: Prompt[], threshold: number): Promise<void> {
    try {
      await this.followSuggesting(await this.workspace.suggest(prompts, threshold));
    } catch (error) {
      this.notices.toast(reasonOf(error), { bad: true });
    }
  }

  /** Go on showing a job that an earlier page began. */
  private async resumeSuggesting(): Promise<void> {
    try {
      const { jobs } = await this.client.json<{ jobs: Job[] }>("/v1/jobs");
      const running = jobs.find((job) => job.kind === "suggest" && job.state === "running");
      if (running) await this.followSuggesting(running);
    } catch {
      return; // It goes on without being shown.
    }
  }

  private async followSuggesting(job: Job): Promise<void> {
    const { workspace, notices } = this;
    const ending = new AbortController();
    const card = new JobCard(t("suggest.title"), "suggesting", () => ending.abort());
    this.cards.append(card.element);
    const progress = ({ progress: at }: Job): void => {
      const total = at?.total ?? 0;
      card.set(total > 0 ? t("suggest.progress", { done: at!.done, total }) : t("suggest.title"), total > 0 ? at!.done / total : null);
    };
    try {
      const ended = await workspace.watch(job, progress, ending.signal);
      if (ended.state === "failed") throw new Error(ended.error ?? t("job.failed"));
      await workspace.loadImages();
      const failures = ended.progress?.failed ?? 0;
      if (ended.state === "done" && failures > 0) {
        const { failed } = await this.client.jobResult<SuggestResult>(ended.id);
        const [name, why] = Object.entries(failed)[0] ?? ["", ""];
        notices.toast(plural("suggest.failed", failures, { name, why }), { bad: true });
      }
    } finally {
      card.element.remove();
    }
    const count = workspace.images.value.filter((image: ImageSummary) => image.state === "suggested").length;
    const show = (): void => workspace.filter.set({ search: "", state: "suggested", order: "doubt" });
    notices.toast(plural("suggest.done", count), { does: { text: t("suggest.show"), press: show } });
  }

  /** Go on with the chosen object by more points. */
  private refineObject(): void {
    const { workspace, tools, notices } = this;
    const chosen = workspace.chosen();
    const [object] = chosen;
    if (object === undefined || chosen.length > 1 || object.locked) {
      notices.toast(t(object?.locked === true ? "edit.locked" : "edit.chooseFirst"));
      return;
    }
    workspace.choose("point");
    tools.point.session.refine(object);
    workspace.focusStage();
  }

  private async copyCutOut(): Promise<void> {
    const { workspace, notices } = this;
    const open = workspace.open.value;
    const chosen = workspace.chosen();
    if (open === null || chosen.length === 0) {
      notices.toast(t("edit.chooseFirst"));
      return;
    }
    const mask = chosen.map((object) => bitmapOf(object.mask)).reduce((all, each) => all.union(each));
    try {
      // The browser wants to be asked at once, and waits for the picture by itself.
      const picture = cutOut({ width: open.width, height: open.height, source: workspace.source(open) }, mask);
      await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
      notices.toast(t("clipboard.copied"));
    } catch (error) {
      notices.toast(t("clipboard.failed", { why: reasonOf(error) }), { bad: true });
    }
  }

  private async showCode(): Promise<void> {
    const { workspace, notices } = this;
    const open = workspace.open.value;
    const chosen = workspace.chosen();
    if (open === null) return;
    const prompts = (chosen.length > 0 ? chosen : workspace.objects.value).flatMap((object) => object.prompts);
    if (prompts.length === 0) {
      notices.toast(t("code.nothing"));
      return;
    }
    try {
      const code = await this.client.code(open.key, chosen.length === 1 ? chosen[0]!.uid : null, distinct(prompts));
      openCode(
        code,
        (what) => notices.toast(t("code.copied", { what })),
        () => notices.toast(t("code.notCopied"), { bad: true }),
      );
    } catch (error) {
      notices.toast(reasonOf(error), { bad: true });
    }
  }
}

/** The color of what has no label before it is kept. */
const NO_LABEL = "#4c9aff";

/** Objects that were found together have the same prompt: it is told once. */
function distinct(prompts: readonly Prompt[]): Prompt[] {
  return [...new Map(prompts.map((prompt) => [JSON.stringify(prompt), prompt])).values()];
}

/** A name that no other page has. */
function pageName(): string {
  return `page-${[...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
