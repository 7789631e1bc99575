/** What takes files or a while: images that are added, exports, imports, suggestions. */

import type { ExportResult, ImportOptions, ImportResult } from "../api/client.ts";
import { plural, t } from "../i18n/index.ts";
import type { ImageState, ImageSummary, Job, Prompt } from "../model/types.ts";
import { modelForAll } from "./models.ts";
import { reasonOf } from "./reasons.ts";
import type { Workspace } from "./workspace.ts";

export class Jobs {
  constructor(private readonly workspace: Workspace) {}

  /** Add image files, and open the first. */
  async addImages(files: readonly File[]): Promise<void> {
    let added: ImageSummary | null = null;
    let count = 0;
    for (const file of files) {
      try {
        const summary = await this.workspace.server.addImage(file, file.name);
        this.workspace.told(summary);
        added ??= summary;
        count++;
      } catch (error) {
        this.workspace.notices.toast(t("drop.failed", { name: file.name, why: reasonOf(error) }), { bad: true });
      }
    }
    if (added === null) return;
    this.workspace.takeTold();
    this.workspace.notices.announce(plural("drop.added", count));
    await this.workspace.openKey(added.key);
  }

  /** Export the images in some states, or what there is where null is told, as of a video. */
  async export(formats: string[], states: ImageState[] | null, progress: (job: Job) => void, signal: AbortSignal): Promise<ExportResult> {
    await this.workspace.saver.settled();
    return this.finish<ExportResult>(await this.workspace.server.export(formats, states ?? undefined), progress, signal);
  }

  async import(file: File, format: string, mode?: ImportOptions["mode"]): Promise<ImportResult> {
    await this.workspace.saver.settled();
    const result = await this.workspace.server.import(file, { name: file.name, ...(format && { format }), ...(mode && { mode }) });
    await this.workspace.loadImages();
    return result;
  }

  /** Take an import back. What is unsent is sent before, so that it counts as changed since. */
  async undoImport(name: string): Promise<void> {
    const { notices } = this.workspace;
    try {
      await this.workspace.saver.settled();
      const { kept } = await this.workspace.server.undoImport(name);
      await this.workspace.loadImages();
      notices.toast([t("import.undone"), ...(kept > 0 ? [plural("import.kept", kept)] : [])].join(". "));
    } catch (error) {
      notices.toast(reasonOf(error), { bad: true });
    }
  }

  /** Suggest objects for the images that are new. What is done already stays when it is cancelled. */
  suggest(prompts: Prompt[], threshold: number): Promise<Job> {
    const chosen = { model: this.workspace.model.value, detector: this.workspace.detector.value };
    const model = modelForAll(prompts, this.workspace.models.value, chosen);
    return this.workspace.server.suggest({ prompts, threshold, ...(model !== null && { model }) });
  }

  /** Follow a job to its end, and return its result. */
  async finish<T>(job: Job, progress: (job: Job) => void, signal: AbortSignal): Promise<T> {
    const ended = await this.watch(job, progress, signal);
    signal.throwIfAborted();
    if (ended.state !== "done") throw new Error(ended.error ?? t("job.failed"));
    return this.workspace.server.jobResult<T>(ended.id);
  }

  /** Follow a job to its end. Aborting cancels it. */
  async watch(job: Job, progress: (job: Job) => void, signal: AbortSignal): Promise<Job> {
    const cancel = (): void => void this.workspace.server.cancelJob(job.id).catch(() => undefined); // It may have ended by itself.
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
    progress(job);
    try {
      return await this.workspace.server.watchJob(job.id, progress);
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }
}
