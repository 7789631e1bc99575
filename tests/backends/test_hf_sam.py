"""Backends `hf_sam` and `hf_video`: every variant by its name from a folder, options, and refusals."""

import importlib.util
import json
import shutil

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, MissingDependencyError, WeightsError, WeightsMismatchError
from promptseg.prompts import Prompt
from promptseg.weights.store import file_sha256

pytest.importorskip("torch", reason="the torch engine needs torch")
pytest.importorskip("transformers", reason="the SAM family of the hub needs transformers")

from promptseg.models.sam.torch.hq import TorchSamHq

NAMES = {"sam": "sam-vit-b", "sam_hq": "sam-hq-vit-l", "sam2": "sam2.1-hiera-small", "edgetam": "edgetam", "slimsam": "slimsam-77"}
BOX = Prompt.box(20, 14, 80, 60)


@pytest.fixture(scope="module")
def folder_of(tiny_hf_sam, tiny_hf_video, tmp_path_factory):
    """A function that saves a tiny model as transformers does: ``folder_of(variant, kind)``, with kind "" or "video"."""
    made = {}

    def save(variant, kind=""):
        if (variant, kind) not in made:
            model = (tiny_hf_video if kind else tiny_hf_sam)(variant)
            model.save_pretrained(made.setdefault((variant, kind), tmp_path_factory.mktemp(variant)))
        return made[variant, kind]

    return save


@pytest.fixture
def broken(folder_of, tmp_path):
    """A function that copies a folder and changes values of its configuration: ``broken(variant, **values)``."""

    def copy(variant, kind="", **values):
        folder = shutil.copytree(folder_of(variant, kind), tmp_path / variant)
        config = json.loads((folder / "config.json").read_text("utf-8"))
        for part, changes in values.items():
            config[part] = {**config[part], **changes} if isinstance(changes, dict) else changes
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
        return folder

    return copy


def load(variant, folder, **options):
    return promptseg.load_segmenter(NAMES[variant], engine="transformers", weights=folder, device="cpu", **options)


@pytest.mark.parametrize("variant", ["sam", "sam_hq", "sam2", "edgetam"])
def test_a_folder_is_loaded_by_the_name_of_its_model(variant, folder_of, photo):
    segmenter = load(variant, folder_of(variant))
    assert segmenter.accepts == {"point", "box", "mask", "everything"}
    assert len(segmenter.open(photo()).segment([BOX, Prompt.point(50, 50)])) == 2
    provenance = segmenter.provenance
    assert (provenance.model, provenance.backend, provenance.license) == (NAMES[variant], "hf_sam", "Apache-2.0")
    assert provenance.version.startswith("transformers ")
    assert provenance.weights["model.safetensors"] == file_sha256(folder_of(variant) / "model.safetensors")


@pytest.mark.parametrize("variant", ["sam2", "edgetam"])
def test_the_published_folder_of_a_tracker_serves_images_and_videos(variant, folder_of, photo):
    folder = folder_of(variant, "video")
    assert len(load(variant, folder).open(photo()).segment([BOX])) == 1
    tracker = promptseg.load_video(
        NAMES[variant], engine="transformers", weights=folder, memory=300, prompted_frames=5, fill_holes=0, logits=True
    )
    assert (tracker.provenance.backend, tracker.provenance.license) == ("hf_video", "Apache-2.0")
    assert (tracker.memory, tracker.prompted_frames, tracker.model.input_size) == (300 << 20, 5, 64)
    session = tracker.open([photo(), photo(seed=1)])
    assert session.add(0, 1, BOX).logits.shape == (16, 16)
    assert [at.object_ids for at in session.propagate()] == [(1,), (1,)]


@pytest.mark.parametrize("variant", ["sam2", "edgetam"])
def test_the_folder_of_a_tracker_serves_images_without_the_names_of_its_classes(variant, broken, photo):
    assert len(load(variant, broken(variant, "video", architectures=None)).open(photo()).segment([BOX])) == 1


@pytest.mark.parametrize(("variant", "kind"), [("sam_hq", ""), ("sam2", "video"), ("edgetam", "video")])
def test_a_folder_is_recognized_without_a_name(variant, kind, folder_of):
    segmenter = promptseg.load_segmenter(str(folder_of(variant, kind)), device="cpu")
    assert segmenter.provenance.backend == "hf_sam"
    assert isinstance(segmenter.model, TorchSamHq) == (variant == "sam_hq")
    tracker = promptseg.load_video(str(folder_of(variant, kind)), device="cpu")
    assert tracker.provenance.backend == ("hf_video" if kind else "propagate")


def test_a_pruned_model_is_a_sam(folder_of, photo):
    """SlimSAM has SAM's classes with other widths."""
    assert len(load("slimsam", folder_of("sam")).open(photo()).segment([BOX])) == 1


def test_the_high_quality_mask_alone_is_an_option_of_sam_hq(folder_of, photo):
    both, alone = (load("sam_hq", folder_of("sam_hq"), hq_token_only=only).open(photo()).segment([BOX])[0] for only in (False, True))
    assert isinstance(load("sam_hq", folder_of("sam_hq")).model, TorchSamHq)
    assert both.score == alone.score
    assert not np.allclose(both.logits, alone.logits, atol=0.05)
    with pytest.raises(ConfigError, match="hq_token_only is for SAM-HQ, and model 'sam-vit-b' is none"):
        load("sam", folder_of("sam"), hq_token_only=True)
    with pytest.raises(ConfigError, match="hq_token_only is True or False, got 'yes'"):
        load("sam_hq", folder_of("sam_hq"), hq_token_only="yes")


def test_a_model_without_a_tracker_tracks_by_optical_flow(folder_of, photo):
    tracker = promptseg.load_video("sam-vit-b", engine="transformers", weights=folder_of("sam"))
    assert tracker.provenance.backend == "propagate"
    with pytest.raises(ConfigError, match="runs SAM 2 and EdgeTAM, and model 'sam-vit-b' is neither"):
        promptseg.load_video("sam-vit-b", engine="transformers", weights=folder_of("sam"), tracker="hf_video")


def test_options_of_the_tracker_are_checked(folder_of):
    for option, value in (("memory", 0), ("prompted_frames", 1), ("fill_holes", -1), ("logits", 1), ("dtype", "int8")):
        with pytest.raises(ConfigError, match=option):
            promptseg.load_video("sam2.1-hiera-tiny", engine="transformers", weights=folder_of("sam2", "video"), **{option: value})


class TestRefusedFolders:
    def test_without_weights_the_message_says_where_they_are(self, sam_of_transformers):
        for name, repository in (("edgetam", "yonigozlan/EdgeTAM-hf"), ("sam-hq-vit-b", "syscv-community/sam-hq-vit-base")):
            with pytest.raises(WeightsError, match=f"hf download {repository} .*{name}=FOLDER"):
                promptseg.load(name)

    @pytest.mark.parametrize(("variant", "other"), [("sam", "sam_hq"), ("sam_hq", "sam"), ("sam2", "sam"), ("edgetam", "sam2")])
    def test_a_folder_of_another_variant_is_refused(self, variant, other, folder_of):
        with pytest.raises(WeightsMismatchError, match=r"is of a '\w+', expected \w+"):
            load(variant, folder_of(other))

    def test_a_folder_for_images_does_not_track(self, folder_of):
        with pytest.raises(WeightsMismatchError, match="is of a 'Sam2Model', expected Sam2VideoModel"):
            promptseg.load_video("sam2.1-hiera-tiny", engine="transformers", weights=folder_of("sam2"))

    @pytest.mark.parametrize(
        ("variant", "values", "message"),
        [
            ("sam", {"vision_config": {"hidden_act": "relu"}}, "hidden_act='relu', this engine computes 'gelu'"),
            ("sam", {"prompt_encoder_config": {"image_size": 96}}, "image_size=64, this engine computes 96|has in another shape"),
            ("sam2", {"vision_config": {"backbone_feature_sizes": [[9, 9], [8, 8], [4, 4]]}}, "backbone_feature_sizes"),
            ("sam2", {"prompt_encoder_config": {"image_size": 63}}, "image size of 63 in patches of 16"),
            ("sam2", {"prompt_encoder_config": {"image_size": [64, 64]}}, "cannot be built"),
            ("edgetam", {"prompt_encoder_config": {"image_size": 16 * 4000}}, "image size of 64000"),
        ],
    )
    def test_a_configuration_that_the_engine_does_not_compute_is_refused(self, variant, values, message, broken):
        with pytest.raises(WeightsMismatchError, match=message):
            load(variant, broken(variant, **values))

    def test_a_missing_tensor_is_refused(self, broken):
        from safetensors.torch import load_file, save_file

        folder = broken("sam_hq")
        tensors = load_file(folder / "model.safetensors")
        del tensors["mask_decoder.hq_token.weight"]
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        with pytest.raises(WeightsMismatchError, match=r"lacks mask_decoder\.hq_token\.weight"):
            load("sam_hq", folder)

    def test_an_old_version_of_transformers_is_named(self, folder_of, monkeypatch):
        from promptseg.backends import _transformers

        monkeypatch.setattr(_transformers, "version", lambda _: "4.57.1")
        with pytest.raises(MissingDependencyError, match=r"EdgeTAM needs transformers 5\.23 or later, installed is 4\.57\.1"):
            load("edgetam", folder_of("edgetam"))

    def test_edgetam_names_the_package_that_it_lacks(self, folder_of, monkeypatch):
        folder, find = folder_of("edgetam"), importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "timm" else find(name, *more))
        with pytest.raises(MissingDependencyError, match="EdgeTAM needs timm, which is not installed: pip install torchvision timm"):
            load("edgetam", folder)
