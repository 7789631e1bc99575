"""Floods: measure a model, fine-tune its decoder, and measure again on images that it was not trained on.

    python examples/flood_study.py --data FOLDER

The folder has ``images`` and ``masks``. The cells of this script are also a page of the documentation, executed: see `examples/as_page.py`.
"""

# %% [markdown]
# # A study: floods
#
# How well does a promptable model find the water in images of floods, taken from drones and helicopters? Is a point or a box the better
# prompt? What does fine-tuning add? A study can answer each of these wrongly with good figures: by comparing a mean over a hundred images
# with a mean over twenty others, a point with a box, or images that the model was trained on with images that it was not. So here:
#
# - everything is compared **in pairs**, on the same images, with the same prompts, and differences have an interval;
# - every figure stands beside **what no model gives**: the box itself, filled;
# - fine-tuned decoders are judged only by images that they **never saw**: the images are dealt into folds, and each fold is judged by a
#   decoder that learned from the others.
#
# The whole study is one script, `examples/flood_study.py`. In a clone of the project, where a folder has the images in `images` and
# their masks in `masks`:
#
# ```bash
# make study DATA=FOLDER
# ```
#
# Everything below is that script, and what it printed.

# %%
import argparse
from pathlib import Path

import promptseg as ps
from promptseg.datasets.formats.paired_masks import read_paired_masks
from promptseg.datasets.summary import summarize
from promptseg.evaluation import plots
from promptseg.evaluation.comparison import compare
from promptseg.evaluation.failures import draw_failures, find_failures
from promptseg.finetuning.cross_validation import cross_validate

parser = argparse.ArgumentParser(description="Measure, fine-tune and measure again, on images of floods.")
parser.add_argument("--data", type=Path, default="flood_area", metavar="FOLDER", help="folder with images and masks (default: %(default)s)")
parser.add_argument(
    "--out", type=Path, default="flood_study", metavar="FOLDER", help="for decoders, runs and overlays (default: %(default)s)"
)
parser.add_argument("--model", default="mini-sam", metavar="NAME[=WEIGHTS]", help="default: %(default)s")
parser.add_argument("--folds", type=int, default=5, help="default: %(default)s")
parser.add_argument("--epochs", type=int, default=12, help="default: %(default)s")
parser.add_argument("--seed", type=int, default=0, help="of folds, prompts and training (default: %(default)s)")
options = parser.parse_args()

# %% [markdown]
# ## What is there
#
# Before anything is measured: how many images, how large is what is to be found, what is broken, what is there twice? Copies of one image
# must not stand on both sides of a split.

# %%
dataset = read_paired_masks(options.data / "images", options.data / "masks")
summary = summarize(dataset)
print(summary)

# %% [markdown]
# ## Point or box?
#
# The model as it is published, mini-sam, asked for the water of each image: once by its tight box, once by one point, the pixel deepest in
# the water.

# %%
# In torch, as it is trained below, so that each image is encoded once for all.
before = {
    prompt: ps.evaluate(dataset, model=options.model, engine="torch", prompt=prompt, seed=options.seed) for prompt in ("box", "point")
}
for run in before.values():
    print(run, end="\n\n")

# %%
print(compare([before["box"], before["point"]]))

# %% [markdown]
# Where an interval of a difference holds 0, these images do not tell which is better, whatever the two means are.
#
# ## Fine-tuning, judged by images that it never saw
#
# The mask decoder is trained, 4,058,340 of the model's 10,130,092 parameters. The image encoder stays as it is. The seed deals the images
# into folds, copies of one image into one fold. The decoder that judges a fold learned from the other folds alone. No image of a fold
# stopped its training or chose among its epochs: each decoder runs for as many epochs as it was told.

# %%
study = cross_validate(
    dataset, None, options.out / "decoders", model=options.model, folds=options.folds, seed=options.seed, epochs=options.epochs
)
for prompt, comparison in study.comparisons().items():
    print(comparison, end="\n\n")
    for name, baseline in study.tuned[prompt].baselines.items():
        print(f"{prompt}: above the {name.replace('_', ' ')} by {baseline['above']}", end="\n\n")

# %%
for prompt, run in study.tuned.items():
    figure = plots.paired(study.base[prompt], run, (f"as published, by {prompt}", "fine-tuned"))
    figure.savefig(options.out / f"paired-{prompt}.svg", metadata={"Date": None})

# %% [markdown]
# Each image is a dot: above the line, the fine-tuned decoder is better on it.
#
# ![IoU of each image by box, before and after](../images/flood-study/paired-box.svg)
# ![IoU of each image by point, before and after](../images/flood-study/paired-point.svg)
#
# ## What did not improve
#
# A mean hides who loses. These images came out worse than before:

# %%
for prompt, tuned in study.tuned.items():
    earlier = {row.name: row.iou for row in study.base[prompt].rows}
    worse = sorted((row.iou - earlier[row.name], row.name) for row in tuned.rows if row.iou < earlier[row.name])
    print(f"by {prompt}: {len(worse)} of {len(tuned.rows)} images")
    for change, name in worse[:5]:
        print(f"  {name}: {earlier[name]:.3f} -> {earlier[name] + change:.3f}")

# %% [markdown]
# What do the images have in common on which it still fails? Thirds of the images by each trait, those first in which most fail.

# %%
for prompt, tuned in study.tuned.items():
    failures = find_failures(tuned, dataset)
    print(f"by {prompt}: {failures}", end="\n\n")
    draw_failures(failures, dataset, options.out / f"failures-{prompt}")
