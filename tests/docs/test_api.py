"""The API pages cover the public modules, and no others. A module without a page is internal."""

import importlib
import re
from pathlib import Path

import pytest

import promptseg

ROOT = Path(__file__).resolve().parents[2]
API = ROOT / "docs" / "reference" / "api"

PUBLIC = {
    # Values and what works on them
    "promptseg.prompts",
    "promptseg.masks",
    "promptseg.detections",
    "promptseg.results",
    "promptseg.protocols",
    "promptseg.errors",
    "promptseg.images",
    "promptseg.rasters.georeference",
    "promptseg.rasters.opening",
    "promptseg.rasters.raster",
    "promptseg.rasters.window",
    "promptseg.samples",  # The quickstart begins with its image.
    "promptseg.fonts",
    "promptseg.overlay",
    "promptseg.class_colors",
    "promptseg.notebook.panels",
    "promptseg.notebook.session",
    "promptseg.widgets.opening",
    "promptseg.widgets.widget",
    "promptseg.postprocess",
    "promptseg.matting.foreground",
    "promptseg.matting.guided",
    "promptseg.matting.protocol",
    "promptseg.matting.trimap",
    "promptseg.models.salient.detector",
    "promptseg.metrics",
    "promptseg.vocabulary",
    "promptseg.runtime.progress",
    # Models and pipelines
    "promptseg.registry.catalog",
    "promptseg.registry.loading",
    "promptseg.registry.spec",
    "promptseg.web_images",
    "promptseg.weights.store",
    "promptseg.pipeline.builder",
    "promptseg.pipeline.plan",
    "promptseg.speed.figures",
    "promptseg.speed.measuring",
    "promptseg.pipeline.runner",
    "promptseg.pipeline.config",
    "promptseg.pipeline.as_concepts",
    # The seam of the SAM family, for backends of other packages, and the embedding cache
    "promptseg.models.sam.cache",
    "promptseg.models.sam.geometry",
    "promptseg.models.sam.mask_batch",
    "promptseg.models.sam.model",
    "promptseg.models.sam.session",
    "promptseg.models.sam.torch.mask_batch",
    # Video
    "promptseg.video.frames",
    "promptseg.video.session",
    "promptseg.video.writer",
    "promptseg.tracking.asking",
    "promptseg.tracking.redetection",
    "promptseg.tracking.outputs",
    "promptseg.object_colors",
    "promptseg.tracking.session",
    # Server and client
    "promptseg.client.async_client",
    "promptseg.client.client",
    "promptseg.client.values",
    "promptseg.server.app",
    "promptseg.server.engine",
    "promptseg.server.settings",
    "promptseg.pipeline.open_image",
    # Concepts
    "promptseg.concepts.exemplar",
    "promptseg.concepts.presence",
    "promptseg.concepts.similarity",
    # Rasters of any size, tile by tile
    "promptseg.scene_masks",
    "promptseg.tiling.grid",
    "promptseg.tiling.joining",
    "promptseg.tiling.pieces",
    "promptseg.tiling.session",
    # Datasets
    "promptseg.datasets.core",
    "promptseg.datasets.reading",
    "promptseg.datasets.writing",
    "promptseg.datasets.class_list",
    "promptseg.datasets.summary",
    "promptseg.datasets.formats.coco",
    "promptseg.datasets.formats.cvat",
    "promptseg.datasets.formats.davis",
    "promptseg.datasets.formats.paired_masks",
    "promptseg.datasets.formats.geojson",
    "promptseg.datasets.formats.label_studio",
    "promptseg.datasets.formats.labelme",
    "promptseg.datasets.formats.parquet",
    "promptseg.datasets.formats.voc",
    "promptseg.datasets.formats.yolo",
    # Objects in world coordinates
    "promptseg.geo.label_raster",
    "promptseg.geo.reading",
    "promptseg.geo.vectors",
    # Tasks
    "promptseg.annotation.sources",
    "promptseg.annotation.scene_formats",
    "promptseg.annotation.run",
    "promptseg.annotation.summary",
    "promptseg.calibration.features",
    "promptseg.calibration.regression",
    "promptseg.calibration.scores",
    "promptseg.calibration.thresholds",
    "promptseg.evaluation.comparison",
    "promptseg.evaluation.concept_baselines",
    "promptseg.evaluation.concept_rows",
    "promptseg.evaluation.instances",
    "promptseg.evaluation.score_fitting",
    "promptseg.evaluation.failures",
    "promptseg.evaluation.plots",
    "promptseg.evaluation.simulation",
    "promptseg.evaluation.aggregates",
    "promptseg.evaluation.results",
    "promptseg.evaluation.rows",
    "promptseg.evaluation.report",
    "promptseg.evaluation.zoomed_view",
    "promptseg.evaluation.run",
    "promptseg.evaluation.scene",
    "promptseg.evaluation.statistics",
    "promptseg.evaluation.train_overlap",
    "promptseg.evaluation.video",
    "promptseg.export.pair",
    "promptseg.finetuning.cross_validation",
    "promptseg.finetuning.result",
    "promptseg.finetuning.run",
    "promptseg.finetuning.split",
    "promptseg.interop.cvat",
    "promptseg.interop.cvat.detection",
    "promptseg.interop.cvat.interaction",
    "promptseg.interop.cvat.tracking",
    "promptseg.interop.dataframe",
    "promptseg.interop.fiftyone",
    "promptseg.interop.fiftyone_model",
    "promptseg.interop.huggingface",
    "promptseg.interop.labelme",
    "promptseg.interop.napari",
    "promptseg.interop.napari_plugin",
    "promptseg.interop.osam",
    "promptseg.interop.pipelines",
    "promptseg.interop.supervision",
    # Tests of other packages
    "promptseg.testing.contracts.concept",
    "promptseg.testing.contracts.detector",
    "promptseg.testing.contracts.scenes",
    "promptseg.testing.contracts.segmenter",
    "promptseg.testing.contracts.video",
    "promptseg.testing.fakes",
    "promptseg.testing.sheets",
    "promptseg.testing.drawn_scenes",
    "promptseg.testing.fuzzing",
    "promptseg.testing.fuzzing.mutators",
    "promptseg.testing.fuzzing.runner",
}
NAMES = sorted(set(promptseg.__all__) - {"__version__"})


def modules_of(page):
    """Return the modules that a page of the API documents."""
    return re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)


def test_each_public_module_has_one_section_and_no_other_module_has_one():
    documented = [module for page in API.glob("*.md") for module in modules_of(page)]
    assert sorted(documented) == sorted(PUBLIC)


def test_every_page_of_the_api_is_in_the_navigation_and_on_the_index():
    navigation, index = (ROOT / "mkdocs.yml").read_text("utf-8"), (API / "index.md").read_text("utf-8")
    for page in API.glob("*.md"):
        assert f"reference/api/{page.name}\n" in navigation
        assert page.name == "index.md" or f"]({page.name})" in index


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_on_the_index_beside_the_page_that_documents_its_module(name):
    rows = [row for row in (API / "index.md").read_text("utf-8").splitlines() if row.startswith("|") and f"`{name}`" in row.split("|")[1]]
    assert len(rows) == 1
    (page,) = re.findall(r"\]\((\S+\.md)\)", rows[0])
    assert getattr(promptseg, name).__module__ in modules_of(API / page)


def imports(text):
    """Yield module and name of what the Python of a page imports from promptseg."""
    code = "\n".join(re.findall(r"^```python[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    for module, names in re.findall(r"^ *from (promptseg[\w.]*) import (.+)$", code, re.MULTILINE):
        yield from ((module, name) for name in re.findall(r"\w+", names))


def home(module, name):
    """Return the module that defines an imported name, which a package may re-export."""
    if module in PUBLIC:
        return module
    value = getattr(importlib.import_module(module), name, None) or importlib.import_module(f"{module}.{name}")
    return getattr(value, "__module__", None) or value.__name__


@pytest.mark.parametrize("page", sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")))
def test_the_python_of_a_page_imports_from_public_modules_only(page):
    for module, name in imports((ROOT / page).read_text("utf-8")):
        assert home(module, name) in PUBLIC, f"{page} imports {name} from {module}, which is internal"
