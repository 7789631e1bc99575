/** What a person does to the objects of the image that is shown: each is one step of its history. */

import { plural, t } from "../i18n/index.ts";
import type { Undoable } from "../model/undoables.ts";
import type { Way } from "../model/turns.ts";
import * as edits from "./edits.ts";
import { neighbor } from "./filters.ts";
import { reasonOf } from "./reasons.ts";
import { say } from "./texts.ts";
import type { Workspace } from "./workspace.ts";

export class ObjectEdits {
  constructor(private readonly workspace: Workspace) {}

  /** Do an edit to the chosen objects. */
  run(name: "merge" | "split" | "fill" | "cut" | "smooth" | "delete" | "up" | "down"): void {
    const all = this.workspace.objects.value;
    const chosen = this.workspace.chosen();
    const make = {
      merge: () => edits.merge(chosen),
      split: () => edits.split(chosen),
      fill: () => edits.fillHoles(chosen),
      cut: () => edits.cutOutOfOthers(all, chosen),
      smooth: () => edits.smooth(chosen),
      delete: () => edits.remove(chosen),
      up: () => edits.step(all, this.workspace.selection.value, 1),
      down: () => edits.step(all, this.workspace.selection.value, -1),
    };
    if (chosen.length > 0 && chosen.every((object) => object.locked) && name !== "up" && name !== "down") {
      this.workspace.notices.toast(t("edit.locked"));
      return;
    }
    const before = all.length;
    if (!this.workspace.do(make[name](), say(`edit.${name}`))) return;
    const count = this.workspace.objects.value.length;
    if (count !== before) this.workspace.notices.announce(`${say(`edit.${name}`)}, ${plural("objects.count", count)}`);
    const undo = { does: { text: t("keys.undo"), press: () => this.workspace.run("undo") } };
    if (name === "delete" && chosen.length > 1) this.workspace.notices.toast(plural("objects.deleted", chosen.length), undo);
    const label = name === "merge" ? edits.labelMergedFromSeveral(chosen) : null;
    if (label !== null) this.workspace.notices.toast(t("edit.mergedLabel", { name: label }), undo);
  }

  toggle(uids: ReadonlySet<string>, member: "hidden" | "locked"): void {
    const objects = this.workspace.objects.value.filter((object) => uids.has(object.uid));
    this.workspace.do(edits.toggle(objects, member), t(member === "hidden" ? "edit.hide" : "edit.lock"));
  }

  /** Take away what was said of locked objects, once none of the chosen ones is locked. */
  forgetLocks(): void {
    if (this.workspace.chosen().some((object) => object.locked)) return;
    for (const text of [t("tools.locked"), t("edit.locked")]) this.workspace.notices.withdraw(text);
  }

  showAll(): void {
    const hidden = this.workspace.objects.value.filter((object) => object.hidden);
    this.workspace.do(edits.toggle(hidden, "hidden"), t("objects.showAll"));
  }

  /** Give the chosen objects a label as somebody wrote it. It is made if it is new, and new objects get it from then on. */
  rename(written: string | null): void {
    const label = written?.normalize("NFC") ?? null;
    if (label !== null) {
      if (!this.workspace.labels.value.some((each) => each.name === label) && !this.workspace.labelBook.add(label)) return;
      this.workspace.labelBook.makeCurrent(label);
    }
    const change = edits.set(this.workspace.chosen(), { label });
    if (change) this.workspace.do(change, t("edit.label"));
  }

  recolor(color: string): void {
    this.workspace.do(edits.set(this.workspace.chosen(), { color }), t("edit.color"));
  }

  describe(attributes: Record<string, string>): void {
    const change = edits.set(this.workspace.chosen(), { attributes });
    if (change) this.workspace.do(change, t("edit.attributes"));
  }

  moveTo(uids: ReadonlySet<string>, place: number): void {
    this.workspace.do(edits.moved(this.workspace.objects.value, uids, place), t("edit.order"));
  }

  selectAll(): void {
    this.workspace.selection.set(new Set(this.workspace.objects.value.map((object) => object.uid)));
    this.workspace.notices.announce(plural("objects.chosen", this.workspace.selection.value.size));
  }

  /** Choose the next object toward the back, or the one before. */
  selectNext(by: 1 | -1): void {
    const shown = [...this.workspace.objects.value].reverse();
    const last = [...this.workspace.selection.value].at(-1);
    const at = shown.findIndex((object) => object.uid === last);
    const next = shown[(at + by + shown.length) % shown.length] ?? shown[0];
    if (!next) return;
    this.workspace.selection.set(new Set([next.uid]));
    this.workspace.notices.announce(`${this.workspace.numberOf(next.uid)}, ${next.label ?? t("objects.noLabel")}`);
  }

  async copyFromBefore(): Promise<void> {
    const open = this.workspace.open.value;
    const before = neighbor(this.workspace.images.value, this.workspace.key.value, -1);
    if (open === null || before === null) {
      this.workspace.notices.toast(t("edit.noBefore"));
      return;
    }
    try {
      const other = await this.workspace.server.open(before.key);
      if (this.workspace.open.value !== open) return;
      const change = edits.copies(other.document.objects, [open.height, open.width]);
      if (change === null)
        this.workspace.notices.toast(t(other.document.objects.length === 0 ? "edit.beforeEmpty" : "edit.otherSize", { name: before.name }));
      else if (this.workspace.do(change, t("edit.fromBefore"))) {
        this.workspace.selection.set(new Set(change.put.map((object) => object.uid)));
        this.workspace.notices.toast(plural("edit.copied", change.put.length, { name: before.name }));
      }
    } catch (error) {
      this.workspace.notices.toast(reasonOf(error), { bad: true });
    }
  }

  goBack(way: Way): void {
    if (this.workspace.refuses()) return;
    const undoable = this.workspace.nextUndoable(way);
    if (undoable !== null) {
      void this.goBackOf(way, undoable);
      return;
    }
    const done = this.workspace.history.value?.[way]() ?? null;
    if (done === null) {
      this.workspace.notices.announce(t(way === "undo" ? "edit.nothingToUndo" : "edit.nothingToRedo"));
      return;
    }
    this.tellGone(way, done.name);
    if (done.skipped.length > 0) this.workspace.notices.toast(plural("edit.skipped", done.skipped.length));
  }

  /** Undo what was done beside the objects of one image, or do it again. */
  async goBackOf(way: Way, undoable: Undoable): Promise<void> {
    try {
      await this.workspace.undoables.go(way, undoable);
      this.tellGone(way, undoable.name);
    } catch (error) {
      this.workspace.notices.toast(reasonOf(error), { bad: true });
    }
  }

  private tellGone(way: Way, what: string): void {
    this.workspace.notices.announce(t(way === "undo" ? "edit.undone" : "edit.redone", { what }));
  }
}
