"""Typical mistakes in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import promptseg as ps
from promptseg import errors
from promptseg.testing import FakeSegmenter


class Call(NamedTuple):
    """A mistake in Python and what must be told.

    Attributes:
        what: The mistake in words.
        call: The code, in the folder of the tests.
        value: Part of the message that names what is wrong.
        hint: Part of the message that says what to do.
        error: Class of the error.
    """

    what: str
    call: Callable[[], Any]
    value: str
    hint: str
    error: type[errors.PromptSegError]


IMAGE = np.zeros((60, 80, 3), np.uint8)
POINT = ps.Prompt.point(3, 4)


def _torch_tensor() -> Any:
    import torch

    return torch.zeros(3, 60, 80, requires_grad=True)


def segment(image: Any, *prompts: Any) -> Any:
    return ps.Pipeline().segment("cutter").build()(image, *prompts)


CALLS = [
    Call(
        "an array (channel, height, width)",
        lambda: segment(IMAGE.transpose(2, 0, 1), POINT),
        "(3, 60, 80)",
        "transpose it",
        errors.InputError,
    ),
    Call("a batch of images", lambda: segment(IMAGE[None], POINT), "(1, 60, 80, 3)", "give one image at a time", errors.InputError),
    Call("two channels", lambda: segment(IMAGE[..., :2], POINT), "(60, 80, 2)", "(H, W, 3)", errors.InputError),
    Call("a normalized array", lambda: segment(IMAGE - 1.5, POINT), "-1.5", "scale them to uint8", errors.InputError),
    Call("an array with NaN", lambda: segment(np.full((60, 80, 3), np.nan), POINT), "NaN", "replace them", errors.InputError),
    Call(
        "an array of text", lambda: segment(np.full((60, 80), "x"), POINT), "text (<U1)", "give the samples as numbers", errors.InputError
    ),
    Call(
        "an array of objects", lambda: segment(np.full((60, 80), None), POINT), "objects", "give the samples as numbers", errors.InputError
    ),
    Call("an empty array", lambda: segment(np.zeros((0, 0, 3), np.uint8), POINT), "0", "has no pixels", errors.InputError),
    Call("what cv2.imread returns for a missing file", lambda: segment(None, POINT), "NoneType", "give its path", errors.InputError),
    Call("a list of images for one", lambda: segment([IMAGE, IMAGE], POINT), "list", "give one image at a time", errors.InputError),
    Call("a torch tensor that needs gradients", lambda: segment(_torch_tensor(), POINT), "Tensor", "permute(1, 2, 0)", errors.InputError),
    Call("an image with the wrong suffix", lambda: segment("a.jpg", POINT), "a.jpg", "Did you mean 'a.png'?", errors.InputError),
    Call("a folder", lambda: segment("images", POINT), "images", "give the image in it", errors.InputError),
    Call(
        "one image for run()",
        lambda: ps.Pipeline().segment("cutter").build().run("a.png", POINT),
        "a.png",
        "give a list",
        errors.InputError,
    ),
    Call("no prompt", lambda: segment(IMAGE), "nothing to segment", "such as Prompt.point(x, y)", errors.PromptError),
    Call("numbers for a prompt", lambda: segment(IMAGE, (3, 4)), "tuple", "write Prompt.point(3, 4)", errors.PromptError),
    Call(
        "a prompt outside a list",
        lambda: FakeSegmenter().open(IMAGE).segment(POINT),
        "Prompt.point(3, 4)",
        "write [Prompt.point(3, 4)]",
        errors.PromptError,
    ),
    Call("a list of prompts for a call", lambda: segment(IMAGE, [POINT]), "list", "pipeline(image, *prompts)", errors.PromptError),
    Call(
        "text without a detector",
        lambda: segment(IMAGE, ps.Prompt.text("dog")),
        "Prompt.text('dog')",
        "add .detect(model)",
        errors.IncompatibleStagesError,
    ),
    Call(
        "everything in a list",
        lambda: FakeSegmenter().open(IMAGE).segment([ps.Prompt.everything()]),
        "everything",
        "use session.everything(prompt)",
        errors.PromptError,
    ),
    Call(
        "a box as one list",
        lambda: ps.Prompt.box([1, 2, 3, 4], 0, 0, 0),
        "not in a list",
        "write Prompt.box(1, 2, 3, 4)",
        errors.PromptError,
    ),
    Call(
        "a number of points for everything",
        lambda: FakeSegmenter().open(IMAGE).everything(8),  # type: ignore[arg-type]
        "8",
        "write Prompt.everything(points_per_side=8)",
        errors.PromptError,
    ),
    Call(
        "an overlay on a session",
        lambda: ps.Masks([], (60, 80)).overlay(FakeSegmenter().open(IMAGE)),  # type: ignore[arg-type]
        "FakeSession",
        "give its image, as .image",
        errors.InputError,
    ),
    Call(
        "several masks for a mask prompt",
        lambda: ps.Prompt.mask(FakeSegmenter().open(IMAGE).segment([POINT])),
        "Masks",
        "give one of them, such as .best()",
        errors.PromptError,
    ),
    Call(
        "a result for a mask prompt",
        lambda: ps.Prompt.mask(ps.Result(ps.Masks([], (60, 80)))),  # type: ignore[arg-type]
        "Result",
        "give one of them, such as .best()",
        errors.PromptError,
    ),
    Call("text for coordinates", lambda: ps.Prompt.point("3", "4"), "'3'", "must be numbers", errors.PromptError),
    Call("points of three numbers", lambda: ps.Prompt.points([[1, 2, 3]]), "(1, 3)", "(N, 2) array of (x, y)", errors.PromptError),
    Call(
        "labels that do not fit the points",
        lambda: ps.Prompt.points([[1, 2], [3, 4]], [True]),
        "[True]",
        "one boolean per point (2 here)",
        errors.PromptError,
    ),
    Call("a mask of 0 and 255 as a prompt", lambda: ps.Prompt.mask(IMAGE[..., 0]), "uint8", "give mask > 0", errors.PromptError),
    Call(
        "a mask of another image",
        lambda: segment(IMAGE, ps.Prompt.mask(np.ones((30, 40), bool))),
        "(30, 40)",
        "resize the mask",
        errors.PromptError,
    ),
    Call(
        "phrases as a list", lambda: ps.Prompt.text(["cat", "dog"]), "one by one", "write Prompt.text(*['cat', 'dog'])", errors.PromptError
    ),
    Call("an empty phrase", lambda: ps.Prompt.text(""), "''", "such as 'cat, red car'", errors.PromptError),
    Call(
        "two boxes for one object",
        lambda: ps.Prompt.box(1, 1, 9, 9) + ps.Prompt.box(2, 2, 8, 8),
        "box",
        "several prompts",
        errors.PromptError,
    ),
    Call("a misspelled model", lambda: ps.load("mini-smo"), "mini-smo", "'mini-sam'", errors.UnknownModelError),
    Call("a path for a model", lambda: ps.load("weights/sam_vit_b.pth"), "sam_vit_b.pth", "as NAME=", errors.UnknownModelError),
    Call("a misspelled option", lambda: ps.load("cutter", thread=2), "'thread'", "Did you mean 'threads'?", errors.ConfigError),
    Call("an unknown engine", lambda: ps.load("mini-sam", engine="tensorrt"), "tensorrt", "it has onnx, torch", errors.ConfigError),
    Call("an unknown device", lambda: ps.load("cutter", device="gpu"), "gpu", "expected auto, cpu, cuda or mps", errors.ConfigError),
    Call("a segmenter for a detector", lambda: ps.load_detector("cutter"), "cutter", "use load_segmenter", errors.ConfigError),
    Call("a missing package", lambda: ps.load("lacking"), "no_such_module", "pip install", errors.MissingDependencyError),
    Call(
        "a misspelled setting",
        lambda: ps.Pipeline().detect("finder", treshold=0.5),
        "treshold",
        "Did you mean 'threshold'",
        errors.ConfigError,
    ),
    Call(
        "a threshold in percent", lambda: ps.Pipeline().detect("finder", threshold=30), "30", "less than or equal to 1", errors.ConfigError
    ),
    Call("a pipeline without stages", lambda: ps.Pipeline().build(), "has no stage", "add .segment(…)", errors.IncompatibleStagesError),
    Call(
        "a detector of boxes alone",
        lambda: ps.Pipeline().detect("finder").build()(IMAGE, ps.Prompt.text("dog")),
        "boxes without masks",
        "add .segment(model)",
        errors.IncompatibleStagesError,
    ),
    Call(
        "a license that the policy forbids",
        lambda: ps.Pipeline().segment("cutter").build(licenses=("Apache-2.0",)),
        "MIT",
        "choose another model",
        errors.LicenseError,
    ),
    Call(
        "formats as one text",
        lambda: ps.annotate("images", ps.Prompt.everything(2), pipeline=ps.Pipeline().segment("cutter"), out="out", formats="coco"),
        "coco",
        "write ['coco']",
        errors.ConfigError,
    ),
    Call(
        "several images to click on", lambda: ps.click([IMAGE, IMAGE], "cutter"), "click()", "give several to studio()", errors.InputError
    ),
    Call("one image for the studio", lambda: ps.studio(IMAGE, "cutter"), "(60, 80, 3)", "give one image to click()", errors.InputError),
    Call(
        "a number for a model to click with", lambda: ps.click(IMAGE, 3), "3", "the name of a segmenter or a pipeline", errors.ConfigError
    ),
    Call("labels as one text", lambda: ps.click(IMAGE, "cutter", "cup"), "'cup'", "write ['cup']", errors.ConfigError),
]
