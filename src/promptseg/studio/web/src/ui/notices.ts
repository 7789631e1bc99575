/** What the page says by itself: toasts, the banner above the image, and messages for screen readers. */

import { t } from "../i18n/index.ts";
import { button } from "./controls.ts";
import { fill, h } from "./dom.ts";
import { icon, type IconName } from "./icons.ts";

const STAYS = 6000; // Milliseconds that a toast can be seen; longer while the pointer or the focus is on it.
const MOST = 3;

interface Toast {
  element: HTMLElement;
  text: string;
  stays: boolean;
  close: () => void;
}

export interface ToastOptions {
  bad?: boolean;
  /** Whether it stays until a person closes it. */
  stays?: boolean;
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
  private shown: Toast[] = [];

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
      this.shown = this.shown.filter((toast) => toast.element !== element);
    };
    const stay = (): void => clearTimeout(timer);
    const go = (): void => {
      if (!options.stays) timer = window.setTimeout(close, options.bad ? STAYS * 2 : STAYS);
    };
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
    this.shown.push({ element, text, stays: options.stays === true, close });
    if (this.shown.length > MOST) (this.shown.find((toast) => !toast.stays) ?? this.shown[0]!).close();
    if (options.bad) this.urgent.textContent = text;
    else this.announce(text);
    go();
  }

  /** Take toasts of a text away that is true no more. */
  withdraw(text: string): void {
    for (const toast of this.shown.filter((each) => each.text === text)) toast.close();
  }

  /** Show what stays true for a while; null takes it away. */
  banner(text: string | null, picture: IconName = "offline"): void {
    if (text === null) fill(this.bannerPlace);
    else if (this.bannerPlace.textContent !== text)
      fill(this.bannerPlace, h("div", { class: "banner", attrs: { "data-testid": "banner" } }, icon(picture), h("span", {}, text)));
  }
}
