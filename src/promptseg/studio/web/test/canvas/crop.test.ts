import { describe, expect, test } from "vitest";

import { framed } from "../../src/canvas/crop.ts";
import type { Box } from "../../src/model/types.ts";

const image = { width: 600, height: 400 };

describe("the frame of a picture", () => {
  test("has the shape of the picture, and all of the box with some room", () => {
    const [x0, y0, x1, y1] = framed([300, 200, 400, 220], 1.5, image);
    expect((x1 - x0) / (y1 - y0)).toBeCloseTo(1.5);
    expect(x1 - x0).toBeCloseTo(130);
    expect([(x0 + x1) / 2, (y0 + y1) / 2]).toEqual([350, 210]);
  });

  test("stays in the image where it fits", () => {
    const corners: Box[] = [[0, 0, 50, 50], [550, 350, 600, 400]]; // prettier-ignore
    for (const corner of corners) {
      const [x0, y0, x1, y1] = framed(corner, 1.5, image);
      expect(x0).toBeGreaterThanOrEqual(0);
      expect(y0).toBeGreaterThanOrEqual(0);
      expect(x1).toBeLessThanOrEqual(600);
      expect(y1).toBeLessThanOrEqual(400);
    }
  });

  test("shows all of the image in its middle where the box is that large", () => {
    expect(framed([0, 0, 600, 400], 3, image)).toEqual([-300, 0, 900, 400]);
  });

  test("does not come nearer to a speck than some pixels", () => {
    const [x0, , x1] = framed([300, 200, 301, 201], 1.5, image);
    expect(x1 - x0).toBeGreaterThan(20);
  });
});
