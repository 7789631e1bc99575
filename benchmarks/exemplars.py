"""Concepts by example with mini-sam: how well they find, beside simple answers, and what they cost.

``flood`` (each image answered from others, drawn by five seeds), ``davis`` (the first frame for every tenth), ``many`` (any one of many
that are alike: nuclei and drawn sheets), ``presence`` (whether it is there) and ``cost``; no name: all. ``--cache`` keeps embeddings.
Half of the floods (``--half even``), the three sequences of DAVIS and the sheets chose the settings; ``--half odd`` chose none.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import parser
from PIL import Image

import promptseg as ps
from promptseg.concepts.exemplar import ExemplarSegmenter, ExemplarSession
from promptseg.masks import Mask, Masks
from promptseg.postprocess import innermost_point
from promptseg.prompts import Concept, Prompt
from promptseg.testing.sheets import draw_sheet

TASKS = ("flood", "davis", "many", "presence", "cost")


class Data:
    """Images with masks, opened once each."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.folder = options.shared / "data"
        self.segmenter = ps.load_segmenter("mini-sam", cache=ps.EmbeddingCache(folder=options.cache))
        self.concepts = ExemplarSegmenter(self.segmenter)
        self._sessions: dict[Path, ExemplarSession] = {}

    def open(self, path: Path) -> ExemplarSession:
        if path not in self._sessions:
            self._sessions[path] = self.concepts.open(path)
        return self._sessions[path]

    def example(self, path: Path, mask: Mask) -> Concept:
        """Return an example whose image is that of the open session, so that it is not read again."""
        return Prompt.example(self.open(path).image, Prompt.mask(mask))

    def floods(self) -> list[tuple[Path, Mask]]:
        images = sorted((self.folder / "flood_area" / "images").glob("*.jpg"))
        return [(path, _mask(path.parents[1] / "masks" / f"{path.stem}.png", 127)) for path in images]

    def videos(self) -> dict[str, list[tuple[Path, Mask]]]:
        root = self.folder / "davis2016"
        folders = sorted((root / "JPEGImages").iterdir())
        return {
            each.name: [
                (path, _mask(root / "Annotations" / each.name / f"{path.stem}.png", 0)) for path in sorted(each.glob("*.jpg"))[::10]
            ]
            for each in folders
        }

    def coco(self) -> Iterator[tuple[Path, dict[str, Mask]]]:
        """Yield the images of COCO with the largest mask of each class."""
        for split in ("train2017", "val2017"):
            content = json.loads((self.folder / "coco_tiny" / "annotations" / f"instances_{split}.json").read_text("utf-8"))
            names = {each["id"]: each["name"] for each in content["categories"]}
            for image in content["images"]:
                largest: dict[str, Mask] = {}
                for each in content["annotations"]:
                    if each["image_id"] == image["id"] and not each["iscrowd"]:
                        mask = Mask.from_polygons(each["segmentation"], (image["height"], image["width"]))
                        name = names[each["category_id"]]
                        if name not in largest or mask.area > largest[name].area:
                            largest[name] = mask
                yield self.folder / "coco_tiny" / split / image["file_name"], largest


def flood(data: Data, options: argparse.Namespace) -> None:
    """Print the mean IoU of all that is found with the flood, beside the whole image and a click."""
    images = data.floods()
    searched = {"even": range(0, len(images), 2), "odd": range(1, len(images), 2), "all": range(len(images))}[options.half]
    whole = [images[index][1].area / np.prod(images[index][1].size) for index in searched]
    clicks = []
    for index in searched:
        path, truth = images[index]
        clicks.append(data.open(path).session.segment([Prompt.point(*innermost_point(truth))])[0].iou(truth))
    print(f"flood ({options.half}): whole image {np.mean(whole):.3f}, a click in the middle of the truth {np.mean(clicks):.3f}", flush=True)
    for shots in (1, 5):
        overlaps = []
        for seed in range(options.seeds):
            for index in searched:
                others = [each for each in range(len(images)) if each != index]
                drawn = np.random.default_rng([seed, index]).choice(others, shots, replace=False)
                concept, *more = (data.example(*images[each]) for each in drawn)
                for other in more:
                    concept = concept + other
                overlaps.append(_iou(data.open(images[index][0]).find([concept])[0].masks, images[index][1]))
        print(f"flood ({options.half}), {shots} example(s), {options.seeds} seeds: {np.mean(overlaps):.3f}", flush=True)


def davis(data: Data, options: argparse.Namespace) -> None:  # noqa: ARG001 - All tasks have the same arguments.
    """Print the mean IoU of all that is found with the object, beside the mask of the first frame left where it is."""
    for name, ((path, first), *frames) in data.videos().items():
        concept = data.example(path, first)
        found = [_iou(data.open(frame).find([concept])[0].masks, truth) for frame, truth in frames]
        print(f"davis {name}: {np.mean(found):.3f}, first mask held {np.mean([first.iou(truth) for _, truth in frames]):.3f}", flush=True)


def many(data: Data, options: argparse.Namespace) -> None:
    """Print F1 at IoU 0.5, from single examples in the mean, beside everything mode with the area filter that the truth chooses."""
    folder = data.folder / "dsb2018"
    nuclei = ps.load_image(next(folder.glob("*.png")))
    sets = {"nuclei": (nuclei, Masks([_mask(path, 127) for path in sorted((folder / "masks").glob("*.png"))]))}
    sets |= {f"{kind}, seed {seed}": tuple(draw_sheet(kind, seed=seed, count=40)) for kind in ("coins", "cells") for seed in options.sheets}
    for name, (image, truth) in sets.items():
        session = data.concepts.open(image)
        drawn = np.random.default_rng(0).permutation(len(truth))[: options.examples or None]
        scores = [_f1(session.find([Prompt.example(None, Prompt.mask(truth[int(each)]))])[0].masks, truth) for each in drawn]
        print(f"many {name}: {np.mean(scores):.3f} (least {min(scores):.2f}) from {len(scores)} of {len(truth)} examples", flush=True)
        masks = session.session.everything(Prompt.everything())
        limits = np.unique(np.quantile(masks.areas, np.linspace(0, 1, 21)))
        filters = [(low, high) for low in limits for high in limits if low <= high]
        best = max(_f1(masks.where((masks.areas >= low) & (masks.areas <= high)), truth) for low, high in filters)
        print(f"many {name}: everything mode {_f1(masks, truth):.3f}, with its best area filter {best:.3f}", flush=True)


def presence(data: Data, options: argparse.Namespace) -> None:  # noqa: ARG001
    """Print the area under the ROC curve of presence, on the images that fitted it, on the others, and for classes of COCO."""
    floods, coco, videos = data.floods(), list(data.coco()), data.videos()
    rows: list[tuple[str, int, bool, float]] = []
    for index, path in enumerate([*(path for path, _ in floods), *(path for path, _ in coco)]):
        others = [each for each in floods if each[0] != path]
        concept = data.example(*others[np.random.default_rng(index).integers(len(others))])
        rows.append(("flood", index % 2, index < len(floods), _presence(data, path, concept)))
    for name, frames in videos.items():
        concept = data.example(*frames[0])
        rows += [
            ("same object or another video", index % 2, name == other, _presence(data, path, concept))
            for other, searched in videos.items()
            for index, (path, _) in enumerate(searched[1:])
        ]
    pairs = [
        (path, mask, searched, name in classes)
        for path, own in coco
        for name, mask in own.items()
        if mask.area > 0.01 * np.prod(mask.size)
        for searched, classes in coco
        if searched != path
    ]
    random = np.random.default_rng(0)
    for there in (True, False):
        among = [pair for pair in pairs if pair[3] is there]
        for path, mask, searched, _ in (among[int(each)] for each in random.permutation(len(among))[:60]):
            rows.append(("same class of COCO", 1, there, _presence(data, searched, data.example(path, mask))))
    for name in dict.fromkeys(row[0] for row in rows):
        for half, what in ((0, "that fitted it"), (1, "that chose nothing")):
            there, absent = ([row[3] for row in rows if row[:3] == (name, half, side)] for side in (True, False))
            if there and absent:
                area = np.mean([(a > b) + 0.5 * (a == b) for a in there for b in absent])
                means = f"mean {np.mean(there):.2f} where it is, {np.mean(absent):.2f} where not"
                print(f"presence, {name}, images {what}: AUC {area:.3f}, {means}", flush=True)


def cost(data: Data, options: argparse.Namespace) -> None:  # noqa: ARG001
    """Print what `find` costs beside the decoding of its prompts, in seconds of processor time."""
    images = data.floods()
    for shots in (1, 5):
        concept, *more = (data.example(*each) for each in images[1 : shots + 1])
        for other in more:
            concept = concept + other
        session = data.open(images[0][0])
        session.find([concept])
        decoding = _Timed(session.session)
        timed = ExemplarSession(session.segmenter, decoding, session.grid)
        started = time.process_time()
        timed.find([concept])
        spent = time.process_time() - started
        print(f"cost, {shots} example(s): {spent:.2f} s, of which decoding {decoding.spent:.2f} s", flush=True)


class _Timed:
    """Session that adds up the processor time of `segment`."""

    def __init__(self, session: object) -> None:
        self._session, self.spent = session, 0.0

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def features(self) -> object:
        return self._session.features()

    def segment(self, prompts: object, **options: object) -> Masks:
        started = time.process_time()
        masks = self._session.segment(prompts, **options)
        self.spent += time.process_time() - started
        return masks


def _presence(data: Data, path: Path, concept: Concept) -> float:
    """Return the presence without decoding masks."""
    from promptseg.concepts.presence import presence_of
    from promptseg.concepts.similarity import thinned

    session = data.open(path)
    looks = thinned([each.look for each in session.learn(concept)])
    return presence_of(session.grid, looks, session.likeness(concept))


def _mask(path: Path, above: int) -> Mask:
    return Mask.from_array(np.asarray(Image.open(path).convert("L")) > above)


def _iou(masks: Masks, truth: Mask) -> float:
    return masks.union().iou(truth) if len(masks) else 0.0


def _f1(masks: Masks, truth: Masks) -> float:
    if not len(masks):
        return 0.0
    matched = int((masks.iou_matrix(truth) > 0.5).any(axis=0).sum())  # Above 0.5 a truth has at most one mask that overlaps no other.
    return 2 * min(matched, len(masks)) / (len(masks) + len(truth))


def main() -> None:
    """Run the tasks that are named."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("tasks", nargs="*", choices=[*TASKS, []], help="what to measure (default: all)")
    arguments.add_argument("--data", type=Path, help="folder with flood_area, davis2016, dsb2018 and coco_tiny (default: that of --shared)")
    arguments.add_argument("--half", choices=("all", "even", "odd"), default="all", help="floods that are searched")
    arguments.add_argument("--seeds", type=int, default=5, help="draws of flood examples")
    arguments.add_argument("--examples", type=int, default=0, help="examples of each sheet (default: every one)")
    arguments.add_argument("--sheets", type=int, nargs="+", default=[10, 11], help="seeds of the sheets; 0 and 1 chose settings")
    arguments.add_argument("--cache", type=Path, help="folder that keeps embeddings")
    options = arguments.parse_args()
    data = Data(options)
    if options.data is not None:
        data.folder = options.data
    for name in options.tasks or TASKS:
        {"flood": flood, "davis": davis, "many": many, "presence": presence, "cost": cost}[name](data, options)


if __name__ == "__main__":
    main()
