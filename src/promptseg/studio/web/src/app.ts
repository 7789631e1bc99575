/** Joins the parts of the page: project, image, document, history, saver, stage, tools and panes. */

import { Client } from "./api/client.ts";
import { pause } from "./api/events.ts";
import { bitmapOf } from "./canvas/bitmaps.ts";
import { Stage } from "./canvas/stage.ts";
import { t } from "./i18n/index.ts";
import { DatabaseLedger } from "./model/ledger.ts";
import { Saver } from "./model/saver.ts";
import { Signal } from "./model/signal.ts";
import type { RunLengths } from "./model/types.ts";
import { UnsentStore } from "./model/unsent.ts";
import type { ToolSettings } from "./tools/tool.ts";
import { Toolbox } from "./tools/toolbox.ts";
import { changesImage, commands } from "./ui/commands.ts";
import { contextOf } from "./ui/context.ts";
import { DetailsPane } from "./ui/details.ts";
import { openExport } from "./ui/dialogs/export.ts";
import { openHelp } from "./ui/dialogs/help.ts";
import { openImport } from "./ui/dialogs/import.ts";
import { openSuggest } from "./ui/dialogs/suggest.ts";
import { fill, h } from "./ui/dom.ts";
import { acceptFiles, chooseFiles } from "./ui/drop.ts";
import { FolderPane } from "./ui/folder.ts";
import { Hints } from "./ui/hints.ts";
import { JobCard } from "./ui/jobcard.ts";
import { installKeyboard } from "./ui/keyboard.ts";
import { LabelsPane } from "./ui/labels.ts";
import { Live } from "./ui/live.ts";
import { ModelLoader, NOTICED } from "./ui/modelloader.ts";
import { noticed } from "./ui/noticed.ts";
import { Notices } from "./ui/notices.ts";
import { giveMenus } from "./ui/objectmenu.ts";
import { ObjectsPane } from "./ui/objects.ts";
import { Panels } from "./ui/panels.ts";
import { Rail } from "./ui/rail.ts";
import { Requests } from "./ui/requests.ts";
import { recall, remember } from "./ui/settings.ts";
import { StatusLine } from "./ui/statusline.ts";
import { say } from "./ui/texts.ts";
import { installTooltips } from "./ui/tooltips.ts";
import { TopBar } from "./ui/topbar.ts";
import { TruthCard } from "./ui/truthcard.ts";
import { Unreadable } from "./ui/unreadable.ts";
import { welcome } from "./ui/welcome.ts";
import { Workspace } from "./ui/workspace.ts";
import { VideoMode } from "./video/mode.ts";
import { VideoModel } from "./video/model.ts";

/** Milliseconds that the answer to what was accepted is waited for before another image is shown. */
const LONGEST_WAIT = 5000;

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
  private readonly unsent: UnsentStore;
  private readonly loader: ModelLoader;
  private readonly live: Live;
  private readonly requests: Requests;
  private hints: Hints | null = null;
  private folder: FolderPane | null = null;
  /** What there is where the project is a video. */
  private video: VideoMode | null = null;

  constructor(private readonly root: HTMLElement) {
    this.stage = new Stage(this.host, { label: t("stage.name") });
    const dataset = (): string => this.workspace.project.value?.dataset ?? "";
    const page = pageName();
    this.unsent = new UnsentStore(localStorage, dataset, page, new DatabaseLedger("promptseg.studio"));
    const saver = new Saver(
      {
        send: (key, version, change) => this.client.change(key, version, change),
        load: async (key) => (await this.client.open(key)).document,
        choose: (key, conflicts) => this.live.choose(key, conflicts),
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
    this.loader = new ModelLoader(this.client, this.workspace, this.cards);
    this.live = new Live(this.client, this.workspace, this.unsent, page, () => this.video);
    const { client, workspace, loader, stage, settings, truth } = this;
    const context = contextOf({ client, workspace, loader, stage, settings, truth, isMoving: () => this.isMoving });
    this.tools = new Toolbox(context, workspace.tool.value);
    this.requests = new Requests(this.client, this.workspace, this.tools, this.cards);
    this.tools.attach(this.stage);
    this.workspace.settle = async () => {
      const wasDrafting = this.tools.isDrafting;
      await Promise.race([this.tools.settle(), pause(LONGEST_WAIT)]);
      return wasDrafting;
    };
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
    void this.loader.load();
    void this.live.listen();
    void this.requests.resumeSuggesting();
    await this.live.resume();
    if (project.kind === "video") await this.startVideo();
    else await this.openFirst();
    this.host.focus();
    if (workspace.open.value !== null) this.hints?.greet();
  }

  /** Whether the frame of a video that is shown is not the one that can be worked on. */
  private get isMoving(): boolean {
    return this.video?.moving.value === true;
  }

  private async startVideo(): Promise<void> {
    this.video = new VideoMode(await VideoModel.load(this.client), this.stage, this.workspace);
    this.root.dataset.kind = "video";
    this.folder?.element.replaceWith(this.video.pane.element);
    this.workspace.closed = () => (this.isMoving ? t("video.moving") : null);
    this.video.moving.subscribe((moving) => {
      if (moving) return;
      this.notices.withdraw(t("video.moving"));
      this.drawObjects();
    });
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
    const over = h("div", { class: "over-rest" }, panels.element, this.truth.element, this.cards, notices.toasts);
    const area = h(
      "main",
      { class: "stage-area", attrs: { "aria-label": t("stage.area") } },
      h("div", { class: "stage" }, this.host),
      welcome(workspace),
      new Unreadable(workspace).element,
      h("div", { class: "over" }, notices.bannerPlace, over),
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
      refineObject: () => this.requests.refineObject(),
      copyCutOut: () => void this.requests.copyCutOut(),
      showCode: () => void this.requests.showCode(),
      addLabel: () => labels.add(),
      searchImages: () => folder.focusSearch(),
      growFolder: () => folder.grow(),
      chooseImages: () => chooseFiles("image/*", (files) => void this.requests.take(files)),
      suggest: () => openSuggest(workspace, (prompts, threshold) => this.requests.suggest(prompts, threshold)),
      import: () => openImport(workspace),
      export: () => openExport(workspace),
      help: openHelp,
      hints: () => this.hints?.show(0),
      focusTool: () => panels.focus(),
    });
    return (action) => this.video?.handles(action) === true || (changesImage(action) && workspace.refuses()) || run(action);
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
    for (const signal of [workspace.objects, workspace.selection]) signal.subscribe(() => workspace.edits.forgetLocks());
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
    giveMenus(stage, workspace, () => this.isMoving);
    this.showAwaited();
    this.showBusy();
    stage.refuses = () => workspace.refuses();
    workspace.opening.subscribe((opening) => opening && stage.drop());
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

  /** Show what is awaited of the image: that it is opened, or that the model sees it for the first time. Screen readers are told, too. */
  private showBusy(): void {
    const { preparing, opening } = this.workspace;
    const card = new JobCard(t("prompt.preparing"), "busy");
    const opens = noticed(opening);
    const show = (): void => {
      const told = (opens.value ? this.workspace.whyClosed : null) ?? (preparing.shown.value ? t("prompt.preparing") : null);
      this.host.setAttribute("aria-busy", String(told !== null));
      if (told === null) {
        card.element.remove();
        return;
      }
      card.set(told, null);
      this.cards.append(card.element);
      this.notices.announce(told);
    };
    for (const signal of [opens, preparing.shown]) signal.subscribe(show);
  }

  private joinWindow(): void {
    const { workspace } = this;
    installTooltips(this.root);
    installKeyboard((action) => this.run(action));
    acceptFiles((files) => void this.requests.take(files));
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
    if (workspace.open.value === null || this.isMoving) return;
    const objects = workspace.objects.value.map((object) => ({
      uid: object.uid,
      bitmap: bitmapOf(object.mask),
      color: workspace.colorOf(object),
      hidden: object.hidden,
    }));
    stage.setObjects([...objects, ...this.truth.overlay()]);
    stage.setSelected(workspace.selection.value);
  }
}

/** A name that no other page has. */
function pageName(): string {
  return `page-${[...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
