/** What the tools of the page may use: the image that is shown, its history, and the models of the server. */

import type { Client } from "../api/client.ts";
import type { Stage } from "../canvas/stage.ts";
import { t } from "../i18n/index.ts";
import { labelColor } from "../model/colors.ts";
import type { Box, OpenImage, Prompt } from "../model/types.ts";
import { NEEDS_MODEL, type ToolContext, type ToolId, type ToolSettings } from "../tools/tool.ts";
import type { ModelLoader } from "./modelloader.ts";
import { modelFor, toolOf } from "./models.ts";
import { say } from "./texts.ts";
import { toolStage } from "./toolstage.ts";
import type { TruthCard } from "./truthcard.ts";
import type { Workspace } from "./workspace.ts";

/** The color of what has no label before it is kept. */
const NO_LABEL = "#4c9aff";
/** The tools whose prompts are places. */
const SPATIAL: ReadonlySet<ToolId> = new Set(["point", "box"]);

export interface ContextParts {
  client: Client;
  workspace: Workspace;
  loader: ModelLoader;
  stage: Stage;
  settings: ToolSettings;
  truth: TruthCard;
  /** Whether the frame of a video that is shown is not the one that can be worked on. */
  isMoving: () => boolean;
}

export function contextOf(parts: ContextParts): ToolContext {
  const { client, workspace, loader, stage, settings, truth, isMoving } = parts;
  const { notices } = workspace;
  const opened = (): OpenImage => {
    const { whyClosed, open } = workspace;
    if (whyClosed !== null || open.value === null) throw new Error(whyClosed ?? t("image.none"));
    return open.value;
  };
  const modelOf = (prompts: readonly Prompt[]): { model?: string } => {
    const name = modelFor(toolOf(prompts), workspace.models.value, { model: workspace.model.value, detector: workspace.detector.value });
    return name === null ? {} : { model: name };
  };
  /** Where prompts look that are not spatial: of a raster, in what is shown. */
  const windowOf = ({ raster }: OpenImage, prompts: readonly Prompt[]): { window?: Box | null } =>
    raster && !SPATIAL.has(toolOf(prompts)) ? { window: stage.viewport.shown } : {};
  return {
    stage: toolStage(stage, { draft: (mask) => truth.setDraft(mask) }),
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
    settings,
    segment: async (prompts, options = {}) => {
      const image = opened();
      const window = windowOf(image, prompts);
      await loader.loaded(options.signal);
      return workspace.preparing.during(image.image, client.segment(image, prompts, { ...modelOf(prompts), ...window, ...options }));
    },
    everything: async (prompt, progress, signal) => {
      const image = opened();
      const window = windowOf(image, [prompt]);
      await loader.loaded(signal);
      const job = await client.segmentAsJob(image, [prompt], { ...modelOf([prompt]), ...window });
      return (await workspace.jobs.finish<{ masks: Awaited<ReturnType<ToolContext["everything"]>> }>(job, progress, signal)).masks;
    },
    missing: (tool) => missing(workspace, tool, isMoving()),
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
    announce: (text, kind = "info") => (kind === "info" ? notices.announce(text) : notices.toast(text, { bad: kind === "error" })),
  };
}

/** Why a tool cannot be used now; null where it can. */
function missing({ models, open }: Workspace, tool: ToolId, isMoving: boolean): string | null {
  if (open.value === null) return t("image.none");
  if (isMoving) return t("video.moving");
  if (models.value.length === 0) return null; // They are being loaded: then it is answered, or refused.
  return NEEDS_MODEL.has(tool) && modelFor(tool, models.value, { model: null, detector: null }) === null ? say(`missing.${tool}`) : null;
}
