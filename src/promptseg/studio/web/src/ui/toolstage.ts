/** The stage as tools see it, where someone else hears of the mask that is being made. */

import type { Stage } from "../canvas/stage.ts";
import type { Bitmap } from "../model/mask.ts";
import type { ToolStage } from "../tools/tool.ts";

export function toolStage(stage: Stage, heard: (draft: Bitmap | null) => void): ToolStage {
  return {
    viewport: stage.viewport,
    set pans(pans: boolean) {
      stage.pans = pans;
    },
    set keysDrag(drag: boolean) {
      stage.keysDrag = drag;
    },
    setDraft: (bitmap, style, lifted) => {
      stage.setDraft(bitmap, style, lifted);
      heard(bitmap);
    },
    setStroke: (stroke) => stage.setStroke(stroke),
    extendStroke: (points) => stage.extendStroke(points),
    setMarks: (marks) => stage.setMarks(marks),
    setRing: (ring) => stage.setRing(ring),
    setProposals: (proposals) => stage.setProposals(proposals),
    setHovered: (uid) => stage.setHovered(uid),
    objectsAt: (at) => stage.objectsAt(at).filter((uid) => !uid.startsWith("truth-")),
    proposalAt: (at) => stage.proposalAt(at),
  };
}
