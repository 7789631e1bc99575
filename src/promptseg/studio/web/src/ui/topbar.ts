/** The bar at the top: which image this is, where it stands, what was saved, and what can be done with all of it. */

import { LANGUAGES, language, t, type Language } from "../i18n/index.ts";
import type { ImageState } from "../model/types.ts";
import { button, setButton } from "./controls.ts";
import { fill, h, setText } from "./dom.ts";
import { STATES } from "./filters.ts";
import { icon, type IconName } from "./icons.ts";
import { openMenu } from "./menu.ts";
import { setTheme, theme, THEMES } from "./settings.ts";
import { say } from "./texts.ts";
import type { SaveShown, Workspace } from "./workspace.ts";

const SAVE_ICONS: Record<SaveShown, IconName> = {
  saved: "check",
  saving: "turning",
  offline: "offline",
  conflict: "warning",
  refused: "warning",
};

export class TopBar {
  readonly element: HTMLElement;
  private readonly name = h("h1", { class: "ellipsis", attrs: { "data-testid": "image-name" } });
  private readonly place = h("span", { class: "place ellipsis" });
  private readonly saved = h("span", { class: "saved", attrs: { "data-testid": "save-state" } });
  private readonly state: HTMLButtonElement;
  private readonly model: HTMLSelectElement;

  constructor(private readonly workspace: Workspace) {
    const does = (action: string, picture: IconName): HTMLButtonElement =>
      button({ icon: picture, name: say(`keys.${action}`), action, testid: action, press: () => workspace.run(action) });
    const previous = does("images.previous", "previous");
    const next = does("images.next", "next");
    const nextUndone = does("images.nextUndone", "nextUndone");
    const undo = does("undo", "undo");
    const redo = does("redo", "redo");
    const truth = does("view.truth", "truth");
    this.state = button({
      icon: "new",
      name: "",
      text: "",
      class: "state",
      testid: "state",
      attrs: { "aria-haspopup": "menu", "aria-expanded": "false", "data-tip": t("bar.state") },
      press: () => this.chooseState(),
    });
    this.state.append(icon("fold", "small"));
    const done = button({
      icon: "check",
      name: t("bar.done"),
      text: t("bar.done"),
      kind: "primary",
      action: "images.doneNext",
      attrs: { "data-tip": t("keys.images.doneNext") },
      testid: "done-next",
      press: () => workspace.run("images.doneNext"),
    });
    this.model = h("select", {
      class: "field",
      attrs: { "aria-label": t("bar.model"), "data-testid": "model" },
      on: { change: () => workspace.chooseModel(this.model.value) },
    });
    const settings = button({
      icon: "theme",
      name: t("bar.settings"),
      testid: "settings",
      attrs: { "aria-haspopup": "menu", "aria-expanded": "false" },
      press: () => this.settings(settings),
    });
    this.element = h(
      "header",
      { class: "bar" },
      h("span", { class: "mark", attrs: { title: "promptseg" } }, icon("mark")),
      previous,
      next,
      nextUndone,
      h("div", { class: "title" }, this.name, this.place),
      this.state,
      done,
      h("span", { class: "grow" }),
      this.saved,
      undo,
      redo,
      h("span", { class: "divider" }),
      this.model,
      truth,
      button({
        icon: "export",
        name: t("bar.export"),
        text: t("bar.export"),
        kind: "plain",
        action: "view.export",
        testid: "export",
        press: () => workspace.run("view.export"),
      }),
      settings,
      does("view.help", "help"),
    );
    workspace.open.watch(() => this.write());
    workspace.images.subscribe(() => this.write());
    workspace.state.watch((state) => this.writeState(state));
    workspace.save.watch((save) => this.writeSaved(save));
    workspace.models.watch(() => this.writeModels());
    workspace.model.subscribe(() => this.writeModels());
    workspace.steps.watch(({ undo: undone, redo: redone }) => {
      setButton(undo, { disabled: undone === null, name: undone === null ? t("keys.undo") : t("bar.undoOf", { what: undone }) });
      setButton(redo, { disabled: redone === null, name: redone === null ? t("keys.redo") : t("bar.redoOf", { what: redone }) });
    });
    workspace.images.watch((images) => {
      for (const each of [previous, next, nextUndone]) each.hidden = images.length < 2;
    });
    workspace.project.watch((project) => (truth.hidden = project?.truth !== true));
    workspace.truthShown.watch((shown) => setButton(truth, { pressed: shown }));
    workspace.open.watch((open) => {
      for (const each of [this.state, done]) setButton(each, { disabled: open === null });
    });
  }

  private write(): void {
    const { images, key, open } = this.workspace;
    const all = images.value;
    const at = all.findIndex((image) => image.key === key.value);
    const name = open.value?.name ?? all[at]?.name ?? t("bar.noImage");
    setText(this.name, name);
    this.name.title = name;
    const size = open.value ? `${open.value.width} × ${open.value.height}` : "";
    setText(
      this.place,
      [all.length > 1 && at >= 0 ? t("bar.place", { at: at + 1, of: all.length }) : "", size].filter(Boolean).join(" · "),
    );
    document.title = open.value ? `${name} – promptseg studio` : "promptseg studio";
  }

  private writeState(state: ImageState): void {
    this.state.dataset.state = state;
    setButton(this.state, { icon: state, name: t("bar.stateIs", { state: t(`state.${state}`) }) });
    setText(this.state.querySelector("span")!, t(`state.${state}`));
  }

  private writeSaved(save: SaveShown): void {
    if (this.saved.dataset.state === save) return;
    this.saved.dataset.state = save;
    fill(this.saved, icon(SAVE_ICONS[save], "small"), h("span", {}, t(`save.${save}`)));
    this.saved.dataset.tip = t(`save.${save}More`);
  }

  private writeModels(): void {
    const { models, model } = this.workspace;
    this.model.hidden = models.value.length < 2;
    if (this.model.options.length !== models.value.length)
      fill(this.model, ...models.value.map((each) => h("option", { attrs: { value: each.name } }, each.name)));
    this.model.value = model.value ?? "";
  }

  private chooseState(): void {
    openMenu(
      this.state,
      t("bar.state"),
      STATES.filter((state) => state === "done" || state === "doubt" || state === this.workspace.undoneState()).map((state) => ({
        text: t(`state.${state}`),
        icon: state,
        testid: `state-${state}`,
        checked: state === this.workspace.state.value,
        choose: () => this.workspace.setState(state),
      })),
    );
  }

  private settings(opener: HTMLElement): void {
    const chosen = theme();
    openMenu(opener, t("bar.settings"), [
      { heading: t("settings.theme") },
      ...THEMES.map((each) => ({
        text: t(`settings.${each}`),
        checked: each === chosen,
        testid: `theme-${each}`,
        choose: () => setTheme(each),
      })),
      "line",
      { heading: t("settings.language") },
      ...(Object.entries(LANGUAGES) as [Language, string][]).map(([code, name]) => ({
        text: name,
        checked: code === language(),
        testid: `language-${code}`,
        choose: () => this.workspace.speak(code),
      })),
      "line",
      { text: t("settings.hints"), icon: "help", choose: () => this.workspace.run("view.hints") },
    ]);
  }
}
