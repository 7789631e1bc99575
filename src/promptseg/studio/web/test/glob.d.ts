interface ImportMeta {
  /** What vitest makes of it: the texts of all files that match. */
  glob(pattern: string, options: { query: "?raw"; import: "default"; eager: true }): Record<string, string>;
}
