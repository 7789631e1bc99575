/** What takes files or a while: images that are added, exports, imports, suggestions. */

import type { ExportResult, ImportOptions, ImportResult } from "../api/client.ts";
import { plural, t } from "../i18n/index.ts";
import type { Undoable } from "../model/undoables.ts";
import type { ImageState, ImageSummary, Job, Prompt } from "../model/types.ts";
import { zipped } from "../model/zip.ts";
import { modelForAll } from "./models.ts";
import { reasonOf } from "./reasons.ts";
import type { Workspace } from "./workspace.ts";

/** An import, and what takes it back. */
export interface Imported extends ImportResult {
  undo: () => void;
}

/** What an import did, in words. */
export function tellImport({ images, objects }: ImportResult): string {
  return t("import.done", { images: plural("folder.images", images), objects: plural("objects.count", objects) });
}

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

  /** Import annotation files. That can be undone and done again, as long as the page is there. */
  async import(files: readonly File[], options: ImportOptions): Promise<Imported> {
    let result = await this.sendImport(files, options);
    const undoable: Undoable = {
      name: t("import.title"),
      undo: () => this.undoImport(result),
      redo: async () => void (result = await this.sendImport(files, { ...options, mode: options.mode ?? "add" })),
    };
    this.workspace.undoables.done(undoable);
    return { ...result, undo: () => void this.workspace.edits.goBackOf("undo", undoable) };
  }

  private async sendImport(files: readonly File[], options: ImportOptions): Promise<ImportResult> {
    await this.workspace.saver.settled();
    const [first] = files;
    const [file, name] = files.length === 1 ? [first!, first!.name] : [await zipped(files), "annotations.zip"];
    const result = await this.workspace.server.import(file, { name, ...options });
    await this.workspace.loadImages();
    return result;
  }

  /** Take an import back. What is unsent is sent before, so that it counts as changed since. */
  private async undoImport(result: ImportResult): Promise<void> {
    const { notices } = this.workspace;
    await this.workspace.saver.settled();
    const { kept } = await this.workspace.server.undoImport(result.name);
    notices.withdraw(tellImport(result));
    notices.toast([t("import.undone"), ...(kept > 0 ? [plural("import.kept", kept)] : [])].join(". "));
    await this.workspace.loadImages();
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
