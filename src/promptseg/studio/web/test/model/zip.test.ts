import { expect, test } from "vitest";

import { crc32, zipped } from "../../src/model/zip.ts";

test("the checksum is that of ZIP", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});

test("files are in it with their names, of which no two are the same", async () => {
  const files = [new File(["{}"], "a.json"), new File(["[1]"], "é.json"), new File(["[2]"], "a.json")];
  const content = new Uint8Array(await (await zipped(files)).arrayBuffer());
  const text = new TextDecoder().decode(content);
  for (const name of ["a.json", "é.json", "2/a.json"]) expect(text.split(name)).toHaveLength(name === "a.json" ? 5 : 3); // In both lists.
  const view = new DataView(content.buffer);
  const end = content.length - 22;
  expect(view.getUint32(end, true)).toBe(0x06054b50);
  expect([view.getUint16(end + 8, true), view.getUint32(end + 16, true) + view.getUint32(end + 12, true)]).toEqual([3, end]);
});
