/** The notebook's widget: anywidget calls `render` for each place where the widget is shown. */

import { Link, type WidgetModel } from "./widget/link.ts";
import { View } from "./widget/view.ts";

/** Show the widget in an element. What is returned takes it away again. */
function render({ model, el }: { model: WidgetModel; el: HTMLElement }): () => void {
  const view = new View(el, new Link(model));
  return () => view.close();
}

export default { render };
