/** What the page says by itself: toasts, the banner above the image, and messages for screen readers. */

import { t } from "../i18n/index.ts";
import { button } from "./controls.ts";
import { fill, h } from "./dom.ts";
import { icon, type IconName } from "./icons.ts";

const STAYS = 6000; // Milliseconds that a toast can be seen; longer while the pointer or the focus is on it.
const MOST = 3;

export interface ToastOptions {
  bad?: boolean;
  /** A button of the toast. */
  does?: { text: string; press: () => void };
}

export class Notices {
  readonly toasts = h("div", { class: "toasts", attrs: { role: "region", "aria-label": t("notices.name") } });
  readonly bannerPlace = h("div", { class: "banner-place", attrs: { role: "status" } });
  private readonly polite = h("div", { class: "visually-hidden", attrs: { role: "status", "aria-live": "polite", "data-testid": "live" } });
  private readonly urgent = h("div", { class: "visually-hidden", attrs: { role: "alert" } });
  readonly live = h("div", {}, this.polite, this.urgent);
  private turn = false;

  /** Tell screen readers. The same text twice is told twice. */
  announce(text: string): void {
    this.turn = !this.turn;
    this.polite.textContent = this.turn ? text : `${text}\u00a0`;
  }

  toast(text: string, options: ToastOptions = {}): void {
    let timer = 0;
    const close = (): void => {
      clearTimeout(timer);
      element.remove();
    };
    const stay = (): void => clearTimeout(timer);
    const go = (): void => void (timer = window.setTimeout(close, options.bad ? STAYS * 2 : STAYS));
    const { does } = options;
    const pressed =
      does &&
      button({
        name: does.text,
        text: does.text,
        press: () => {
          close();
          does.press();
        },
      });
    const element = h(
      "div",
      {
        class: options.bad ? "toast bad" : "toast",
        attrs: { "data-testid": "toast" },
        on: { pointerenter: stay, pointerleave: go, focusin: stay, focusout: go },
      },
      h("span", { class: "grow" }, text),
      pressed,
      button({ icon: "close", name: t("close"), press: close }),
    );
    this.toasts.append(element);
    while (this.toasts.children.length > MOST) this.toasts.firstElementChild?.remove();
    if (options.bad) this.urgent.textContent = text;
    else this.announce(text);
    go();
  }

  /** Show what stays true for a while; null takes it away. */
  banner(text: string | null, picture: IconName = "offline"): void {
    if (text === null) fill(this.bannerPlace);
    else if (this.bannerPlace.textContent !== text)
      fill(this.bannerPlace, h("div", { class: "banner", attrs: { "data-testid": "banner" } }, icon(picture), h("span", {}, text)));
  }
}
