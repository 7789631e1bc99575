/** The tools, one below the other. One of them is always chosen. */

import { t } from "../i18n/index.ts";
import type { ToolId } from "../tools/tool.ts";
import { button, setButton } from "./controls.ts";
import { h, setAttribute } from "./dom.ts";
import type { Workspace } from "./workspace.ts";

const GROUPS: readonly (readonly ToolId[])[] = [
  ["select", "pan"],
  ["point", "box"],
  ["brush", "eraser", "lasso"],
  ["text", "like", "everything", "salient"],
];

export class Rail {
  readonly element: HTMLElement;
  private readonly buttons = new Map<ToolId, HTMLButtonElement>();

  constructor(workspace: Workspace) {
    const toolbar = h("div", {
      class: "tools",
      attrs: { role: "toolbar", "aria-label": t("tools.name"), "aria-orientation": "vertical" },
      on: { keydown: (event) => this.key(event) },
    });
    GROUPS.forEach((group, index) => {
      if (index > 0) toolbar.append(h("div", { class: "divider", attrs: { role: "separator" } }));
      for (const id of group) {
        const element = button({
          icon: id,
          name: t(`keys.tool.${id}`),
          action: `tool.${id}`,
          testid: `tool-${id}`,
          press: () => workspace.run(`tool.${id}`), // The focus goes to where the tool begins.
        });
        this.buttons.set(id, element);
        toolbar.append(element);
      }
    });
    this.element = h("section", { class: "rail", attrs: { "aria-label": t("tools.name") } }, toolbar);
    workspace.tool.watch((tool) => this.mark(tool));
  }

  buttonOf(id: ToolId): HTMLElement | undefined {
    return this.buttons.get(id);
  }

  private mark(tool: ToolId): void {
    for (const [id, element] of this.buttons) {
      setButton(element, { pressed: id === tool });
      setAttribute(element, "tabindex", id === tool ? 0 : -1);
    }
  }

  private key(event: KeyboardEvent): void {
    const all = [...this.buttons.values()];
    const at = all.findIndex((each) => each === document.activeElement);
    const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
    const wanted = to[event.key];
    if (wanted === undefined || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    all[(wanted + all.length) % all.length]?.focus();
  }
}
