/** What a person asks the page for that is more than a change: files, suggestions, cut-outs, code. */

import type { Client, SuggestResult } from "../api/client.ts";
import { bitmapOf } from "../canvas/bitmaps.ts";
import { plural, t } from "../i18n/index.ts";
import type { ImageSummary, Job, Prompt } from "../model/types.ts";
import type { Toolbox } from "../tools/toolbox.ts";
import { cutOut } from "./clipboard.ts";
import { openCode } from "./dialogs/code.ts";
import { ANNOTATION_SUFFIXES, openImport } from "./dialogs/import.ts";
import { JobCard } from "./jobcard.ts";
import { reasonOf } from "./reasons.ts";
import type { Workspace } from "./workspace.ts";

const ANNOTATIONS = new RegExp(`\\.(${ANNOTATION_SUFFIXES.join("|")})$`, "i");

export class Requests {
  constructor(
    private readonly client: Client,
    private readonly workspace: Workspace,
    private readonly tools: Toolbox,
    /** Where what goes on in the background is shown. */
    private readonly cards: HTMLElement,
  ) {}

  async take(files: File[]): Promise<void> {
    const annotations = files.filter((file) => ANNOTATIONS.test(file.name));
    const images = files.filter((file) => !ANNOTATIONS.test(file.name));
    if (images.length > 0) await this.workspace.jobs.addImages(images);
    if (annotations.length > 0) openImport(this.workspace, annotations);
  }

  /** Begin to suggest. Returns why that is not possible; null where it goes on in the background. */
  async suggest(prompts: Prompt[], threshold: number): Promise<string | null> {
    try {
      const job = await this.workspace.jobs.suggest(prompts, threshold);
      void this.followSuggesting(job).catch((error: unknown) => this.tellNotSuggested(error));
      return null;
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** Go on showing a job that an earlier page began. */
  async resumeSuggesting(): Promise<void> {
    let running: Job | undefined;
    try {
      const { jobs } = await this.client.json<{ jobs: Job[] }>("/v1/jobs");
      running = jobs.find((job) => job.kind === "suggest" && job.state === "running");
    } catch {
      return; // It goes on without being shown.
    }
    if (running) await this.followSuggesting(running).catch((error: unknown) => this.tellNotSuggested(error));
  }

  /** Say why there are no suggestions until a person has read it: who began them may be elsewhere by then. */
  private tellNotSuggested(error: unknown): void {
    this.workspace.notices.toast(t("suggest.broken", { why: reasonOf(error) }), { bad: true, stays: true });
  }

  private async followSuggesting(job: Job): Promise<void> {
    const { workspace } = this;
    const { notices } = workspace;
    const ending = new AbortController();
    const card = new JobCard(t("suggest.title"), "suggesting", () => ending.abort());
    this.cards.append(card.element);
    const progress = ({ progress: at }: Job): void => {
      const total = at?.total ?? 0;
      const text = at?.stage === "tiles" ? "suggest.tiles" : "suggest.progress";
      card.set(total > 0 ? t(text, { done: at!.done, total }) : t("suggest.title"), total > 0 ? at!.done / total : null);
    };
    try {
      const ended = await workspace.jobs.watch(job, progress, ending.signal);
      if (ended.state === "failed") throw new Error(ended.error ?? t("job.failed"));
      await workspace.loadImages();
      const failures = ended.progress?.failed ?? 0;
      if (ended.state === "done" && failures > 0) {
        const { failed } = await this.client.jobResult<SuggestResult>(ended.id);
        const [name, why] = Object.entries(failed)[0] ?? ["", ""];
        notices.toast(plural("suggest.failed", failures, { name, why }), { bad: true, stays: true });
      }
    } finally {
      card.element.remove();
    }
    const count = workspace.images.value.filter((image: ImageSummary) => image.state === "suggested").length;
    const show = (): void => workspace.filter.set({ search: "", state: "suggested", order: "doubt" });
    notices.toast(plural("suggest.done", count), { does: { text: t("suggest.show"), press: show } });
  }

  /** Go on with the chosen object by more points. */
  refineObject(): void {
    const { workspace, tools } = this;
    const { notices } = workspace;
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

  async copyCutOut(): Promise<void> {
    const { workspace } = this;
    const { notices } = workspace;
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

  async showCode(): Promise<void> {
    const { workspace } = this;
    const { notices } = workspace;
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

/** Objects that were found together have the same prompt: it is told once. */
function distinct(prompts: readonly Prompt[]): Prompt[] {
  return [...new Map(prompts.map((prompt) => [JSON.stringify(prompt), prompt])).values()];
}
