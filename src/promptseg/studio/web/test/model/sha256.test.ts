import { expect, test } from "vitest";

import { sha256Hex } from "../../src/model/sha256.ts";
import vectors from "../vectors/sha256.json";

test.each(vectors)("the digest of $text", ({ text, digest }) => {
  expect(sha256Hex(text)).toBe(digest);
});
