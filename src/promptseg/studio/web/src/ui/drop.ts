/** Files dropped anywhere in the window, or pasted. */

import { t } from "../i18n/index.ts";
import { h } from "./dom.ts";
import { icon } from "./icons.ts";

export function acceptFiles(take: (files: File[]) => void): void {
  const shade = h("div", { class: "drop", attrs: { hidden: true } }, icon("import"), h("span", {}, t("drop.here")));
  document.body.append(shade);
  let inside = 0; // Entering a child comes before leaving its parent.
  const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  const show = (by: number): void => {
    inside = Math.max(0, inside + by);
    shade.hidden = inside === 0;
  };
  addEventListener("dragenter", (event) => hasFiles(event) && show(1));
  addEventListener("dragleave", (event) => hasFiles(event) && show(-1));
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(-inside);
    if (event.dataTransfer) void filesOf(event.dataTransfer).then(take);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) take(files);
  });
}

/** The files that are dropped, also those in folders, but for hidden ones. */
async function filesOf(data: DataTransfer): Promise<File[]> {
  const entries = [...data.items].flatMap((item) => item.webkitGetAsEntry() ?? []); // Asked for at once: after the event there are none.
  if (!entries.some((entry) => entry.isDirectory)) return [...data.files];
  return (await Promise.all(entries.map(within))).flat();
}

async function within(entry: FileSystemEntry): Promise<File[]> {
  if (entry.name.startsWith(".")) return [];
  if (!entry.isDirectory) return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found; // Until then, each call gives the next ones.
    for (const each of some) found.push(...(await within(each)));
  }
}

/** Let the person choose files. */
export function chooseFiles(accept: string, take: (files: File[]) => void): void {
  const input = h("input", {
    attrs: { type: "file", accept, multiple: true, hidden: true },
    on: { change: () => take([...(input.files ?? [])]) },
  });
  document.body.append(input);
  input.click();
  input.remove();
}
