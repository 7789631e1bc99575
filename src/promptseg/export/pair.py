"""`export_onnx`: export of a model to a checked pair of ONNX files in a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import flag
from ..errors import ConfigError, OutputError, WeightsError, one_of, shown
from ..registry import manifest
from ..registry.choice import choose_by
from ..registry.loading import make
from ..registry.spec import BackendSpec, Engine
from ..registry.weight_files import resolve, weights_of
from ..runtime.files import output_errors, remove_leftovers, write_folder
from ..runtime.output_paths import check_output_folder
from ..runtime.progress import ProgressOption, reports_progress, track
from ..weights.store import file_sha256

if TYPE_CHECKING:
    from .check import ExportAgreement
    from .layout import ExportLayout

LAYOUTS = ("original", "transformers-js")
"""Names of the layouts: that of the published pairs of a model, and that of transformers.js."""

_FOLDERS = {"original": "onnx", "transformers-js": "transformers-js"}
"""End of a folder's default name in each layout."""
_DATA = {"original": ".data", "transformers-js": "_data"}
"""End of the name of a file with the weights of a graph over 2 GB in each layout."""
_BESIDE = {"original": (), "transformers-js": ("config.json", "preprocessor_config.json")}
"""Names of the files that describe a pair in each layout."""


@dataclass(frozen=True)
class Export:
    """A pair of ONNX files that was written.

    Attributes:
        model: Name of the model.
        layout: ``"original"`` or ``"transformers-js"``.
        dtype: ``"float32"`` or ``"int8"``.
        folder: Folder of the files.
        files: Size in bytes of each file, by name.
        agreement: Agreement of the pair's predictions with the torch model's.
    """

    model: str
    layout: str
    dtype: str
    folder: Path
    files: Mapping[str, int]
    agreement: ExportAgreement

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "model": self.model,
            "layout": self.layout,
            "dtype": self.dtype,
            "folder": str(self.folder),
            "bytes": dict(self.files),
            "check": {
                "mask_iou": [round(value, 6) for value in self.agreement.iou],
                "logit_difference": self.agreement.logit_difference,
                "largest_logit": self.agreement.largest_logit,
            },
        }


@reports_progress
def export_onnx(
    model: str,
    out: str | Path | None = None,
    *,
    weights: str | Path | None = None,
    layout: str | None = None,
    int8: bool = False,
    overwrite: bool = False,
    progress: ProgressOption = None,  # noqa: ARG001 - The decorator takes it.
) -> Export:
    """Write a torch model of the SAM family as an ONNX encoder and decoder, checked against the model on the sample image.

    ``promptseg.load(model, weights=out)`` runs the pair without torch.

    Args:
        model: Name of a model that runs in torch: SAM, MobileSAM, mini-sam or SAM 2, and in layout ``"transformers-js"`` also EdgeTAM;
            ``"name=path/to/weights"``; or the path of a folder with a fine-tuned decoder.
        out: The folder; default: the model's name with ``-onnx`` or ``-onnx-int8``, in the current folder.
        weights: Your own checkpoint, in place of the published one.
        layout: ``"original"``: the layout in which pairs of this model are published. ``"transformers-js"``: that of transformers.js,
            ``vision_encoder`` and ``prompt_encoder_mask_decoder``, for browsers. None: the first that the model has.
        int8: Whether to quantize the encoder. Its file is smaller, and masks differ slightly.
        overwrite: Whether to write to a folder that has files. Files of an earlier export are replaced; others stay.
        progress: True for progress bars, or a function that is called with each `promptseg.runtime.progress.Progress`.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: The model cannot be exported, or the folder has files, such as the weights to export.
        MissingDependencyError: torch or the model's package is missing.
        WeightsError: The weights are not available or not as expected.
        OutputError: The pair could not be written, or its predictions do not agree with the torch model's. No file of it is left then.
        BackendError: torch or ONNX Runtime failed.
    """
    int8, overwrite = flag("int8", int8), flag("overwrite", overwrite)
    if layout not in (None, *LAYOUTS):
        raise ConfigError(f"layout is {one_of(LAYOUTS)}, got {shown(layout)}")
    what = "exported" if layout is None else f"exported in layout {layout!r}"
    chosen = choose_by(lambda backend, engine: layout in _layouts(backend, engine), what, model, weights)
    name, layouts = chosen.model.name, chosen.backend.export_layouts
    layout = layout or next(iter(layouts))
    folder = Path(out if out is not None else f"{name}-{_FOLDERS[layout]}{'-int8' * int8}")
    _check_folder(folder, overwrite, name, layout, int8=int8, inputs=[weights, chosen.weights])
    chosen.backend.check_installed()
    module = make(chosen.backend.export_module or chosen.backend.torch_module or "", chosen.request(weights_of(chosen), "cpu"))
    traced: ExportLayout = resolve(layouts[layout])(module)
    record = chosen.weights / manifest.RECORD if chosen.manifest is not None and chosen.weights is not None else None
    return write_pair(traced, name, folder, int8=int8, record=record)


def write_pair(layout: ExportLayout, model: str, folder: Path, *, int8: bool = False, record: Path | None = None) -> Export:
    """Write a torch model as a pair of ONNX files and check it.

    Args:
        layout: The model, in the layout of the pair.
        model: Name under which to load the pair.
        folder: Folder for the files. Files of an earlier export are replaced; others stay.
        int8: Whether to quantize the encoder.
        record: File with the training record of the weights, to copy beside the pair; or None.

    Raises:
        OutputError: The pair could not be written, or its predictions do not agree with the torch model's.
        BackendError: torch or ONNX Runtime failed.
    """
    replaced = _earlier_files(folder)
    name = layout.variant if layout.variant in LAYOUTS else LAYOUTS[0]
    encoder, decoder = _graph_names(model, name, int8=int8)
    with output_errors(folder):
        with write_folder(folder, last=manifest.NAME) as place:
            (place / encoder).parent.mkdir(exist_ok=True)
            steps = _write(layout, place / encoder, place / decoder, int8, _DATA[name])
            *_, agreement = track(steps, stage="export", total=3 + int8, unit="step")
            if agreement is None or not agreement.holds(int8=int8):
                raise OutputError(f"the exported {model} does not agree with the torch model: {agreement}; nothing was written to {folder}")
            beside = layout.descriptions()
            for file, content in beside.items():
                (place / file).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
            digests = {file: file_sha256(place / file) for file in (encoder, decoder, *beside)}
            manifest.Manifest(model, "onnx_sam", layout.variant, digests).write(place)
            sizes = {file: (place / file).stat().st_size for file in (*_files(encoder, decoder), *beside) if (place / file).exists()}
            kept = set(sizes)
            if record is not None and record.is_file():
                shutil.copyfile(record, place / manifest.RECORD)
                kept.add(manifest.RECORD)
        for file in replaced - kept:
            (folder / file).unlink(missing_ok=True)
    return Export(model, name, "int8" if int8 else "float32", folder, sizes, agreement)


def _layouts(backend: BackendSpec, engine: Engine) -> tuple[str | None, ...]:
    """Return the layouts in which an engine is exported, with None for its first; empty if it is not exported."""
    exported = backend.export_variants is None or engine.variant in backend.export_variants
    return (None, *backend.export_layouts) if backend.export_layouts and exported else ()


def _write(layout: ExportLayout, encoder: Path, decoder: Path, int8: bool, data: str) -> Iterator[ExportAgreement | None]:
    """Write and check the pair, one step per item. The last item is the agreement; the others are None."""
    from ..runtime.onnx_quantize import quantized
    from .check import compare
    from .graphs import write_graph

    write_graph(layout.decoder, decoder, data)
    yield None
    whole = encoder.with_name("float32.onnx") if int8 else encoder
    write_graph(layout.encoder, whole, data)
    yield None
    if int8:
        encoder.write_bytes(quantized(whole, "the encoder of this model"))
        for file in whole.parent.glob(f"{whole.name}*"):
            file.unlink()
        yield None
    yield compare(layout, encoder, decoder)


def _check_folder(folder: Path, overwrite: bool, model: str, layout: str, *, int8: bool, inputs: Iterable[str | Path | None]) -> None:
    """Check the folder before the model is loaded, and remove what a killed export left in it.

    Raises:
        ConfigError: The folder holds files, and they may not be overwritten.
        OutputError: The folder cannot be written to, or holds the weights to export.
    """
    names = [*_files(*_graph_names(model, layout, int8=int8)), *_BESIDE[layout], manifest.NAME, manifest.RECORD]
    check_output_folder(folder, names=names, inputs=inputs)
    remove_leftovers(folder.parent, folder.name)
    remove_leftovers(folder)
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise ConfigError(f"{folder} holds files: give another folder, or overwrite=True (--overwrite)")


def _graph_names(model: str, layout: str, *, int8: bool) -> tuple[str, str]:
    """Return the file names of the encoder and of the decoder."""
    if layout == "transformers-js":
        return f"onnx/vision_encoder{'_quantized' * int8}.onnx", "onnx/prompt_encoder_mask_decoder.onnx"
    return f"{model}{'.int8' * int8}.encoder.onnx", f"{model}.decoder.onnx"


def _earlier_files(folder: Path) -> set[str]:
    """Return the names of the files of an earlier export, which a new export makes obsolete."""
    try:
        earlier = manifest.read(folder)
    except WeightsError:  # A damaged manifest does not tell its files.
        return set()
    return {*_files(*earlier.sha256), manifest.RECORD} if earlier else set()


def _files(*graphs: str) -> list[str]:
    """Return the file names of the graphs, each with the weights file that it has if it is over 2 GB."""
    return [f"{name}{suffix}" for name in graphs for suffix in ("", *_DATA.values())]
