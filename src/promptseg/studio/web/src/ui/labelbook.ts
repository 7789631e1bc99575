/** The labels of the project: given to objects, and kept as a list on the server. */

import { t } from "../i18n/index.ts";
import { paletteColor } from "../model/colors.ts";
import { LabelError, labelOfKey, recolored, renamed, withKey, withLabel, withoutLabel } from "../model/labels.ts";
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

  /**
   * Add a label, which new objects get from then on, or change the name and color of one, which objects of this image follow.
   * Returns whether the list has changed.
   */
  keep(name: string | null, to: string, color: string | null): boolean {
    const isNew = name === null || !this.workspace.labels.value.some((label) => label.name === name);
    const changed = this.change((labels) => {
      const list = isNew ? withLabel(labels, to) : name === to ? labels : renamed(labels, name, to);
      return color === null ? list : recolored(list, to, color);
    });
    if (changed && isNew) this.makeCurrent(to);
    if (changed && !isNew && name !== to) {
      if (this.workspace.label.value === name) this.makeCurrent(to);
      const named = this.workspace.objects.value.filter((object) => object.label === name);
      if (named.length > 0) this.workspace.do(edits.set(named, { label: to }), t("edit.label"));
    }
    return changed;
  }

  remove(name: string): void {
    this.change((labels) => withoutLabel(labels, name));
    if (this.workspace.label.value === name) this.workspace.label.set(null);
  }

  setKey(name: string, key: string): void {
    this.change((labels) => withKey(labels, name, key));
  }

  private change(change: (labels: readonly Label[]) => readonly Label[]): boolean {
    const before = this.workspace.labels.value;
    try {
      const after = change(before);
      this.workspace.labels.set(after);
      if (after === before) return false;
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
