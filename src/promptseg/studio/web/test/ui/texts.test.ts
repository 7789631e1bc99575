import { expect, test } from "vitest";

import en from "../../src/i18n/en.json";
import { TOOLS } from "../../src/tools/tool.ts";
import { STATES } from "../../src/ui/filters.ts";
import { say } from "../../src/ui/texts.ts";

/** Keys that are made of values: the templates of the sources, with every value. */
const made = [
  ...TOOLS.map((tool) => `status.${tool}`),
  ...TOOLS.map((tool) => `keys.tool.${tool}`),
  ...["point", "box", "text", "like", "everything", "salient"].map((tool) => `missing.${tool}`),
  ...[...STATES, "all"].map((state) => `state.${state}`),
  ...["saved", "saving", "offline", "conflict", "refused"].flatMap((save) => [`save.${save}`, `save.${save}More`]),
  ...["merge", "split", "fill", "cut", "smooth", "delete", "up", "down"].map((edit) => `edit.${edit}`),
  ...["empty", "long", "taken", "many", "color", "key"].map((problem) => `labels.problem.${problem}`),
  ...["tools", "prompt", "objects", "labels", "images", "view"].map((group) => `help.${group}`),
  ...[16, 32, 64].map((points) => `everything.points${points}`),
  ...["auto", "light", "dark"].map((theme) => `settings.${theme}`),
];

test.each(made)("%s is in the catalog", (key) => {
  expect(Object.keys(en)).toContain(key);
  expect(say(key)).not.toBe("");
});
