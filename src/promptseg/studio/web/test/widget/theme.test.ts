import { expect, it } from "vitest";

import { isDark } from "../../src/widget/theme.ts";

it.each([
  ["rgb(255, 255, 255)", false],
  ["rgb(17, 17, 17)", true],
  ["rgba(30, 30, 30, 0.9)", true],
  ["rgb(250 250 250 / 1)", false],
  ["color(srgb 0.1 0.1 0.12)", true],
  ["color(srgb 1 1 1)", false],
])("%s is dark: %s", (color, dark) => {
  expect(isDark(color)).toBe(dark);
});
