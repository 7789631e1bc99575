/** SHA-256 without waiting: that of the browser answers later, and only in pages that it calls secure. */

const FRACTION = 2 ** 32;

/** The first fractional bits of roots of the first primes, which the standard takes as its constants. */
function fractions(count: number, power: number): Int32Array {
  const values = new Int32Array(count);
  for (let number = 2, found = 0; found < count; number++) {
    if (!isPrime(number)) continue;
    const root = number ** power;
    values[found++] = ((root - Math.floor(root)) * FRACTION) | 0;
  }
  return values;
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}

const START = fractions(8, 1 / 2);
const ROUNDS = fractions(64, 1 / 3);

/** The digest of a text in UTF-8: eight unsigned numbers of 32 bits. */
export function sha256(text: string): Uint32Array {
  const message = padded(new TextEncoder().encode(text));
  const digest = START.slice();
  const words = new Int32Array(64);
  for (let block = 0; block < message.byteLength; block += 64) {
    for (let index = 0; index < 16; index++) words[index] = message.getInt32(block + 4 * index);
    for (let index = 16; index < 64; index++) {
      const [early, late] = [words[index - 15]!, words[index - 2]!];
      const mixedEarly = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
      const mixedLate = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
      words[index] = words[index - 16]! + mixedEarly + words[index - 7]! + mixedLate;
    }
    mix(digest, words);
  }
  return new Uint32Array(digest.buffer);
}

/** The digest in hexadecimal digits, as everybody else writes it. */
export function sha256Hex(text: string): string {
  return Array.from(sha256(text), (word) => word.toString(16).padStart(8, "0")).join("");
}

function mix(digest: Int32Array, words: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = digest as unknown as [number, number, number, number, number, number, number, number];
  for (let index = 0; index < 64; index++) {
    const choice = (e & f) ^ (~e & g);
    const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + ROUNDS[index]! + words[index]!) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((value, index) => {
    digest[index] = digest[index]! + value;
  });
}

/** The message with a one, zeros, and its length in bits, in whole blocks of 64 bytes. */
function padded(bytes: Uint8Array): DataView {
  const size = Math.ceil((bytes.length + 9) / 64) * 64;
  const message = new Uint8Array(size);
  message.set(bytes);
  message[bytes.length] = 0x80;
  const view = new DataView(message.buffer);
  view.setUint32(size - 8, Math.floor((bytes.length * 8) / FRACTION));
  view.setUint32(size - 4, (bytes.length * 8) % FRACTION);
  return view;
}

function turn(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
