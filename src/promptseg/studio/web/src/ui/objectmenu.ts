/** What the menus of an object and of the image hold. */

import { bitmapOf } from "../canvas/bitmaps.ts";
import type { Stage, StageMenu } from "../canvas/stage.ts";
import { plural, t } from "../i18n/index.ts";
import type { Point, StudioObject } from "../model/types.ts";
import type { IconName } from "./icons.ts";
import { openMenuAt, type MenuItem } from "./menu.ts";
import { say } from "./texts.ts";
import type { Workspace } from "./workspace.ts";

/** An item that runs an action by its name. */
export function itemOf(workspace: Workspace, action: string, disabled = false, icon?: IconName): MenuItem {
  return {
    text: say(`keys.${action}`),
    action,
    disabled,
    testid: `menu-${action}`,
    choose: () => workspace.run(action),
    ...(icon && { icon }),
  };
}

/** What can be done to an object: to it alone, or to all that are chosen if it is one of them. */
export function objectItems(workspace: Workspace, object: StudioObject): MenuItem[] {
  const chosen = workspace.selection.value;
  const meant = chosen.has(object.uid) ? chosen : new Set([object.uid]);
  const joined = new Set([...chosen, object.uid]);
  const objects = workspace.objects.value.filter(({ uid }) => meant.has(uid));
  const isLocked = objects.every(({ locked }) => locked);
  const first = objects[0] ?? object;
  const does = (action: string, icon: IconName, disabled: boolean, uids: ReadonlySet<string> = meant, text?: string): MenuItem => ({
    text: text ?? say(`keys.${action}`),
    icon,
    action,
    disabled,
    testid: `menu-${action}`,
    choose: () => {
      workspace.selection.set(uids);
      workspace.run(action);
    },
  });
  const turns = (member: "hidden" | "locked", text: string, icon: IconName, action: string): MenuItem => ({
    text,
    icon,
    action,
    testid: `menu-${action}`,
    choose: () => workspace.edits.toggle(meant, member),
  });
  const label = object.label ?? t("objects.noLabel");
  return [
    { heading: meant.size > 1 ? plural("objects.chosen", meant.size) : `${workspace.numberOf(object.uid)} ${label}` },
    {
      text: t("keys.tool.select"),
      icon: "select",
      testid: "menu-select",
      disabled: chosen.size === 1 && chosen.has(object.uid),
      choose: () => workspace.selection.set(new Set([object.uid])),
    },
    does("objects.rename", "text", isLocked),
    does("objects.refine", "refine", isLocked || meant.size > 1),
    does("objects.merge", "merge", isLocked || joined.size < 2, joined, t("menu.merge")),
    "line",
    turns("hidden", t(first.hidden ? "menu.show" : "menu.hide"), first.hidden ? "visible" : "hidden", "objects.hide"),
    turns("locked", t(first.locked ? "menu.unlock" : "menu.lock"), first.locked ? "unlocked" : "locked", "objects.lock"),
    does("objects.copyImage", "copyImage", false),
    "line",
    does("objects.delete", "trash", isLocked),
  ];
}

/** What can be done where no object is. */
export function imageItems(workspace: Workspace): MenuItem[] {
  const { objects, project } = workspace;
  const none = objects.value.length === 0;
  const ofFolder = (...items: MenuItem[]): MenuItem[] => (project.value?.kind === "video" ? [] : items);
  return [
    itemOf(workspace, "objects.all", none),
    {
      text: t("objects.showAll"),
      icon: "visible",
      testid: "menu-show-all",
      disabled: !objects.value.some(({ hidden }) => hidden),
      choose: () => workspace.edits.showAll(),
    },
    itemOf(workspace, "objects.code", none, "code"),
    ...ofFolder(itemOf(workspace, "objects.fromBefore", false, "before")),
    "line",
    ...ofFolder(itemOf(workspace, "images.doneNext", false, "check"), itemOf(workspace, "images.doubt", false, "doubt"), "line"),
    itemOf(workspace, "view.fit", false, "fit"),
  ];
}

/** Open the menu of an object, or that of the image where there is none. */
export function openObjectMenu(workspace: Workspace, owner: HTMLElement, at: Point, uid: string | undefined): void {
  const object = workspace.objects.value.find((each) => each.uid === uid);
  if (object === undefined) openMenuAt(owner, at, t("menu.image"), imageItems(workspace));
  else openMenuAt(owner, at, t("menu.object"), objectItems(workspace, object));
}

/** Open menus where a person asks for them on the stage. While a video moves, there is none: it is said why. */
export function giveMenus(stage: Stage, workspace: Workspace, isMoving: () => boolean): void {
  stage.on("menu", (asked) => {
    if (workspace.open.value === null) return;
    if (isMoving()) {
      workspace.notices.announce(t("video.moving"));
      return;
    }
    const { uid, screen } = meantBy(asked, stage, workspace);
    const { left, top } = stage.host.getBoundingClientRect();
    openObjectMenu(workspace, stage.host, [left + screen[0], top + screen[1]], uid);
  });
}

/** The object there. Where keys ask for it without a crosshair, it is the one that was chosen last. */
function meantBy({ at, screen }: StageMenu, stage: Stage, workspace: Workspace): { uid: string | undefined; screen: Point } {
  if (at !== null) return { uid: stage.objectsAt(at).find((uid) => workspace.numberOf(uid) > 0), screen };
  const object = workspace.chosen().at(-1);
  const box = object && bitmapOf(object.mask).box;
  if (!object || !box) return { uid: undefined, screen };
  const { width, height } = stage.viewport.screen;
  const [x, y] = stage.viewport.toScreen([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]);
  return { uid: object.uid, screen: [Math.max(0, Math.min(x, width)), Math.max(0, Math.min(y, height))] };
}
