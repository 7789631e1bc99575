/** Keys of the page, wherever the focus is, but not while one types. */

import { isTyping } from "./dom.ts";
import { actionOf } from "./keys.ts";

/** Keys that a focused control needs for itself. */
const OF_CONTROLS = new Set(["Enter", " ", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"]);
/** Keys that also work while one types. */
const WHILE_TYPING = new Set(["images.doneNext", "view.export"]);

export function installKeyboard(run: (action: string) => boolean): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]") !== null) return;
    const action = actionOf(event);
    if (action === null) return;
    if (isTyping(event.target) && !WHILE_TYPING.has(action)) return;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const isControl = event.target instanceof Element && event.target.matches("input, [role=slider]");
    if (plain && isControl && OF_CONTROLS.has(event.key)) return;
    if (action === "objects.copyImage" && String(getSelection()) !== "") return; // Text is marked: it is copied.
    if (run(action)) event.preventDefault();
  });
}
