"""Every detector of the catalogue in front of every segmenter, from a configuration file alone."""

import itertools
from pathlib import Path

import pytest
import yaml

import promptseg as ps
from promptseg import registry

torch = pytest.importorskip("torch", reason="most models run in torch")


def catalogued(kind):
    """Name and engine of every model of a kind that this version runs."""
    backends = {name: spec.kind for name, spec in registry.backends().items()}
    return [(name, engine.name) for name, model in ps.models().items() for engine in model.engines if backends.get(engine.backend) == kind]


PAIRS = list(itertools.product(catalogued("detector"), catalogued("segmenter")))


@pytest.fixture(scope="module")
def models(request, tmp_path_factory):
    """A `Small`: stages as a file describes them, with weights of small models of the same libraries."""
    with pytest.MonkeyPatch.context() as patch:
        yield Small(request, tmp_path_factory.mktemp("models"), patch)


class Small:
    """Makes small weights, has them taken for those of any size, and keeps what was loaded from them."""

    def __init__(self, request, folder, patch):
        self._fixture, self._folder, self._patch = request.getfixturevalue, folder, patch
        self._stages, self._loaded = {}, {}
        load = registry._load

        def load_once(chosen, device, options):
            key = (chosen.model.name, chosen.engine.name)
            if key not in self._loaded:
                self._loaded[key] = load(chosen, device, options)
            return self._loaded[key]

        patch.setattr(registry, "_load", load_once)

    def stage(self, name, engine):
        if (name, engine) not in self._stages:
            model = registry.find_model(name)
            weights = getattr(self, f"_{model.engine(engine).backend}")(name, model.engine(engine))
            self._stages[name, engine] = {"model": name, "engine": engine, **({"weights": str(weights)} if weights else {})}
        return self._stages[name, engine]

    def _superpixel(self, name, engine):
        pytest.importorskip("skimage", reason="scikit-image is not installed")

    def _yolo(self, name, engine):
        from promptseg.backends import yolo

        weights = self._fixture("tiny_yolo")("yolov8n-seg" if name.endswith("-seg") else "yolov8n")
        self._patch.setattr(yolo, "_check_variant", lambda *_: None)
        return weights

    def _onnx_yolo(self, name, engine):
        return self._fixture("tiny_onnx_yolo")()

    def _grounding_dino(self, name, engine):
        tiny = self._fixture("tiny_grounding")
        from promptseg.grounding import architecture

        self._patch.setitem(architecture.ARCHITECTURES, engine.variant, tiny.architecture)
        return tiny.save(self._new_folder()) / "groundingdino_swint_ogc.pth"

    _grounding_dino_original = _grounding_dino

    def _sam(self, name, engine):
        return self._in_torch(self._fixture("tiny_sam")(), engine)

    _mobile_sam = _sam

    def _sam2(self, name, engine):
        return self._in_torch(self._fixture("tiny_sam2")(generation="2.1" if name.startswith("sam2.1") else "2"), engine)

    def _onnx_sam(self, name, engine):
        pair = "sam2_pair" if name.startswith("sam2") else "efficient_sam_pair" if name.startswith("efficient") else "sam_pair"
        return self._fixture(pair)

    def _in_torch(self, model, engine):
        from promptseg.backends import mobile_sam, sam, sam2
        from promptseg.sam import torch_checkpoints

        variant = Path(engine.variant).stem if engine.variant.endswith(".yaml") else engine.variant
        for backend in (sam, mobile_sam, sam2):
            self._patch.setattr(backend, "_build", lambda *_: model)
        self._patch.setattr(mobile_sam, "TinyVitEncoder", lambda encoder: encoder)
        self._patch.setattr(torch_checkpoints, "variant_of", lambda _: variant)
        path = self._new_folder() / "weights.pt"
        torch.save(model.state_dict(), path)
        return path

    def _new_folder(self):
        folder = self._folder / str(len(list(self._folder.iterdir())))
        folder.mkdir()
        return folder


@pytest.mark.parametrize(("detector", "segmenter"), PAIRS, ids=["-".join([*one, *other]) for one, other in PAIRS])
def test_text_becomes_labelled_masks(detector, segmenter, models, photo, tmp_path):
    path = tmp_path / "pipeline.yaml"
    stages = {"detect": {**models.stage(*detector), "threshold": 0.0, "max_detections": 3}, "segment": models.stage(*segmenter)}
    path.write_text(yaml.safe_dump({**stages, "device": "cpu"}), "utf-8")
    result = ps.Pipeline.from_config(path).build()(photo(), ps.Prompt.text("dog", "cat"))
    assert result.size == photo().shape[:2]
    assert [used.model for used in result.provenance] == [detector[0], segmenter[0]]
    assert len(result.masks) == len(result.detections) > 0
    assert [mask.label for mask in result.masks] == list(result.detections.labels)
    assert set(result.detections.labels) <= {"dog", "cat"}


def test_there_are_pairs_of_every_backend():
    assert {name for name, spec in registry.backends().items() if spec.kind in ("detector", "segmenter")} == {
        ps.models()[name].engine(engine).backend for pair in PAIRS for name, engine in pair
    }
