/** A ZIP of files as they are, not compressed: several files sent as one. */

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8_NAMES = 0x0800;
const NO_TIME = [0, 2, 0x21, 2] as const; // Midnight of the first day that can be written.

/** Pack files. Those of the same name get folders of their own. */
export async function zipped(files: readonly File[]): Promise<Blob> {
  const parts: BlobPart[] = [];
  const directory: BlobPart[] = [];
  const names = new Set<string>();
  let offset = 0;
  let listed = 0;
  for (const [index, file] of files.entries()) {
    const path = names.has(file.name) ? `${index}/${file.name}` : file.name;
    names.add(path);
    const name = new TextEncoder().encode(path);
    const content = new Uint8Array(await file.arrayBuffer());
    const told = [
      VERSION,
      2,
      UTF8_NAMES,
      2,
      0,
      2,
      ...NO_TIME,
      crc32(content),
      4,
      content.length,
      4,
      content.length,
      4,
      name.length,
      2,
      0,
      2,
    ];
    const local = bytes(LOCAL, 4, ...told);
    const central = bytes(CENTRAL, 4, VERSION, 2, ...told, 0, 2, 0, 2, 0, 2, 0, 4, offset, 4);
    parts.push(local, name, content);
    directory.push(central, name);
    offset += local.length + name.length + content.length;
    listed += central.length + name.length;
  }
  const end = bytes(END, 4, 0, 2, 0, 2, files.length, 2, files.length, 2, listed, 4, offset, 4, 0, 2);
  return new Blob([...parts, ...directory, end]);
}

/** Numbers in little-endian order, each followed by its size in bytes. */
function bytes(...fields: readonly number[]): Uint8Array<ArrayBuffer> {
  const written: number[] = [];
  for (let index = 0; index < fields.length; index += 2)
    for (let byte = 0; byte < fields[index + 1]!; byte++) written.push((fields[index]! >>> (8 * byte)) & 0xff);
  return Uint8Array.from(written);
}

const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

export function crc32(content: Uint8Array): number {
  let sum = ~0;
  for (const byte of content) sum = TABLE[(sum ^ byte) & 0xff]! ^ (sum >>> 8);
  return ~sum >>> 0;
}
