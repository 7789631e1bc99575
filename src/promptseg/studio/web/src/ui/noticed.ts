/** What lasts long enough to be told. */

import { Signal, type Readable } from "../model/signal.ts";
import { NOTICED } from "./modelloader.ts";

/** A signal that is true once the other has been for as long as a person notices. */
export function noticed(other: Readable<boolean>): Readable<boolean> {
  const told = new Signal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  other.watch((is) => {
    clearTimeout(timer);
    if (is) timer = setTimeout(() => told.set(true), NOTICED);
    else told.set(false);
  });
  return told;
}
