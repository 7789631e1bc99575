/** Waits for the models of the server, and says so where that takes long. */

import type { Client } from "../api/client.ts";
import { pause } from "../api/events.ts";
import { t } from "../i18n/index.ts";
import { JobCard } from "./jobcard.ts";
import { reasonOf } from "./reasons.ts";
import { recall } from "./settings.ts";
import type { Workspace } from "./workspace.ts";

/** Milliseconds after which a person notices to be waiting. */
export const NOTICED = 300;
/** Milliseconds after which loading the models may have failed. */
const LONG_LOADING = 30_000;

export class ModelLoader {
  constructor(
    private readonly client: Client,
    private readonly workspace: Workspace,
    /** Where what goes on in the background is shown. */
    private readonly cards: HTMLElement,
  ) {}

  /** Ask until the models are loaded. That is no error, so it asks for what there is, not whether the server is ready. */
  async load(): Promise<void> {
    const { workspace, client } = this;
    const card = new JobCard(t("models.loading"), "model-loading");
    const begun = performance.now();
    let models = await client.models().catch(() => []);
    for (; models.length === 0; models = await client.models().catch(() => [])) {
      const waited = performance.now() - begun;
      if (waited > NOTICED && !card.element.isConnected) this.cards.append(card.element);
      if (waited > LONG_LOADING) card.set(await this.whyNotReady(), null);
      await pause(waited > LONG_LOADING ? 5000 : 400);
    }
    card.element.remove();
    workspace.models.set(models);
    const kept = recall<string | null>("model", null);
    const names = models.map((model) => model.name);
    workspace.model.set(kept !== null && names.includes(kept) ? kept : (names[0] ?? null));
  }

  private async whyNotReady(): Promise<string> {
    try {
      await this.client.call("/ready", { patient: false });
      return t("models.loading");
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** Wait until there are models: who clicks before is answered then. */
  async loaded(signal?: AbortSignal): Promise<void> {
    const { models } = this.workspace;
    if (models.value.length === 0) {
      await new Promise<void>((resolve) => {
        const stop = models.subscribe(() => {
          stop();
          resolve();
        });
      });
    }
    signal?.throwIfAborted();
  }
}
