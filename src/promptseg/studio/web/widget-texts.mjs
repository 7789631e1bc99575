/** Which texts of the catalogs the widget has: those of the tools and of its few controls. The others are the page's alone. */
const WIDGET_TEXTS = [
  /^widget\./,
  /^(tools|status|missing)\./,
  /^keys\.(tool\.|undo$|redo$|labels\.give$|view\.fit$|objects\.delete$)/,
  /^keys\.(prompt\.(candidate|accept|cancel)|images\.(next|previous))$/,
  /^(everything|salient|found)\.|^text\.(phrase|example|go|threshold)$|^(cancel|prompt\.busy)$/,
  /^(brush\.size|edit\.(label|undone|redone)|image\.failed|models\.loading|objects\.count|stage\.(name|of))$/,
];

export function isOfWidget(key) {
  return WIDGET_TEXTS.some((pattern) => pattern.test(key));
}
