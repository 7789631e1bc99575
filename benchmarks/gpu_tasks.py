"""Tasks of `gpu.py`: pairs of upstream's call and promptseg's."""

from __future__ import annotations

import contextlib
import copy
import io
import tempfile
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from boxes import random_boxes
from gpu_models import SAM2, Model, decoded_boxes, sam2, upstream_dtype

FRAMES, QUICK_FRAMES = 20, 3
BOX = (200, 150, 420, 330)


class Yolo:
    """YOLO11 nano on both sides.

    Args:
        device: The device.
        near: A file in whose folder, or in the folder ``yolo`` beside which, there may be ``yolo11n.pt``. Otherwise weights are random.
        quick: Use a tiny network.
    """

    def __init__(self, device: torch.device, near: Path, quick: bool) -> None:
        self._device, self._quick = device, quick
        self._folder = tempfile.TemporaryDirectory()
        candidates = [near.parent / "yolo11n.pt", near.parent.parent / "yolo" / "yolo11n.pt"]
        self._given = next((path for path in candidates if path.is_file() and not quick), None)

    @lru_cache(maxsize=1)  # noqa: B019 - There is one.
    def _checkpoint(self) -> Path:
        if self._given:
            return self._given
        from promptseg.backends._ultralytics import import_tasks

        tasks = import_tasks()
        configuration = tasks.yaml_model_load("yolo11n.yaml")
        if self._quick:
            configuration["scales"] = {configuration["scale"]: (0.33, 0.0625, 256)}
        model = tasks.DetectionModel(configuration, verbose=False)
        model.task = "detect"
        path = Path(self._folder.name) / "yolo11n.pt"
        torch.save({"model": model, "ema": None, "train_args": {"imgsz": 64 if self._quick else 640, "task": "detect"}}, path)
        return path

    @lru_cache(maxsize=4)  # noqa: B019 - As above.
    def ours(self, dtype: torch.dtype) -> Any:
        """Return promptseg's detector."""
        import promptseg

        name, settings = "yolo" if self._quick else "yolo11n", {"device": self._device.type, "allow_slow": True}
        return promptseg.load(name, weights=self._checkpoint(), dtype=str(dtype).removeprefix("torch."), **settings)

    @lru_cache(maxsize=1)  # noqa: B019 - As above.
    def upstream(self) -> Callable[[np.ndarray], Any]:
        """Return ultralytics' prediction of an image, in float32."""
        from promptseg.backends._ultralytics import import_tasks

        import_tasks()  # Without its effects on the process.
        from ultralytics import YOLO

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = YOLO(str(self._checkpoint()))
        size = 64 if self._quick else 640
        return lambda image: model.predict(image[..., ::-1], device=self._device.type, imgsz=size, conf=0.05, verbose=False)


Calls = tuple[Callable[[], Any], Callable[[], Any]]
"""Upstream's call and promptseg's."""


class ImageTasks:
    """Tasks of one model on one image in one dtype. Each method prepares a task and returns its `Calls`.

    Attributes:
        masks: Results of everything mode, by side.
    """

    def __init__(self, model: Model, predictor: Any, image: np.ndarray, dtype: torch.dtype) -> None:
        self._model, self._predictor, self._image, self._dtype = model, predictor, image, dtype
        self._size = image.shape[:2]
        self.masks: dict[str, Any] = {}

    def everything(self, points: int) -> Calls:
        """Everything mode, encoding included."""
        from promptseg import Prompt

        engine, generator = self._engine(), self._model.generator(points)
        prompt = Prompt.everything(points, **self._model.thresholds())
        return (
            self._upstream(lambda: self.masks.update(upstream=generator.generate(self._image))),
            lambda: self.masks.update(ours=engine.open(self._image).everything(prompt)),
        )

    def encode(self) -> Calls:
        """Encoding."""
        engine = self._engine()
        return self._upstream(lambda: self._predictor.set_image(self._image)), lambda: engine.open(self._image)

    def boxes(self, count: int) -> Calls:
        """Boxes on an encoded image, in one call."""
        boxes, prompts = self._boxes(count)
        session = self._session()
        return self._upstream(lambda: decoded_boxes(self._model, self._predictor, boxes, self._size)), lambda: session.segment(prompts)

    def one_prompt(self) -> Calls:
        """A point in the middle of an encoded image."""
        from promptseg import Prompt

        session, (height, width) = self._session(), self._size
        point, label = np.array([[width / 2, height / 2]], np.float32), np.ones(1, np.int32)
        return (
            self._upstream(lambda: self._predictor.predict(point_coords=point, point_labels=label)),
            lambda: session.segment([Prompt.point(width / 2, height / 2)]),
        )

    def detect_and_boxes(self, yolo: Yolo, count: int) -> Calls:
        """A detector, encoding, and boxes."""
        engine, detector, theirs = self._engine(), yolo.ours(self._dtype), yolo.upstream()
        boxes, prompts = self._boxes(count)

        def upstream() -> None:
            theirs(self._image)
            self._predictor.set_image(self._image)
            decoded_boxes(self._model, self._predictor, boxes, self._size)

        return self._upstream(upstream), lambda: (detector.detect(self._image), engine.open(self._image).segment(prompts))

    def _engine(self) -> Any:
        self._model.show(self._size)
        return self._model.engine(self._model.device, self._dtype)

    def _session(self) -> Any:
        session = self._engine().open(self._image)
        self._upstream(lambda: self._predictor.set_image(self._image))()
        return session

    def _boxes(self, count: int) -> tuple[np.ndarray, list[Any]]:
        from promptseg import Prompt

        boxes = random_boxes(count, self._size)
        return boxes, [Prompt.box(*box) for box in boxes.tolist()]

    def _upstream(self, call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> None:
            with upstream_dtype(self._model.is_sam2, self._model.device, self._dtype):
                call()

        return run


def frames_of(quick: bool) -> int:
    """Return the number of frames of `video`."""
    return QUICK_FRAMES if quick else FRAMES


def write_frames(folder: Path, count: int) -> None:
    """Write frames of 1280 x 720, in which the box `BOX` moves to the right."""
    import cv2

    ground = cv2.resize(np.random.default_rng(0).integers(0, 120, (36, 64, 3), np.uint8), (1280, 720))
    for index in range(count):
        image = ground.copy()
        image[BOX[1] : BOX[3], BOX[0] + 10 * index : BOX[2] + 10 * index] += 120
        cv2.imwrite(str(folder / f"{index}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95])


def video(name: str, device: torch.device, dtype: torch.dtype, quick: bool) -> Calls:
    """Return upstream's tracking of one object in a folder of frames, and promptseg's. Reading is included."""
    from promptseg import Prompt
    from promptseg.models.sam.torch.model import TorchSettings
    from promptseg.models.sam.video.model import TorchSam2Video
    from promptseg.models.sam.video.session import SamVideoSegmenter
    from promptseg.results import Provenance

    torch.manual_seed(0)
    predictor = sam2(SAM2[name], quick, video=True)
    predictor.fill_hole_area = 0  # It does not fill holes without its CUDA extension; promptseg does.
    segmenter = SamVideoSegmenter(
        TorchSam2Video(copy.deepcopy(predictor), Provenance(name, "benchmark", "1"), TorchSettings(device, dtype))
    )
    predictor = predictor.to(device)
    kept = tempfile.TemporaryDirectory()
    folder = Path(kept.name)
    write_frames(folder, frames_of(quick))

    def upstream() -> None:
        with upstream_dtype(True, device, dtype), contextlib.redirect_stderr(io.StringIO()):  # Its bars go there.
            state = predictor.init_state(str(folder))
            predictor.add_new_points_or_box(state, 0, 0, box=np.array(BOX, np.float32))
            for _, _, logits in predictor.propagate_in_video(state):
                (logits > 0).cpu().numpy()

    def ours() -> None:
        session = segmenter.open(folder)
        session.add(0, 0, Prompt.box(*BOX))
        for at in session.propagate():
            assert len(at.masks) == 1
        assert kept is not None

    return upstream, ours
