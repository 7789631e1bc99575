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
      if (!elsewhere.takeBack()) workspace.edits.goBack("undo");
    },
    redo: () => workspace.edits.goBack("redo"),
    "objects.all": () => workspace.edits.selectAll(),
    "objects.next": () => workspace.edits.selectNext(1),
    "objects.previous": () => workspace.edits.selectNext(-1),
    "objects.delete": () => workspace.edits.run("delete"),
    "objects.rename": elsewhere.renameObject,
    "objects.refine": elsewhere.refineObject,
    "objects.hide": () => workspace.edits.toggle(workspace.selection.value, "hidden"),
    "objects.lock": () => workspace.edits.toggle(workspace.selection.value, "locked"),
    "objects.up": () => workspace.edits.run("up"),
    "objects.down": () => workspace.edits.run("down"),
    "objects.merge": () => workspace.edits.run("merge"),
    "objects.split": () => workspace.edits.run("split"),
    "objects.fill": () => workspace.edits.run("fill"),
    "objects.cut": () => workspace.edits.run("cut"),
    "objects.smooth": () => workspace.edits.run("smooth"),
    "objects.copyImage": elsewhere.copyCutOut,
    "objects.fromBefore": () => void workspace.edits.copyFromBefore(),
    "objects.code": elsewhere.showCode,
    "labels.none": () => workspace.labelBook.give(null),
    "labels.add": elsewhere.addLabel,
    "images.next": () => workspace.step(1),
    "images.previous": () => workspace.step(-1),
    "images.nextUndone": () => workspace.nextUndone(),
    "images.done": () => workspace.toggleState("done"),
    "images.doneNext": () => {
      void workspace.keepDraft(); // Also where there is no next one.
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
    if (digit !== undefined) return workspace.labelBook.giveOfKey(digit);
    all[action]?.();
    return action in all;
  };
}

/** Whether an action changes the image that is shown, its objects or what is chosen of them. */
export function changesImage(action: string): boolean {
  return /^(undo|redo|objects\..*|label\.[1-9]|labels\.none|images\.(done|doneNext|doubt))$/.test(action);
}

/** Tools that begin with a field. */
const NEEDS_WORDS: ReadonlySet<ToolId> = new Set(["text"]);
