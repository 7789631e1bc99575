"""How well the studio's doubt tells which images need a person: the masks that it suggests for images of COCO against the truth.

A detector of boxes and mini-sam find the objects, as suggestions of the studio do. The quality of an image is the sum of the IoUs of its
masks with true objects of their class, matched one to one, divided by the number of masks or of true objects, whichever is greater.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from common import parser

from promptseg import Pipeline, Prompt
from promptseg.datasets.core import AnnotatedImage, Dataset
from promptseg.datasets.reading import open_dataset
from promptseg.evaluation.instances import matched_ious
from promptseg.masks import Mask, Masks
from promptseg.metrics import without
from promptseg.pipeline import BuiltPipeline
from promptseg.studio_server.doubt import doubt_of
from promptseg.studio_server.suggestions import suggested_masks


def datasets(data: Path) -> dict[str, tuple[list[Dataset], list[Prompt]]]:
    """Return the datasets with the prompts for their images."""
    tiny, person = data / "coco_tiny", data / "coco_person"
    splits = [open_dataset(tiny / f"{each}2017", coco=tiny / "annotations" / f"instances_{each}2017.json") for each in ("train", "val")]
    people = open_dataset(person / "val2017", coco=person / "annotations" / "person_keypoints_val2017.json")
    return {"coco_tiny, 80 classes": (splits, []), "coco_person, persons": ([people], [Prompt.text("person")])}


def quality(image: AnnotatedImage, masks: list[Mask]) -> float:
    """Return the quality of the masks of an image, 0 to 1."""
    ignored = Masks(image.ignored, image.size).union() if image.ignored else None
    pairs = [(without(mask, ignored), mask.area) for mask in masks]
    left = Masks([mask for mask, area in pairs if 2 * mask.area > area], image.size)
    true = Masks([each.mask for each in image.objects], image.size)
    if not len(left) or not len(true):
        return float(len(left) == len(true))
    same = np.array([[mask.label == other.label for other in true] for mask in left])
    return float(matched_ious(left.iou_matrix(true) * same).sum() / max(len(left), len(true)))


def measure(pipeline: BuiltPipeline, images: list[Dataset], prompts: list[Prompt]) -> tuple[np.ndarray, np.ndarray]:
    """Return doubt and quality of each image."""
    rows = []
    for dataset in images:
        for image in dataset.usable([]):
            result = pipeline(image.path, *prompts)
            masks = suggested_masks(result.masks, result.prompts, 0.0)
            rows.append((doubt_of(masks, result.phrases), quality(image, masks)))
    return np.array(rows)[:, 0], np.array(rows)[:, 1]


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Spearman's rank correlation."""
    ranks = [np.array([(values < value).sum() + ((values == value).sum() - 1) / 2 for value in values]) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def main() -> None:
    """Print for each dataset the quality of the least and of the most doubtful third of its images."""
    options = parser(__doc__).parse_args()
    detector = options.shared / "weights" / "yolo" / "yolov8n_int8.onnx"
    pipeline = Pipeline().detect("yolo", weights=str(detector)).segment("mini-sam").build()
    print("images                       | rank correlation | least doubtful third | middle | most doubtful third")
    for name, (images, prompts) in datasets(options.shared / "data").items():
        doubt, found = measure(pipeline, images, prompts)
        order = np.argsort(doubt, kind="stable")
        third = len(order) // 3
        thirds = [found[order[:third]].mean(), found[order[third:-third]].mean(), found[order[-third:]].mean()]
        print(
            f"{name} ({len(order)})".ljust(28),
            "|",
            f"{rank_correlation(doubt, found):.2f} |",
            " | ".join(f"{value:.3f}" for value in thirds),
        )


if __name__ == "__main__":
    main()
