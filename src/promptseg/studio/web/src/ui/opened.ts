/** Images opened ahead of being shown: their documents, and the tiles that are seen first. */

import type { ImageSummary, OpenImage } from "../model/types.ts";

const MOST = 4;

interface Ahead {
  version: number;
  opening: Promise<OpenImage>;
}

export class Opened {
  private readonly kept = new Map<string, Ahead>();

  constructor(
    private readonly load: (key: string) => Promise<OpenImage>,
    private readonly warm: (image: OpenImage) => void,
  ) {}

  /** The image as it was opened ahead, if nobody changed it since, or opened now. */
  get(image: ImageSummary): Promise<OpenImage> {
    const found = this.kept.get(image.key);
    this.kept.delete(image.key);
    return found?.version === image.version ? found.opening.catch(() => this.load(image.key)) : this.load(image.key);
  }

  /** Open an image that may be shown next. What goes wrong is told when it is shown. */
  ahead(image: ImageSummary): void {
    if (this.kept.get(image.key)?.version === image.version) return;
    const opening = this.load(image.key);
    opening.then(
      (open) => this.warm(open),
      () => this.kept.delete(image.key),
    );
    this.kept.set(image.key, { version: image.version, opening });
    for (const key of this.kept.keys()) {
      if (this.kept.size <= MOST) break;
      this.kept.delete(key);
    }
  }
}
