/** The stage as tools see it, where someone else hears of what is being made. */

import type { Mark, Stage } from "../canvas/stage.ts";
import type { Bitmap } from "../model/mask.ts";
import type { ToolStage } from "../tools/tool.ts";

/** Who hears of what tools draw. */
export interface Hears {
  /** The mask that is being made, and the uid of the object that it stands for. */
  draft: (bitmap: Bitmap | null, lifted: string | null) => void;
  marks?: (marks: readonly Mark[]) => void;
}

export function toolStage(stage: Stage, hears: Hears): ToolStage {
  return {
    viewport: stage.viewport,
    set pans(pans: boolean) {
      stage.pans = pans;
    },
    set keysDrag(drag: boolean) {
      stage.keysDrag = drag;
    },
    setDraft: (bitmap, style, lifted) => {
      hears.draft(bitmap, lifted ?? null);
      stage.setDraft(bitmap, style, lifted);
    },
    setMarks: (marks) => {
      hears.marks?.(marks);
      stage.setMarks(marks);
    },
    setStroke: (stroke) => stage.setStroke(stroke),
    extendStroke: (points) => stage.extendStroke(points),
    setRing: (ring) => stage.setRing(ring),
    setProposals: (proposals) => stage.setProposals(proposals),
    setHovered: (uid) => stage.setHovered(uid),
    objectsAt: (at) => stage.objectsAt(at).filter((uid) => !uid.startsWith("truth-")),
    proposalAt: (at) => stage.proposalAt(at),
  };
}
