"""`StudioWidget`: the canvas and tools of the studio in a notebook, with its masks live in Python.

The front end is ``studio/web/src/widget.ts``. Its messages are dictionaries with a ``kind``:

- ``open`` and ``close``: a view is shown, or gone. A view that opens gets a ``document``, with all objects of the image that is shown.
- ``segment``: prompts of any kind; none at all for what the detector finds by itself. The answer is ``found`` or ``failed``, with the
  request's ``id``.
- ``cancel``: the ``id`` of a request that nobody waits for anymore.
- ``draft``: the object that is being made and is not kept yet, or null. It counts among the masks.
- ``change``: what a person did to the objects. Other views get it as ``changed``. A view whose change is no use gets ``refused``, with the
  reason, and the document.
- ``go``: the index of the image to show.

What takes long runs in a thread: reading, encoding and segmenting. Messages may be handled in any thread, so a lock guards the objects.
"""

from __future__ import annotations

import base64
import io
import logging
import os
import threading
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from traitlets import Bunch

from .._checks import is_flag, is_whole_number, whole_number
from .._result_values import mask_to_dict
from ..errors import ConfigError, InputError, PromptSegError, shown
from ..masks import Masks
from ..notebook.drawing import draw_small
from ..pipeline.open_image import OpenImage
from ..pipeline.runner import BuiltPipeline
from ..prompts import Prompt
from ..results import Result
from ..runtime.structured import is_text
from .objects import Document, checked_masks, prompts_from_list
from .saving import SavedFormats, save_images
from .shown_images import ShownImage, picture
from .worker import Worker

_log = logging.getLogger(__name__)
_STATIC = files("promptseg") / "studio" / "static"

KEPT_OPEN = 3
"""Number of images that stay encoded."""

STILL_SIDE = 800
"""Longest side in pixels of the still picture."""

MAX_LABELS = 1000
"""Maximum number of labels."""


class _LiveMasks(traitlets.TraitType[Masks, object]):
    """The masks of the objects of the image that is shown. The objects are the only truth: this reads them, and sets them."""

    def get(self, obj: Any, cls: object = None) -> Masks:  # noqa: ARG002 - traitlets gives it.
        masks: Masks = obj._document.masks  # noqa: SLF001 - This trait is part of the widget.
        return masks

    def set(self, obj: Any, value: object) -> None:
        obj._take(value)  # noqa: SLF001


class StudioWidget(anywidget.AnyWidget):
    """A widget that shows images to segment by clicks. `promptseg.click` and `promptseg.studio` make one.

    ``widget.observe(function, "masks")`` calls a function at each change; a change from a click may arrive in another thread.

    Args:
        images: The images.
        load: Returns the pipeline. It is called in a thread, as that may take long.
        labels: Labels to choose from.
        height: Height of the image's area in pixels of the screen.

    Attributes:
        masks: Masks of the image that is shown, the first at the back. It follows the clicks. Set it to `Masks`, a `Result` or a list of
            masks to show these and correct them.
        index: Index of the image that is shown, from 0. Set it to show another.
        labels: Labels to choose from. Set them at any time.
    """

    _esm = (_STATIC / "widget.js").read_text("utf-8")
    _styles = traitlets.Unicode((_STATIC / "widget.css").read_text("utf-8")).tag(sync=True)
    _names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _picture = traitlets.Dict().tag(sync=True)
    _model = traitlets.Dict().tag(sync=True)
    _height = traitlets.Int().tag(sync=True)

    masks = _LiveMasks()
    index = traitlets.Int(0).tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        images: Sequence[ShownImage],
        load: Callable[[], BuiltPipeline],
        labels: Sequence[str] = (),
        *,
        height: int = 480,
    ) -> None:
        self._worker = Worker()  # First of all, as a widget that is not made is closed, too.
        whole_number("height", height, 100)
        images[0].read()
        self._images = images
        self._told: Masks | None = None
        self._load = load
        self._pipeline: BuiltPipeline | None = None
        self._opened: dict[int, OpenImage] = {}
        self._views: set[str] = set()
        self._state = threading.RLock()
        super().__init__(labels=labels, _height=height, _names=[each.name for each in images], _model={"state": "loading"})
        self._show(0)
        self.on_msg(self._on_message)
        self._worker.do(self._get_ready)

    @property
    def prompts(self) -> tuple[tuple[Prompt, ...], ...]:
        """What was prompted for each mask, in the order of the prompts; nothing for masks that were painted or set."""
        return self._document.prompts

    @property
    def result(self) -> Result:
        """Masks of the image that is shown as a result, with its image and prompts."""
        return self._result(self._images[self.index])

    @property
    def results(self) -> list[Result]:
        """Results of all images that were shown so far, in their order. Those of the images that are not shown have no pixels."""
        return [self._result(each) for each in self._images if each.document is not None]

    def save(self, folder: str | os.PathLike[str], formats: str | Sequence[str] = "coco") -> SavedFormats:
        """Write the masks of all images that were shown as a dataset, in one or several formats.

        Images that came from no file are written to the folder ``images`` in it.

        Args:
            folder: Output folder, created when needed.
            formats: Names of formats that `promptseg.datasets.writing.write` writes, such as ``"coco"`` or ``["coco", "yolo"]``.

        Returns:
            The reports by format, which tell what a format cannot hold.

        Raises:
            ConfigError: There is no such format.
            OutputError: A file cannot be written, or promptseg did not write what is there.
        """
        with self._state:
            return save_images([each for each in self._images if each.document is not None], Path(folder), formats, self.labels)

    def close(self) -> None:
        """Take the widget out of the notebook, and drop what its thread has still to do."""
        self._worker.close()
        super().close()

    @property
    def _document(self) -> Document:
        document = self._images[self.index].document
        assert document is not None  # noqa: S101 - An image is read before it is shown.
        return document

    def _result(self, image: ShownImage) -> Result:
        document = image.document
        assert document is not None  # noqa: S101
        pipeline = self._pipeline
        return Result(
            document.masks,
            tuple(prompt for prompts in document.prompts for prompt in prompts),
            provenance=() if pipeline is None else pipeline.models,
            image=image.read() if image is self._images[self.index] else None,
            source=None if image.path is None else str(image.path),
        )

    @traitlets.validate("labels")
    def _valid_labels(self, proposal: Any) -> list[str]:
        if len(proposal["value"]) > MAX_LABELS or not all(is_text(label, 1) for label in proposal["value"]):
            raise ConfigError(f"labels are at most {MAX_LABELS} texts, got {shown(proposal['value'])}")
        return list(dict.fromkeys(proposal["value"]))

    @traitlets.validate("index")
    def _valid_index(self, proposal: Any) -> int:
        index: int = proposal["value"]
        if not 0 <= index < len(self._images):
            raise InputError(f"index is from 0 to {len(self._images) - 1}, got {shown(index)}")
        self._images[index].read()  # If it cannot be read, the one before stays.
        return index

    @traitlets.observe("index")
    def _on_index(self, change: Any) -> None:
        self._show(change["new"])

    def _take(self, masks: object) -> None:
        """Have other masks as the objects of the image that is shown."""
        with self._state:
            if self._document.replace(checked_masks(masks, self._document.size)):
                self._notify_masks()
                self._tell_document(None)

    def _notify_masks(self) -> None:
        """Tell observers that there are other masks. Equal ones may have other labels, and are told as well."""
        old, self._told = self._told, self._document.masks
        self.notify_change(Bunch(name="masks", old=old, new=self._told, owner=self, type="change"))

    def _show(self, index: int) -> None:
        """Show an image that is read."""
        with self._state:
            image = self._images[index]
            pixels = image.read()
            made = picture(pixels)
            for other in self._images:
                if other is not image:
                    other.forget()
            self._picture = {
                "index": index,
                "width": pixels.shape[1],
                "height": pixels.shape[0],
                "reduced": made.reduced,
                "kind": made.kind,
                "data": made.data,
            }
            self._notify_masks()

    def _on_message(self, _: object, message: object, __: object) -> None:
        """Answer a message of a view. Nothing that it holds is believed unchecked."""
        kind, view = (message.get("kind"), message.get("view")) if isinstance(message, dict) else (None, None)
        handlers: dict[object, Callable[[str, dict[str, Any]], None]] = {
            "open": self._on_open,
            "close": self._on_close,
            "segment": self._on_segment,
            "cancel": self._on_cancel,
            "change": self._on_change,
            "draft": self._on_draft,
            "go": self._on_go,
        }
        if not isinstance(message, dict) or kind not in handlers or not is_text(view, 1):
            _log.warning("a message of a view is of no use: %s", shown(message))
            return
        handlers[kind](view, message)

    def _on_open(self, view: str, _: dict[str, Any]) -> None:
        self._views.add(view)
        self._tell_document(view)

    def _on_close(self, view: str, _: dict[str, Any]) -> None:
        self._views.discard(view)

    def _on_change(self, view: str, message: dict[str, Any]) -> None:
        with self._state:
            try:
                document = self._asked(message)
                document.apply(message.get("change"))
            except PromptSegError as error:
                self.send({"kind": "refused", "view": view, "error": str(error)})
                self._tell_document(view)
                return
            if document is self._document:
                self._notify_masks()
        if self._views - {view}:
            self.send({"kind": "changed", "view": view, "image": message["image"], "change": message["change"]})

    def _on_draft(self, view: str, message: dict[str, Any]) -> None:
        with self._state:
            try:
                document = self._asked(message)
                if document.sketch(message.get("object")) and document is self._document:
                    self._notify_masks()
            except PromptSegError as error:
                self.send({"kind": "refused", "view": view, "error": str(error)})

    def _on_segment(self, view: str, message: dict[str, Any]) -> None:
        to = {"view": view, "id": message.get("id")}

        def find() -> None:
            self.send({"kind": "found", **to, "masks": self._found(message)})

        def failed(reason: str) -> None:
            self.send({"kind": "failed", **to, "error": reason})

        self._worker.do(lambda: self._in_thread(find, failed), _key(view, message))

    def _on_cancel(self, view: str, message: dict[str, Any]) -> None:
        self._worker.drop(_key(view, message))

    def _on_go(self, view: str, message: dict[str, Any]) -> None:
        index = message.get("index")

        def go() -> None:
            if not is_whole_number(index, 0):
                raise InputError(f"index is a whole number, got {shown(index)}")
            self.index = index
            self._open_image(index)  # So that the first click is quick.

        self._worker.do(
            lambda: self._in_thread(go, lambda reason: self.send({"kind": "failed", "view": view, "id": None, "error": reason}))
        )

    def _asked(self, message: dict[str, Any]) -> Document:
        """Return the document of the image that a message is about.

        Raises:
            InputError: There is no such image, or it was not shown yet.
        """
        index = message.get("image")
        document = self._images[index].document if is_whole_number(index, 0) and index < len(self._images) else None
        if document is None:
            raise InputError(f"there is no open image {shown(index)}")
        return document

    def _tell_document(self, view: str | None) -> None:
        """Send all objects of the image that is shown to a view, or to all."""
        with self._state:
            self.send({"kind": "document", "view": view, "image": self.index, "objects": self._document.to_list()})

    def _found(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the masks that a request asks for."""
        self._asked(message)
        candidates = message.get("candidates", False)
        if not is_flag(candidates):
            raise InputError(f"candidates is true or false, got {shown(candidates)}")
        result = self._open_image(message["image"])(*prompts_from_list(message.get("prompts")), candidates=bool(candidates))
        return [{**mask_to_dict(mask), "score_kind": result.score_kind(mask)} for mask in result.masks]

    def _get_ready(self) -> None:
        """Load the models and encode the first image, so that the first click is quick."""

        def failed(reason: str) -> None:
            self._model = {**self._model, "error": reason}

        self._in_thread(lambda: self._open_image(self.index), failed)

    def _open_image(self, index: int) -> OpenImage:
        """Return an encoded image. It runs in the worker's thread."""
        pipeline = self._built()
        if index not in self._opened:
            self._model = {**_facts(pipeline), "state": "encoding"}
            while len(self._opened) >= KEPT_OPEN:
                del self._opened[next(iter(self._opened))]
            try:
                self._opened[index] = pipeline.open(self._images[index].read())
            finally:
                self._model = {**_facts(pipeline), "state": "ready"}
        return self._opened[index]

    def _built(self) -> BuiltPipeline:
        """Return the pipeline. It is loaded at its first use, and at the next if that failed."""
        if self._pipeline is None:
            self._model = {"state": "loading"}
            try:
                self._pipeline = self._load()
            except Exception:
                self._model = {"state": "failed"}  # The reason is told by who asked for it.
                raise
        return self._pipeline

    def _in_thread(self, task: Callable[[], object], failed: Callable[[str], None]) -> None:
        """Run a task of the worker. What goes wrong is told in the widget: nobody sees a traceback of a thread."""
        try:
            task()
        except Exception as error:  # Models of other packages raise anything.
            if not isinstance(error, PromptSegError):
                _log.warning("a task of a widget failed", exc_info=True)
            failed(_reason(error))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the widget, with a still picture for where no widget runs, such as a page of the documentation."""
        found: Any = super()._repr_mimebundle_(**kwargs)
        if found is None:
            return None
        data, metadata = found
        shown, file = self.result, io.BytesIO()
        draw_small(shown.image, shown.masks, STILL_SIDE, prompts=shown.prompts).save(file, "PNG")
        return {**data, "image/png": base64.b64encode(file.getvalue()).decode("ascii")}, metadata


def _facts(pipeline: BuiltPipeline) -> dict[str, Any]:
    """Return what the views know of the models: their names, what they take, and what they find."""
    return {
        "name": ", ".join(each.model for each in pipeline.models),
        "accepts": sorted(pipeline.prompt_kinds),
        "classes": list(pipeline.classes),
        "detects": pipeline.detects,
    }


def _key(view: str, message: dict[str, Any]) -> tuple[str, str]:
    """Return the name of a request among all of all views."""
    return view, str(message.get("id"))


def _reason(error: Exception) -> str:
    """Return what an error says, for a person who sees no traceback."""
    return str(error) if isinstance(error, PromptSegError) else f"{type(error).__name__}: {error}"
