/** The labels of the project: given to objects, and kept as a list on the server. */

import { t } from "../i18n/index.ts";
import { paletteColor } from "../model/colors.ts";
import { followed, LabelError, labelOfKey, recolored, renamed, withKey, withLabel, withoutLabel } from "../model/labels.ts";
import type { History } from "../model/history.ts";
import type { Way } from "../model/turns.ts";
import type { Label } from "../model/types.ts";
import * as edits from "./edits.ts";
import { reasonOf } from "./reasons.ts";
import { remember } from "./settings.ts";
import { say } from "./texts.ts";
import type { Workspace } from "./workspace.ts";

export class LabelBook {
  constructor(private readonly workspace: Workspace) {}

  /** Make a label the current one, and give it to the chosen objects. */
  give(name: string | null): void {
    this.makeCurrent(name);
    if (this.workspace.chosen().length > 0) {
      const change = edits.set(this.workspace.chosen(), { label: name });
      if (change) this.workspace.do(change, t("edit.label"), t("labels.given", { name: name ?? t("objects.noLabel") }));
    } else this.workspace.notices.announce(t("labels.current", { name: name ?? t("objects.noLabel") }));
  }

  /** Make a label the one that new objects get. */
  makeCurrent(name: string | null): void {
    this.workspace.label.set(name);
    remember("label", name);
  }

  giveOfKey(key: string): boolean {
    const label = labelOfKey(this.workspace.labels.value, key);
    if (label !== null) this.give(label.name);
    return label !== null;
  }

  nextColor(): string {
    return paletteColor(this.workspace.labels.value.length);
  }

  /** Add a label, which new objects get from then on. Returns whether the list has changed. */
  add(written: string, color: string | null = null): boolean {
    const name = written.normalize("NFC");
    const added = this.change((labels) => {
      const list = withLabel(labels, name);
      return color === null ? list : recolored(list, name, color);
    });
    if (added) this.makeCurrent(name);
    return added;
  }

  /** Change the name and color of a label, which objects of this image follow. Returns whether the list has changed. */
  edit(name: string, written: string, color: string): boolean {
    const { labels, label, objects } = this.workspace;
    const before = labels.value;
    if (!before.some((each) => each.name === name)) return this.add(written, color); // Somebody else took it away.
    const to = written.normalize("NFC");
    if (!this.change((list) => recolored(name === to ? list : renamed(list, name, to), to, color))) return false;
    if (name !== to && label.value === name) this.makeCurrent(to);
    const named = name === to ? [] : objects.value.filter((object) => object.label === name);
    const follow = named.length > 0 && this.workspace.do(edits.set(named, { label: to }), t("edit.label"));
    this.keepUndoable(before, follow ? this.workspace.history.value : null);
    return true;
  }

  remove(name: string): void {
    const before = this.workspace.labels.value;
    if (!this.change((labels) => withoutLabel(labels, name))) return;
    if (this.workspace.label.value === name) this.workspace.label.set(null);
    this.keepUndoable(before);
  }

  setKey(name: string, key: string): void {
    const before = this.workspace.labels.value;
    if (this.change((labels) => withKey(labels, name, key))) this.keepUndoable(before);
  }

  /** Let a change of the list be undone, with the last step of a history where objects followed it. */
  keepUndoable(before: readonly Label[], steps: History | null = null): void {
    const after = this.workspace.labels.value;
    let turn = steps?.turnOf("undo") ?? 0;
    const go = async (way: Way, from: readonly Label[], to: readonly Label[]): Promise<void> => {
      await this.follow(from, to);
      if (steps?.turnOf(way) !== turn) return; // Or objects were changed since.
      steps[way]();
      turn = steps.turnOf(way === "undo" ? "redo" : "undo");
    };
    this.workspace.undoables.done({
      name: t("labels.name"),
      undo: () => go("undo", after, before),
      redo: () => go("redo", before, after),
    });
  }

  private async follow(from: readonly Label[], to: readonly Label[]): Promise<void> {
    const { labels, label, server } = this.workspace;
    const earlier = labels.value;
    const place = earlier.findIndex((each) => each.name === label.value);
    const wanted = followed(earlier, from, to);
    labels.set(wanted);
    try {
      await server.saveLabels(wanted);
    } catch (error) {
      if (labels.value === wanted) labels.set(earlier);
      throw error;
    }
    if (!wanted.some((each) => each.name === label.value)) this.makeCurrent(wanted[place]?.name ?? null);
  }

  /** Change the list, unless that leaves it as it is. Returns whether it has changed. */
  private change(change: (labels: readonly Label[]) => readonly Label[]): boolean {
    const before = this.workspace.labels.value;
    try {
      const after = change(before);
      if (JSON.stringify(after) === JSON.stringify(before)) return false;
      this.workspace.labels.set(after);
    } catch (error) {
      if (!(error instanceof LabelError)) throw error;
      this.workspace.notices.toast(say(`labels.problem.${error.problem}`, { name: error.value }), { bad: true });
      return false;
    }
    const wanted = this.workspace.labels.value;
    this.workspace.server.saveLabels(wanted).catch((error: unknown) => {
      if (this.workspace.labels.value === wanted) this.workspace.labels.set(before);
      this.workspace.notices.toast(t("labels.notKept", { why: reasonOf(error) }), { bad: true });
    });
    return true;
  }
}
