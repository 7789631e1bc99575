/** Choose objects: click, Shift for more, Tab for the one below, Delete. */

import type { StageKey, StagePointer } from "../canvas/stage.ts";
import { plural, t } from "../i18n/index.ts";
import type { Point } from "../model/types.ts";
import type { Tool, ToolContext } from "./tool.ts";

export class SelectTool implements Tool {
  readonly id = "select";
  readonly drags = false;
  readonly #context: ToolContext;
  /** Where was clicked last: Tab goes through the objects there. */
  #at: Point | null = null;

  constructor(context: ToolContext) {
    this.#context = context;
  }

  enter(): void {
    this.#at = null;
  }

  leave(): void {
    this.#context.stage.setHovered(null);
  }

  up({ at, button, shift, control }: StagePointer): void {
    if (button !== 0) return;
    this.#at = at;
    const { stage, selection } = this.#context;
    const uid = stage.objectsAt(at)[0];
    const adds = shift || control;
    if (uid === undefined) {
      if (!adds) selection.set(new Set());
    } else if (adds) {
      const chosen = new Set(selection.value);
      if (!chosen.delete(uid)) chosen.add(uid);
      selection.set(chosen);
    } else {
      selection.set(new Set([uid]));
    }
    this.#tell();
  }

  hover({ at }: StagePointer): void {
    const { stage } = this.#context;
    stage.setHovered(stage.objectsAt(at)[0] ?? null);
  }

  away(): void {
    this.#context.stage.setHovered(null);
  }

  key({ key, shift, control, alt }: StageKey): boolean {
    if (control || alt) return false;
    if (key === "Tab") return this.#below(shift ? -1 : 1);
    if (key === "Delete" || key === "Backspace") return this.#delete();
    if (key === "Escape" && this.#context.selection.value.size > 0) {
      this.#context.selection.set(new Set());
      return true;
    }
    return false;
  }

  /** Choose the object below the chosen one, where objects lie over one another. Elsewhere Tab leaves the stage, as everywhere. */
  #below(by: 1 | -1): boolean {
    const { stage, selection } = this.#context;
    const there = this.#at === null ? [] : stage.objectsAt(this.#at);
    const [chosen] = selection.value;
    if (there.length < 2 || selection.value.size !== 1 || chosen === undefined || !there.includes(chosen)) return false;
    const next = there.indexOf(chosen) + by;
    if (next < 0 || next >= there.length) {
      this.#at = null; // All were chosen once: the next Tab leaves the stage.
      return false;
    }
    selection.set(new Set([there[next]!]));
    this.#tell();
    return true;
  }

  #delete(): boolean {
    const { document, selection, history, announce } = this.#context;
    const chosen = [...selection.value].filter((uid) => document.get(uid) !== undefined);
    const remove = chosen.filter((uid) => document.get(uid)?.locked === false);
    if (chosen.length === 0) return false;
    if (remove.length < chosen.length) announce(t("tools.locked"), "error");
    if (remove.length === 0) return true;
    history.do({ put: [], remove }, plural("tools.history.delete", remove.length));
    selection.set(new Set(chosen.filter((uid) => !remove.includes(uid))));
    announce(plural("tools.deleted", remove.length));
    return true;
  }

  #tell(): void {
    const { selection, document, announce } = this.#context;
    const [uid] = selection.value;
    const object = uid === undefined ? undefined : document.get(uid);
    if (selection.value.size === 1 && object) announce(t("tools.selectedOne", { label: object.label ?? t("tools.unlabeled") }));
    else announce(plural("tools.selected", selection.value.size));
  }
}
