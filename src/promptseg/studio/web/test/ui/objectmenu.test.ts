import { describe, expect, test, vi, type Mock } from "vitest";

import { setLanguage } from "../../src/i18n/index.ts";
import { Signal } from "../../src/model/signal.ts";
import { Emitter } from "../../src/model/emitter.ts";
import type { InputEvents } from "../../src/canvas/input.ts";
import type { Stage } from "../../src/canvas/stage.ts";
import type { StudioObject } from "../../src/model/types.ts";
import type { MenuItem } from "../../src/ui/menu.ts";
import { giveMenus, imageItems, objectItems } from "../../src/ui/objectmenu.ts";
import type { Workspace } from "../../src/ui/workspace.ts";
import { disc, object } from "../tools/fake.ts";

setLanguage("en");

type Choice = Exclude<MenuItem, "line" | { heading: string }>;

/** What the menus use of a workspace of these objects. */
function workspaceOf(objects: StudioObject[], chosen: string[] = [], kind = "images"): Workspace & { toggled: Mock } {
  const toggled = vi.fn();
  const workspace = {
    toggled,
    objects: new Signal(objects),
    selection: new Signal<ReadonlySet<string>>(new Set(chosen)),
    project: new Signal({ kind }),
    numberOf: (uid: string) => objects.findIndex((each) => each.uid === uid) + 1,
    run: vi.fn(),
    edits: { toggle: toggled, showAll: vi.fn() },
  };
  return workspace as unknown as ReturnType<typeof workspaceOf>;
}

function item(items: MenuItem[], testid: string): Choice {
  return items.find((each): each is Choice => each !== "line" && "testid" in each && each.testid === testid)!;
}

function able(items: MenuItem[]): string[] {
  return items.flatMap((each) =>
    each !== "line" && "testid" in each && each.disabled !== true ? [each.testid.replace(/^menu-/, "")] : [],
  );
}

const [cup, spoon, plate] = [
  object("cup", disc(20, 20, 5), { label: "cup" }),
  object("spoon", disc(60, 20, 5)),
  object("plate", disc(100, 20, 5), { locked: true, hidden: true }),
];

describe("the menu of an object", () => {
  test("says which one it is, and offers what can be done", () => {
    const items = objectItems(workspaceOf([cup, spoon]), cup);
    expect(items[0]).toEqual({ heading: "1 cup" });
    expect(able(items)).toEqual([
      "select",
      "objects.rename",
      "objects.refine",
      "objects.hide",
      "objects.lock",
      "objects.copyImage",
      "objects.delete",
    ]);
  });

  test("does what is chosen to the object alone, where it is not one of the chosen ones", () => {
    const workspace = workspaceOf([cup, spoon], ["spoon"]);
    const items = objectItems(workspace, cup);
    item(items, "menu-objects.hide").choose();
    expect(workspace.toggled).toHaveBeenCalledWith(new Set(["cup"]), "hidden");
    expect([...workspace.selection.value]).toEqual(["spoon"]);
    item(items, "menu-objects.delete").choose();
    expect([...workspace.selection.value]).toEqual(["cup"]);
    expect(workspace.run).toHaveBeenCalledWith("objects.delete");
  });

  test("merges the object with the chosen ones", () => {
    const workspace = workspaceOf([cup, spoon], ["spoon"]);
    item(objectItems(workspace, cup), "menu-objects.merge").choose();
    expect([...workspace.selection.value].sort()).toEqual(["cup", "spoon"]);
    expect(workspace.run).toHaveBeenCalledWith("objects.merge");
  });

  test("is that of all chosen ones on one of them", () => {
    const workspace = workspaceOf([cup, spoon], ["cup", "spoon"]);
    const items = objectItems(workspace, cup);
    expect(items[0]).toEqual({ heading: "2 objects chosen" });
    expect(able(items)).not.toContain("objects.refine");
    item(items, "menu-objects.delete").choose();
    expect([...workspace.selection.value].sort()).toEqual(["cup", "spoon"]);
  });

  test("leaves a locked object as it is, and offers to unlock and show it", () => {
    const items = objectItems(workspaceOf([plate], ["plate"]), plate);
    expect(able(items)).toEqual(["objects.hide", "objects.lock", "objects.copyImage"]);
    expect([item(items, "menu-objects.hide").text, item(items, "menu-objects.lock").text]).toEqual(["Show", "Unlock"]);
  });
});

describe("the menu of the image", () => {
  test("offers what is done to all objects and to the image", () => {
    expect(able(imageItems(workspaceOf([cup, plate])))).toEqual([
      "objects.all",
      "show-all",
      "objects.code",
      "objects.fromBefore",
      "images.doneNext",
      "images.doubt",
      "view.fit",
    ]);
  });

  test("has nothing of a folder in a video, and nothing for objects where there are none", () => {
    expect(able(imageItems(workspaceOf([], [], "video")))).toEqual(["view.fit"]);
  });
});

test("while a video moves there is no menu, and it is said why", () => {
  const events = new Emitter<InputEvents>();
  const announce = vi.fn();
  const workspace = { open: new Signal({ key: "a" }), notices: { announce } } as unknown as Workspace;
  giveMenus(events as unknown as Stage, workspace, () => true);
  events.emit("menu", { at: [1, 1], screen: [1, 1] });
  expect(announce).toHaveBeenCalledWith("The frame is opened when it rests");
});
