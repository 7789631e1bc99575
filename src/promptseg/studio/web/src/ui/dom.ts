/** Elements in one call. Styles are set by classes and by `style.setProperty`: the content security policy allows nothing else. */

export type Child = Node | string | number | false | null | undefined;

interface Props {
  class?: string;
  /** Attributes as they are written in HTML; true is an attribute without a value, false and null leave it out. */
  attrs?: Record<string, string | number | boolean | null | undefined>;
  on?: { [Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => void };
  /** Custom properties and styles. */
  style?: Record<string, string>;
}

/** Make an element: `h("button", {class: "button", on: {click}}, "Name")`. */
export function h<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (props.class) element.className = props.class;
  for (const [name, value] of Object.entries(props.attrs ?? {})) setAttribute(element, name, value);
  for (const [name, value] of Object.entries(props.style ?? {})) element.style.setProperty(name, value);
  for (const [name, listener] of Object.entries(props.on ?? {})) element.addEventListener(name, listener as EventListener);
  element.append(...present(children));
  return element;
}

/** Set an attribute where it changes: nothing is announced again for an equal value. */
export function setAttribute(element: Element, name: string, value: string | number | boolean | null | undefined): void {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value === true ? "" : value))
    element.setAttribute(name, value === true ? "" : String(value));
}

/** Set the text of an element where it changes. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Replace what an element holds. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...present(children));
}

/** Whether keys pressed now are meant for a text field, or for what stands in the place of one (`data-typing`). */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.hasAttribute("data-typing")) return true;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "range", "color", "button", "file"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

function present(children: Child[]): (Node | string)[] {
  return children
    .filter((child) => child !== false && child !== null && child !== undefined)
    .map((child) => (child instanceof Node ? child : String(child)));
}
