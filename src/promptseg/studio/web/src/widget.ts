function render({ el }: { el: HTMLElement }): void {
  el.textContent = "promptseg";
}

export default { render };
