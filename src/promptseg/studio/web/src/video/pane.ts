/** The pane below a video: buttons to play, to go from event to event, and to track; and the timeline. */

import { plural, t } from "../i18n/index.ts";
import { Emitter } from "../model/emitter.ts";
import type { Job } from "../model/types.ts";
import { Progress, button, setButton } from "../ui/controls.ts";
import { h, setText } from "../ui/dom.ts";
import type { IconName } from "../ui/icons.ts";
import { openMenu, type MenuItem } from "../ui/menu.ts";
import { timeText } from "./scale.ts";
import { Timeline } from "./timeline.ts";
import type { Direction } from "./types.ts";

export interface PaneEvents {
  /** Go by so many frames, or to the first or last. */
  step: number | "first" | "last";
  stop: "next" | "previous";
  play: undefined;
  speed: "faster" | "slower";
  track: Direction;
  endTracking: undefined;
}

/** Frames of a step with Shift. */
const LONG_STEP = 10;

export class VideoPane {
  readonly element: HTMLElement;
  readonly events = new Emitter<PaneEvents>();
  readonly timeline: Timeline;
  readonly #play: HTMLButtonElement;
  readonly #time = h("span", { class: "time numbers", attrs: { "data-testid": "video-time" } });
  readonly #speed = h("span", { class: "speed numbers", attrs: { "data-testid": "video-speed" } });
  readonly #same: HTMLButtonElement;
  readonly #track: HTMLElement;
  readonly #tracking: HTMLElement;
  readonly #told = h("span", { class: "small numbers", attrs: { role: "status" } });
  readonly #progress = new Progress(t("video.tracking"));
  readonly #end: HTMLButtonElement;

  /** `describe` tells a frame to a screen reader; `sameAs` and `more` give what the menus hold. */
  constructor(describe: (frame: number) => string, sameAs: () => MenuItem[], more: () => MenuItem[]) {
    this.timeline = new Timeline(t("video.timeline"), describe);
    const does = (icon: IconName, name: string, testid: string, press: () => void): HTMLButtonElement =>
      button({ icon, name, testid, press });
    const tracks = (icon: IconName, direction: Direction, text?: string): HTMLButtonElement =>
      button({
        icon,
        name: t(`video.track.${direction}`),
        ...(text !== undefined && { text }),
        testid: `track-${direction}`,
        ...(direction === "forward" && { kind: "primary" as const }),
        press: () => this.events.emit("track", direction),
      });
    this.#play = does("play", t("video.play"), "play", () => this.events.emit("play", undefined));
    this.#end = does("close", t("video.track.stop"), "track-stop", () => this.events.emit("endTracking", undefined));
    this.#track = h("div", { class: "row", attrs: { role: "group", "aria-label": t("video.track") } });
    this.#track.append(tracks("trackBack", "back"), tracks("trackBoth", "both"), tracks("trackForward", "forward", t("video.track")));
    this.#tracking = h(
      "div",
      { class: "row tracking", attrs: { "data-testid": "tracking" } },
      this.#told,
      this.#progress.element,
      this.#end,
    );
    this.#same = this.#menu("like", t("video.sameAs"), "same-as", sameAs);
    this.element = h(
      "section",
      { class: "video", attrs: { "aria-label": t("video.name"), "data-testid": "video" } },
      h(
        "header",
        {},
        does("stopBefore", t("video.stop.previous"), "stop-previous", () => this.events.emit("stop", "previous")),
        does("frameBefore", t("video.step.previous"), "frame-previous", () => this.events.emit("step", -1)),
        this.#play,
        does("frameAfter", t("video.step.next"), "frame-next", () => this.events.emit("step", 1)),
        does("stopAfter", t("video.stop.next"), "stop-next", () => this.events.emit("stop", "next")),
        this.#time,
        this.#speed,
        h("span", { class: "grow" }),
        this.#same,
        this.#menu("menu", t("video.more"), "video-more", more),
        h("span", { class: "divider" }),
        this.#track,
        this.#tracking,
        h("span", { class: "divider" }),
        does("zoomOut", t("video.zoom.out"), "timeline-out", () => this.timeline.zoom(1 / 2)),
        does("zoomIn", t("video.zoom.in"), "timeline-in", () => this.timeline.zoom(2)),
      ),
      this.timeline.element,
    );
    this.#tracking.hidden = true;
    this.timeline.element.addEventListener("keydown", (event) => this.#key(event));
  }

  showFrame(frame: number, frames: number, fps: number): void {
    this.timeline.setFrame(frame);
    setText(this.#time, `${timeText(frame, fps)} / ${timeText(frames - 1, fps)} · ${t("video.frame", { frame })}`);
  }

  showPlaying(playing: boolean, speed: number): void {
    setButton(this.#play, { icon: playing ? "pauseVideo" : "play", name: t(playing ? "video.pause" : "video.play"), pressed: playing });
    setText(this.#speed, speed === 1 ? "" : `${speed} ×`);
  }

  showTracking(job: Job | null): void {
    this.#track.hidden = job !== null;
    this.#tracking.hidden = job === null;
    if (job === null) return;
    const { done = 0, total = 0 } = job.progress ?? {};
    setText(this.#told, total > 0 ? t("video.tracked", { done, total }) : t("video.tracking"));
    this.#progress.set(total > 0 ? done / total : null);
  }

  /** Say whether the object that is chosen may be another one's mask. */
  allowSame(allowed: boolean): void {
    setButton(this.#same, { disabled: !allowed });
  }

  #menu(icon: IconName, name: string, testid: string, items: () => MenuItem[]): HTMLButtonElement {
    const opener = button({
      icon,
      name,
      testid,
      attrs: { "aria-haspopup": "menu", "aria-expanded": "false" },
      press: () => openMenu(opener, name, items()),
    });
    return opener;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = event.shiftKey ? LONG_STEP : 1;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.events.emit("step", -by),
      ArrowRight: () => this.events.emit("step", by),
      ArrowDown: () => this.events.emit("step", -by),
      ArrowUp: () => this.events.emit("step", by),
      PageDown: () => this.events.emit("stop", "next"),
      PageUp: () => this.events.emit("stop", "previous"),
      Home: () => this.events.emit("step", "first"),
      End: () => this.events.emit("step", "last"),
      " ": () => this.events.emit("play", undefined),
      ",": () => this.events.emit("speed", "slower"),
      ".": () => this.events.emit("speed", "faster"),
      "+": () => this.timeline.zoom(2),
      "-": () => this.timeline.zoom(1 / 2),
    };
    const does = keys[event.key];
    if (does === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  }
}

/** What a screen reader says of a frame: its number and time, and what is known of the objects there. */
export function told(frame: number, frames: number, fps: number, seen: readonly string[], lost: readonly string[]): string {
  const parts = [t("video.frameOf", { frame, frames: frames - 1 }), timeText(frame, fps)];
  if (seen.length > 0) parts.push(t("video.seen", { objects: listed(seen) }));
  if (lost.length > 0) parts.push(t("video.lost", { objects: listed(lost) }));
  return parts.join(", ");
}

/** The names of a few objects, or their number. */
function listed(names: readonly string[]): string {
  return names.length <= 4 ? names.join(", ") : plural("objects.count", names.length);
}
