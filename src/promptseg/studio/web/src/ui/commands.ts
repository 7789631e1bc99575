/** What the actions of keys, buttons and menus do. */

import type { Stage } from "../canvas/stage.ts";
import { TOOLS, type ToolId } from "../tools/tool.ts";
import type { Workspace } from "./workspace.ts";

/** What is done beside the workspace: by panes and dialogs. */
export interface Elsewhere {
  stage: Stage;
  /** Take back the last click of what is being made. Returns whether there was one. */
  takeBack: () => boolean;
  renameObject: () => void;
  refineObject: () => void;
  copyCutOut: () => void;
  showCode: () => void;
  addLabel: () => void;
  searchImages: () => void;
  growFolder: () => void;
  chooseImages: () => void;
  suggest: () => void;
  import: () => void;
  export: () => void;
  help: () => void;
  hints: () => void;
  focusTool: () => void;
}

/** Return what runs an action by its name, and tells whether there is such an action. */
export function commands(workspace: Workspace, elsewhere: Elsewhere): (action: string) => boolean {
  const { stage } = elsewhere;
  const all: Record<string, () => void> = {
    undo: () => {
      if (!elsewhere.takeBack()) workspace.goBack("undo");
    },
    redo: () => workspace.goBack("redo"),
    "objects.all": () => workspace.selectAll(),
    "objects.next": () => workspace.selectNext(1),
    "objects.previous": () => workspace.selectNext(-1),
    "objects.delete": () => workspace.edit("delete"),
    "objects.rename": elsewhere.renameObject,
    "objects.refine": elsewhere.refineObject,
    "objects.hide": () => workspace.toggle(workspace.selection.value, "hidden"),
    "objects.lock": () => workspace.toggle(workspace.selection.value, "locked"),
    "objects.up": () => workspace.edit("up"),
    "objects.down": () => workspace.edit("down"),
    "objects.merge": () => workspace.edit("merge"),
    "objects.split": () => workspace.edit("split"),
    "objects.fill": () => workspace.edit("fill"),
    "objects.cut": () => workspace.edit("cut"),
    "objects.smooth": () => workspace.edit("smooth"),
    "objects.copyImage": elsewhere.copyCutOut,
    "objects.fromBefore": () => void workspace.copyFromBefore(),
    "objects.code": elsewhere.showCode,
    "labels.none": () => workspace.giveLabel(null),
    "labels.add": elsewhere.addLabel,
    "images.next": () => workspace.step(1),
    "images.previous": () => workspace.step(-1),
    "images.nextUndone": () => workspace.nextUndone(),
    "images.done": () => workspace.toggleState("done"),
    "images.doneNext": () => {
      workspace.setState("done");
      workspace.nextUndone();
    },
    "images.doubt": () => workspace.toggleState("doubt"),
    "images.search": elsewhere.searchImages,
    "images.add": elsewhere.chooseImages,
    "images.suggest": elsewhere.suggest,
    "images.import": elsewhere.import,
    "view.in": () => stage.viewport.zoomStep(1),
    "view.out": () => stage.viewport.zoomStep(-1),
    "view.fit": () => stage.fit(),
    "view.truth": () => workspace.toggleTruth(),
    "view.folder": elsewhere.growFolder,
    "view.export": elsewhere.export,
    "view.help": elsewhere.help,
    "view.hints": elsewhere.hints,
  };
  for (const id of TOOLS) {
    all[`tool.${id}`] = () => {
      workspace.choose(id);
      if (NEEDS_WORDS.has(id)) elsewhere.focusTool();
      else workspace.focusStage();
    };
  }
  return (action) => {
    const digit = /^label\.([1-9])$/.exec(action)?.[1];
    if (digit !== undefined) return workspace.giveLabelOfKey(digit);
    all[action]?.();
    return action in all;
  };
}

/** Tools that begin with a field. */
const NEEDS_WORDS: ReadonlySet<ToolId> = new Set(["text"]);
