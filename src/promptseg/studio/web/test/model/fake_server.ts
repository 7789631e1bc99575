/** A server of one image by the rule of `promptseg.studio_server.changes`, with answers that fail in all the ways that a network has. */
import { applied, difference, isNothing, sameObject, touched } from "../../src/model/changes.ts";
import { Problem } from "../../src/model/problem.ts";
import type { Change, ImageDocument } from "../../src/model/types.ts";
import { overTheWire } from "./documents.ts";

/** What happens to a request: its answer comes, it never arrives, only its answer is lost, or the server refuses it. */
export type Fate = "answer" | "unreachable" | "lost" | Problem;

export class FakeServer {
  /** How often each change was made: to what is there after it. */
  readonly made: Change[] = [];
  readonly requests: Change[] = [];
  /** What happens to the next requests; after them, each is answered. */
  fates: Fate[] = [];
  private readonly revisions = new Map<string, number>();

  constructor(public document: ImageDocument) {}

  async send(version: number, change: Change): Promise<{ version: number; document: ImageDocument | null }> {
    this.requests.push(overTheWire(change));
    const fate = this.fates.shift() ?? "answer";
    await Promise.resolve();
    if (fate === "unreachable") throw new TypeError("Failed to fetch");
    if (fate instanceof Problem) throw fate;
    const before = this.document;
    this.change(overTheWire(change), version);
    if (fate === "lost") throw new TypeError("Failed to fetch");
    const alone = before.version === version;
    return { version: this.document.version, document: alone ? null : overTheWire(this.document) };
  }

  load(): Promise<ImageDocument> {
    return Promise.resolve(overTheWire(this.document));
  }

  /** A change of this image, as another page makes it unless a version is given. */
  change(change: Change, version = this.document.version): void {
    const there = new Map(this.document.objects.map((object) => [object.uid, object]));
    const put = change.put.filter((object) => !sameObject(there.get(object.uid), object));
    const remove = change.remove.filter((uid) => there.has(uid));
    const changes = touched({ put, remove });
    if (version > this.document.version || changes.some((uid) => (this.revisions.get(uid) ?? 0) > version)) {
      throw new Problem(409, "Changed by others", "", overTheWire(this.document));
    }
    const after = { ...applied(this.document, { ...change, put, remove }), version: this.document.version + 1 };
    if (isNothing(difference(this.document, after))) return;
    for (const uid of changes) this.revisions.set(uid, after.version);
    this.document = after;
    this.made.push(change);
  }
}
