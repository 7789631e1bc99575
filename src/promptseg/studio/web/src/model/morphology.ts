/** Smoothing of bit images by discs. */
import { regionsOf } from "./regions.ts";

/** The pixels of an image of so many columns and rows that are at most `radius` from a pixel that is `value`. */
function near(bits: Uint8Array, width: number, height: number, value: number, radius: number): Uint8Array {
  const found = new Uint8Array(bits.length);
  const halves = halfChords(radius);
  const reach = halves.length - 1;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let start = 0; start < width; start++) {
      if (bits[row + start] !== value) continue;
      let end = start + 1;
      while (end < width && bits[row + end] === value) end++;
      for (let dy = Math.max(-reach, -y); dy <= reach && y + dy < height; dy++) {
        const half = halves[Math.abs(dy)]!;
        const other = (y + dy) * width;
        found.fill(1, other + Math.max(0, start - half), other + Math.min(width, end + half));
      }
      start = end;
    }
  }
  return found;
}

/**
 * A copy with smooth edges: a pixel has the value of most pixels of the disc around it, as far as the disc is in the image.
 *
 * Alone, this would delete what is thinner than the disc. So a thin part that reaches farther than `radius` from what is left stays as it
 * was, and so does a thin gap. What is rounded off are bumps and dents.
 */
export function smooth(bits: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  const most = majority(bits, width, height, radius);
  const result = most.slice();
  for (const value of [1, 0]) {
    const lost = new Uint8Array(bits.length);
    for (let place = 0; place < lost.length; place++) lost[place] = bits[place] === value && most[place] !== value ? 1 : 0;
    const close = near(most, width, height, value, radius);
    for (const part of regionsOf(lost, width, height)) {
      const places = placesOf(part, width);
      if (places.some((place) => close[place] === 0)) for (const place of places) result[place] = value;
    }
  }
  return result;
}

/** Each pixel with the value of most pixels of the disc around it. */
function majority(bits: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  const halves = halfChords(radius);
  const reach = halves.length - 1;
  const sums = sumsOfRows(bits, width, height);
  // Only near an edge can a pixel differ from what it is.
  const nearOn = near(bits, width, height, 1, radius);
  const nearOff = near(bits, width, height, 0, radius);
  const result = bits.slice();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const place = y * width + x;
      if (!nearOn[place] || !nearOff[place]) continue;
      let balance = 0; // Twice the pixels that are 1, less all pixels.
      for (let dy = Math.max(-reach, -y); dy <= reach && y + dy < height; dy++) {
        const half = halves[Math.abs(dy)]!;
        const [left, right] = [Math.max(0, x - half), Math.min(width, x + half + 1)];
        const row = (y + dy) * (width + 1);
        balance += 2 * (sums[row + right]! - sums[row + left]!) - (right - left);
      }
      if (balance !== 0) result[place] = balance > 0 ? 1 : 0;
    }
  }
  return result;
}

/** For each row, the number of ones before each column: (width + 1) numbers a row. */
function sumsOfRows(bits: Uint8Array, width: number, height: number): Int32Array {
  const sums = new Int32Array((width + 1) * height);
  for (let y = 0; y < height; y++) {
    let sum = 0;
    for (let x = 0; x < width; x++) {
      sum += bits[y * width + x]!;
      sums[y * (width + 1) + x + 1] = sum;
    }
  }
  return sums;
}

/** For each row of a disc, from its center on, how many pixels it has on each side of the center. */
function halfChords(radius: number): number[] {
  return Array.from({ length: Math.floor(radius) + 1 }, (_, dy) => Math.floor(Math.sqrt(radius * radius - dy * dy)));
}

function placesOf(part: { x0: number; y0: number; x1: number; bits: Uint8Array }, width: number): number[] {
  const places: number[] = [];
  const columns = part.x1 - part.x0;
  part.bits.forEach((bit, index) => {
    if (bit) places.push((part.y0 + Math.floor(index / columns)) * width + part.x0 + (index % columns));
  });
  return places;
}
