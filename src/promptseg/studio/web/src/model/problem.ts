import type { ImageDocument } from "./types.ts";

/** An error that the server answered with: `application/problem+json` by RFC 9457. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    /** The document as it is now, where a change was refused because others made changes. */
    readonly document: ImageDocument | null = null,
    /** Seconds after which the server asks to try again, or null. */
    readonly retryAfter: number | null = null,
  ) {
    super(detail || title);
  }

  /** Whether the same request may succeed later. */
  get isPassing(): boolean {
    return [408, 425, 429, 500, 502, 503, 504, 507].includes(this.status);
  }
}
