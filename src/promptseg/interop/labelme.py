"""labelme with promptseg in its menus of AI models: ``python -m promptseg.interop.labelme images --model mini-sam``.

labelme asks osam for its models, and offers those of a list of its own. It has no interface for that list, so the list is extended here
where it lies in labelme 6.3 to 7.9. In other versions it may lie elsewhere: then the command ends before a window opens, and says so.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..errors import ConfigError, MissingDependencyError
from ..pipeline.runner import BuiltPipeline
from .osam import register
from .packages import import_package
from .pipelines import pipeline_of_arguments, run


def add_to_menus(pipeline: BuiltPipeline, name: str = "promptseg") -> None:
    """Put a pipeline into the menus of labelme, as their first entry: that of *AI-Points* and *AI-Box*, and that of texts if it takes them.

    Call it before labelme's own modules are imported.

    Args:
        pipeline: The pipeline. With a segmenter it takes points and boxes, with a detector or a concept segmenter that reads words texts.
        name: Name of the model in osam's registry.

    Raises:
        ConfigError: labelme's window is already imported.
        MissingDependencyError: labelme is not installed, or is of a version whose menu is not known.
    """
    import_package("labelme")
    if "labelme._app" in sys.modules:
        raise ConfigError("labelme's menu is fixed once its window is imported: add promptseg before labelme._app is imported")
    full = f"{name}:latest"
    title = f"{name} ({', '.join(model.model for model in pipeline.models)})"
    try:
        try:
            menus: Any = importlib.import_module("labelme._ai_models")
        except ModuleNotFoundError as error:
            if error.name != "labelme._ai_models":
                raise
            is_seven = False
            _extend_classes(importlib.import_module("labelme.widgets"), pipeline, full, title)
        else:
            is_seven = True
            _extend_tuples(menus, pipeline, full, title)
    except (ImportError, AttributeError, TypeError) as error:
        raise MissingDependencyError(
            f"labelme {_version()} keeps its menu of models at another place than labelme 6.3 to 7.9, where promptseg knows it: "
            "pip install 'labelme>=6.3,<7.10'"
        ) from error
    # labelme 6 ends when a model raises an error, and gives images as Qt holds them: blue, green, red. labelme 7 does neither.
    register(pipeline, name, lenient=not is_seven, reverse=not is_seven)


def _extend_tuples(menus: Any, pipeline: BuiltPipeline, name: str, title: str) -> None:
    """Extend the menus of labelme 7, which are constants of one module."""
    if pipeline.segmenter is not None:
        menus.AI_ASSIST_MODEL_OPTIONS = (menus._AiAssistModelOption(name, title, True), *menus.AI_ASSIST_MODEL_OPTIONS)  # noqa: SLF001 - There is no other way.
    if pipeline.detects:
        menus.AI_TEXT_MODEL_OPTIONS = ((name, title), *menus.AI_TEXT_MODEL_OPTIONS)


def _extend_classes(widgets: Any, pipeline: BuiltPipeline, name: str, title: str) -> None:
    """Extend the menus of labelme 6, which are attributes of two classes."""
    menus = []
    if pipeline.segmenter is not None:
        menus.append(widgets.AiAssistedAnnotationWidget)
    if pipeline.detects:
        menus.append(widgets.AiTextToAnnotationWidget)
    for menu in menus:
        menu._available_models = [(name, title), *menu._available_models]  # noqa: SLF001 - There is no other way.


def _version() -> str:
    try:
        return version("labelme")
    except PackageNotFoundError:
        return "of this installation"


def main(arguments: Sequence[str] | None = None) -> None:
    """Start labelme with a pipeline in its menus.

    Args:
        arguments: Those of `promptseg.interop.pipelines.pipeline_of_arguments`, and labelme's own. Default: those of the process.

    Raises:
        PromptSegError: labelme is not installed or its menu is not known, or the models cannot be loaded.
    """
    import_package("labelme")
    pipeline, rest = pipeline_of_arguments("promptseg.interop.labelme", sys.argv[1:] if arguments is None else arguments)
    add_to_menus(pipeline)
    sys.argv = ["labelme", *rest]
    importlib.import_module("labelme.__main__").main()


if __name__ == "__main__":
    run(main)
