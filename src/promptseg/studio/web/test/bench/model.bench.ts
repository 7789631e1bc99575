/** Speed of what happens while a person works: `npm run bench`. Images have 12 megapixels, 4000 x 3000. */
import { bench, describe } from "vitest";

import { applied } from "../../src/model/changes.ts";
import { DocumentModel } from "../../src/model/document.ts";
import { Bitmap } from "../../src/model/mask.ts";
import { outline } from "../../src/model/outline.ts";
import type { ImageDocument, Point, StudioObject } from "../../src/model/types.ts";
import { strokeMask } from "../../src/tools/strokes.ts";
import { random } from "../model/naive.ts";

const SIZE: [number, number] = [4000, 3000];
const next = random(1);

/** A blob with a rough edge, about so many pixels wide. */
function blob(diameter: number): Bitmap {
  const center: Point = [next() * SIZE[0], next() * SIZE[1]];
  const points = Array.from({ length: 60 }, (_, index): Point => {
    const [angle, radius] = [(index / 60) * 2 * Math.PI, (diameter / 2) * (0.8 + 0.4 * next())];
    return [center[0] + radius * Math.cos(angle), center[1] + radius * Math.sin(angle)];
  });
  return Bitmap.empty(...SIZE).withPolygon(points, true);
}

const masks = Array.from({ length: 2000 }, () => blob(40 + 160 * next() ** 2)).filter((mask) => !mask.isEmpty);
const runs = masks.map((mask) => mask.toRuns());
const full = Bitmap.empty(...SIZE).withPolygon([[-1, -1], [4001, -1], [4001, 3001], [-1, 3001]], true); // prettier-ignore
const large = blob(2500);
const largeRuns = large.toRuns();
const rough = large.subtract(strokeMask([[0, 0], [4000, 3000]], 30, ...SIZE)); // prettier-ignore
const stroke = (): Bitmap => strokeMask([[1900, 1500], [1960, 1530]], 25, ...SIZE); // prettier-ignore
const options = { time: 1000, warmupTime: 300 };

describe("2,000 objects", () => {
  bench("read and outline", () => runs.forEach((each) => outline(Bitmap.fromRuns(each))), options);
  bench("read and write bits", () => runs.forEach((each) => Bitmap.fromRuns(each).bits), options);
});

describe("a mask of half of the image", () => {
  bench("read and outline", () => void outline(Bitmap.fromRuns(largeRuns)), options);
  bench("read and write bits", () => void Bitmap.fromRuns(largeRuns).bits.indexOf(1), options);
  bench("outline after a stroke", () => void outline(large.union(stroke())), options);
  bench("write after a stroke", () => void large.union(stroke()).toRuns(), options);
  bench("brush stroke", () => void large.union(stroke()), options);
  bench("eraser stroke", () => void large.subtract(stroke()), options);
  bench("union with a stroke", () => void large.union(masks[0]!), options);
  bench("iou", () => void large.iou(rough), options);
  bench("components", () => void rough.components(), options);
  bench("fill holes", () => void rough.filled(), options);
  bench("smooth by 5", () => void rough.smoothed(5), options);
});

describe("a mask of the whole image", () => {
  bench("brush stroke", () => void full.union(stroke()), options);
  bench("eraser stroke", () => void full.subtract(stroke()), options);
  bench("overlap", () => void full.overlap(large), options);
});

describe("a brush on a small mask", () => {
  const small = masks.find((mask) => mask.area > 5000)!;
  const at: Point = [small.x0 + 10, small.y0 + 10];
  bench("stroke", () => void small.union(strokeMask([at, [at[0] + 60, at[1] + 30]], 25, ...SIZE)), options);
  bench("lasso of 500 points", () => {
    const points = Array.from({ length: 500 }, (_, index): Point => [2000 + 900 * Math.cos(index / 79.6), 1500 + 900 * Math.sin(index / 79.6)]);
    Bitmap.empty(...SIZE).withPolygon(points, true);
  }, options); // prettier-ignore
});

describe("a document of 2,000 objects", () => {
  const objects = runs.map((mask, index): StudioObject => {
    const rest = { label: "cup", score: 0.9, source: "model", locked: false, hidden: false, color: null, attributes: {} } as const;
    return { uid: `uid${index}`, mask, ...rest, attributes: {}, prompts: [] };
  });
  const document: ImageDocument = { version: 1, state: "started", objects };
  const change = { put: [{ ...objects[7]!, label: "dog" }], remove: [] };
  bench("change", () => void applied(document, change), options);
  bench("change of the model", () => void new DocumentModel(document).apply(change), options);
});
