/** Names of images, as short as a thumbnail is wide. */

/** The name without folder and suffix; of a long one, its beginning and its end. */
export function shortName(name: string): string {
  const last = name.slice(name.lastIndexOf("/") + 1);
  const stem = last.replace(/(.)\.[^.]*$/, "$1");
  return stem.length <= 15 ? stem : `${stem.slice(0, 5)}…${stem.slice(-9)}`;
}
