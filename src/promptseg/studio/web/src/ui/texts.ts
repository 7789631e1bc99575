/** Texts whose keys are made of values, such as a state. A test holds that all of them are in the catalog. */

import { t, type TextKey } from "../i18n/index.ts";

export function say(key: string, values?: Record<string, string | number>): string {
  return t(key as TextKey, values);
}
