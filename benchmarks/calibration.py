"""How far mini-sam's scores are from the IoU, before and after the calibration that promptseg ships. With --fit, fit and write it first.

The calibration is fitted on images of COCO, and judged on others: floods, every tenth frame of three DAVIS sequences, frames of Cutie's
example, and one image of nuclei. `--out` writes it elsewhere than into the package.
"""

from __future__ import annotations

import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np
from common import parser
from PIL import Image

from promptseg import load_segmenter, metrics
from promptseg.calibration.features import PROMPT_CLASSES, prompt_class
from promptseg.calibration.scores import ScoreCalibration
from promptseg.datasets.core import Dataset
from promptseg.datasets.reading import open_dataset
from promptseg.evaluation.ignored import counted, ignored_region
from promptseg.evaluation.score_fitting import calibrate, simulated_prompts
from promptseg.models.sam.cache import embedding_cache


def fitting_sets(data: Path) -> dict[str, Dataset]:
    """Return the datasets that the shipped calibration is fitted on, by name."""
    tiny, person = data / "coco_tiny", data / "coco_person"
    return {
        "30 images of COCO train2017": open_dataset(tiny / "train2017", coco=tiny / "annotations" / "instances_train2017.json"),
        "6 images of COCO val2017": open_dataset(tiny / "val2017", coco=tiny / "annotations" / "instances_val2017.json"),
        "persons in 20 images of COCO val2017": open_dataset(
            person / "val2017", coco=person / "annotations" / "person_keypoints_val2017.json"
        ),
    }


def nuclei(data: Path, folder: Path) -> Dataset:
    """Return the image of nuclei as a dataset. Its masks are one file each."""
    (image,) = (data / "dsb2018").glob("*.png")
    labels = sum(
        number * (np.asarray(Image.open(path)) > 0).astype(np.uint8)
        for number, path in enumerate(sorted((data / "dsb2018" / "masks").glob("*.png")), 1)
    )
    for name, pixels in (("images", np.asarray(Image.open(image).convert("RGB"))), ("masks", labels)):
        (folder / name).mkdir()
        Image.fromarray(pixels).save(folder / name / "nuclei.png")
    return open_dataset(folder / "images", masks=folder / "masks", mask_kind="labels")


def judging_sets(data: Path, folder: Path) -> dict[str, Dataset]:
    """Return the datasets that had no part in the fit, by name."""
    davis = open_dataset(davis=data / "davis2016")
    return {
        "floods": open_dataset(data / "flood_area" / "images", masks=data / "flood_area" / "masks"),
        "DAVIS": davis.only([entry.name for entry in davis.entries][::10]),
        "Cutie": open_dataset(data / "cutie" / "images", masks=data / "cutie" / "masks"),
        "nuclei": nuclei(data, folder),
    }


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's coefficient. Equal values have the mean of their ranks."""
    ranks = [np.array([(np.sum(values < one) + np.sum(values <= one)) / 2 for one in values]) for values in (first, second)]
    return float(np.corrcoef(*ranks)[0, 1]) if all(np.ptp(one) for one in ranks) else float("nan")


def main() -> None:
    """Print a line for each kind of prompt and dataset."""
    arguments = parser(__doc__)
    arguments.add_argument("--fit", action="store_true", help="fit the calibration first, and write it")
    arguments.add_argument("--out", type=Path, default=Path(str(files("promptseg.calibration") / "mini-sam.json")))
    options = arguments.parse_args()
    data = options.shared / "data"
    segmenter = load_segmenter("mini-sam").with_cache(embedding_cache("disk"))
    if options.fit:
        sets = fitting_sets(data)
        calibrate(list(sets.values()), model=segmenter, names=list(sets)).save(options.out)
    calibration = ScoreCalibration.load(options.out)
    print(f"{'prompt':10} {'dataset':8} {'masks':>5} {'IoU':>5}  error before, after   rank correlation before, after")
    for kind, own in calibration.prompts.items():
        print(f"{kind:10} {'COCO':8} {own.objects:>5} {'':5}  {own.error_before:.3f}  {own.error_after:.3f} (cross-validated)")
    with tempfile.TemporaryDirectory() as folder:
        for title, dataset in judging_sets(data, Path(folder)).items():
            found: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in PROMPT_CLASSES}
            for read in dataset.usable([]):
                image, ignored = counted(read, []), ignored_region(read)
                pixels = image.pixels()
                session = segmenter.open(pixels)
                for kind in PROMPT_CLASSES:
                    asked = [
                        (true, one)
                        for true in image.objects
                        for one in simulated_prompts(kind, true, 0, ignored)
                        if prompt_class(one) == kind
                    ]
                    if not asked:
                        continue
                    prompts = [prompt for _, prompt in asked]
                    raw = session.segment(prompts)
                    for (true, _), mask, after in zip(asked, raw, calibration.apply(raw, prompts, pixels), strict=True):
                        found[kind].append((mask.score, after.score, metrics.iou(mask, true.mask, ignored=ignored)))
            for kind, rows in found.items():
                before, after, iou = np.array(rows).T
                errors = [np.abs(score - iou).mean() for score in (before, after)]
                ranks = [rank_correlation(score, iou) for score in (before, after)]
                shown = f"{errors[0]:.3f}  {errors[1]:.3f}{'':12}{ranks[0]:+.2f}  {ranks[1]:+.2f}"
                print(f"{kind:10} {title:8} {len(rows):>5} {iou.mean():.3f}  {shown}")


if __name__ == "__main__":
    main()
