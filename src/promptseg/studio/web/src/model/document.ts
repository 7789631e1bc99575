import { applied, difference, isNothing, NO_CHANGE } from "./changes.ts";
import { Emitter, type Stop } from "./emitter.ts";
import type { Change, ImageDocument, ImageState, StudioObject } from "./types.ts";

/** What changed, and who changed it: this page, which then has to save it, or the server, which has it already. */
export interface DocumentEvent {
  change: Change;
  origin: "page" | "server";
}

/** The objects of the image that is open, the first at the back. It changes by changes alone, and tells each of them. */
export class DocumentModel {
  private document: ImageDocument;
  private byUid: Map<string, StudioObject>;
  private readonly emitter = new Emitter<{ change: DocumentEvent }>();

  constructor(document: ImageDocument) {
    this.document = document;
    this.byUid = index(document);
  }

  get value(): ImageDocument {
    return this.document;
  }

  get objects(): readonly StudioObject[] {
    return this.document.objects;
  }

  get state(): ImageState {
    return this.document.state;
  }

  get(uid: string): StudioObject | undefined {
    return this.byUid.get(uid);
  }

  /** Makes a change of this page, and returns what undoes it. A change that changes nothing is told to nobody. */
  apply(change: Change): Change {
    return this.become(applied(this.document, change), "page");
  }

  /** Takes over a document as the server has it, with what this page has not yet sent. */
  replace(document: ImageDocument): void {
    this.become(document, "server");
  }

  onChange(listener: (event: DocumentEvent) => void): Stop {
    return this.emitter.on("change", listener);
  }

  private become(document: ImageDocument, origin: DocumentEvent["origin"]): Change {
    const before = this.document;
    const change = difference(before, document);
    this.document = document;
    if (isNothing(change)) return NO_CHANGE;
    this.byUid = index(document);
    this.emitter.emit("change", { change, origin });
    return difference(document, before);
  }
}

function index(document: ImageDocument): Map<string, StudioObject> {
  return new Map(document.objects.map((object) => [object.uid, object]));
}
