/** What the page and the server have to say to each other beside requests: events, what earlier pages left, and questions of conflicts. */

import type { Client, StudioEvent } from "../api/client.ts";
import { listen, pause } from "../api/events.ts";
import { plural, t } from "../i18n/index.ts";
import type { Conflict } from "../model/pending.ts";
import type { Choice } from "../model/queue.ts";
import type { UnsentStore } from "../model/unsent.ts";
import type { VideoMode } from "../video/mode.ts";
import type { VideoEvent } from "../video/types.ts";
import { openConflict } from "./dialogs/conflict.ts";
import type { Workspace } from "./workspace.ts";

/** Milliseconds that a lost connection may last before it is told. */
const PATIENCE = 1500;
/** Milliseconds that what earlier pages left is waited for. */
const LONGEST_WAIT = 5000;

export class Live {
  private asking: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly client: Client,
    private readonly workspace: Workspace,
    private readonly unsent: UnsentStore,
    /** The name of this page, which no other has. */
    private readonly page: string,
    /** What there is where the project is a video. */
    private readonly video: () => VideoMode | null,
  ) {}

  /** Hear what others change, for as long as the page is there. */
  async listen(): Promise<void> {
    const { workspace, client } = this;
    let lost = 0;
    await listen({
      open: (signal) => client.events(signal),
      hear: ({ data }) => this.hear(JSON.parse(data) as StudioEvent | VideoEvent),
      connected: (again) => {
        clearTimeout(lost);
        if (!again) return;
        if (workspace.saver.status.value.state !== "refused") this.workspace.notices.banner(null);
        workspace.saver.retry();
        void workspace.loadImages().then(
          () => {
            workspace.images.value.forEach((image) => workspace.saver.told(image.key, image.version));
            void workspace.reopen();
            this.video()?.model.reload();
          },
          () => undefined,
        );
      },
      lost: () => {
        clearTimeout(lost);
        lost = window.setTimeout(() => this.workspace.notices.banner(t("banner.offline")), PATIENCE);
      },
      signal: new AbortController().signal,
    });
  }

  private hear(event: StudioEvent | VideoEvent): void {
    const { workspace } = this;
    if (event.type === "frame" || event.type === "video") this.video()?.hear(event);
    else if (event.type === "image") workspace.told(event.summary);
    else if (event.type === "images")
      void workspace.loadImages().catch(() => undefined); // Some came or went. The list is loaded anew after a lost connection.
    else if (event.type === "document") workspace.saver.told(event.key, event.version);
    else
      void this.client.project().then(
        (project) => workspace.labels.set(project.labels),
        () => undefined,
      ); // The next event tells it again.
  }

  /** Send what earlier pages have left. Pages that are still open hold a lock by their name. */
  async resume(): Promise<void> {
    const locks = globalThis.isSecureContext ? navigator.locks : null; // A page without them takes over what others may still send: it is known by its uid.
    void locks?.request(this.page, () => new Promise(() => undefined));
    const held = new Set((await locks?.query())?.held?.map((lock) => lock.name) ?? []);
    const isOpen = (page: string): boolean => held.has(page);
    await Promise.race([this.unsent.recover(isOpen), pause(LONGEST_WAIT)]);
    const failed = await this.workspace.saver.resume(isOpen);
    if (failed.length > 0) this.workspace.notices.toast(plural("save.notSent", failed.length), { bad: true });
  }

  /** Ask which versions of objects are kept: of one image after another. */
  choose(key: string, conflicts: Conflict[]): Promise<Record<string, Choice>> {
    const { workspace } = this;
    const ask = (): Promise<Record<string, Choice>> =>
      new Promise((answer) => {
        const name = workspace.summary(key)?.name ?? key;
        openConflict({ name, conflicts, image: workspace.pictureOf(key), colorOf: (object) => workspace.colorOf(object), answer });
      });
    const asked = this.asking.then(ask);
    this.asking = asked;
    return asked;
  }
}
