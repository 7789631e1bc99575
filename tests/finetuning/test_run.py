"""Fine-tuning of images with masks writes a folder that loads like any other model."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg.errors import (
    BackendError,
    ConfigError,
    InputError,
    MissingDependencyError,
    OutputError,
    WeightsMismatchError,
    WeightsNotFoundError,
)
from promptseg.finetuning.run import finetune_decoder
from promptseg.prompts import Prompt

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")
pytest.importorskip("safetensors", reason="writing fine-tuned decoders needs safetensors")

from promptseg.finetuning import state, train  # noqa: E402 - They need torch.

FILES = ["decoder.safetensors", "promptseg.json", "training.json", "training.jsonl"]
QUICK = {"learning_rate": 3e-3, "epochs": 3, "patience": 100, "device": "cpu"}


@pytest.fixture
def tune(toy, small_sam, tmp_path):
    """Fine-tune the tiny model on toy images: ``tune(out="out", images=4, **settings)``."""

    def run(out="out", images=4, model=None, **settings):
        model = model or f"sam-vit-b={small_sam}"
        return finetune_decoder(*toy(images, name=f"toy{images}"), tmp_path / out, model=model, **{**QUICK, **settings})

    return run


def log_of(folder):
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def weights_in(folder):
    from safetensors.torch import load_file

    return load_file(folder / "decoder.safetensors")


def masks_of(model, image):
    return [
        mask.logits for mask in promptseg.load(model, device="cpu").open(image).segment([Prompt.box(10, 10, 40, 40), Prompt.point(30, 20)])
    ]


def test_a_model_learns_what_is_to_be_segmented(tune, tmp_path):
    done = tune(images=6, epochs=16)
    log = log_of(tmp_path / "out")
    assert log[-1]["loss"] < 0.5 * log[1]["loss"]
    assert all(after > before + 0.3 for before, after in done.validation.values())
    assert set(done.validation) == {"box", "point"}
    assert done.best_epoch > 5


class TestTheFolder:
    def test_it_says_what_it_holds_and_what_it_was_trained_on(self, tune, tmp_path):
        done = tune()
        assert names(done.folder) == FILES
        record = json.loads((done.folder / "training.json").read_text())
        assert (record["model"], record["license"]) == ("sam-vit-b", "Apache-2.0")
        assert {image["image"] for image in record["train"] + record["validation"]} == {f"{index}.png" for index in range(4)}
        assert all(len(image["sha256"]) == 64 for image in record["train"])
        assert record["settings"]["seed"] == 0
        assert record["epochs"] == log_of(done.folder)
        assert done.images == (len(record["train"]), len(record["validation"])) == (3, 1)
        assert json.loads(json.dumps(done.to_dict()))["images"] == {"train": 3, "validation": 1}

    @pytest.mark.parametrize("form", ["folder", "name=folder", "weights"])
    def test_it_is_a_model_like_any_other(self, form, tune, tmp_path):
        folder = tune().folder
        kwargs = {"weights": folder} if form == "weights" else {}
        name = {"folder": str(folder), "name=folder": f"sam-vit-b={folder}", "weights": "sam-vit-b"}[form]
        model = promptseg.load(name, device="cpu", **kwargs)
        assert (model.provenance.model, model.provenance.backend, model.provenance.license) == ("sam-vit-b", "sam", "Apache-2.0")
        assert set(model.provenance.weights) == {"sam_vit_b_01ec64.pth", "decoder.safetensors"}

    def test_its_masks_are_those_of_the_trained_decoder(self, tune, photo, small_sam):
        folder = tune(epochs=5, validation=0).folder
        before, after = masks_of(f"sam-vit-b={small_sam}", photo(48, 64)), masks_of(str(folder), photo(48, 64))
        assert all(np.abs(one - other).max() > 0.1 for one, other in zip(before, after, strict=True))

    def test_a_pipeline_and_the_export_take_it(self, tune, photo, tmp_path):
        folder = tune().folder
        masks = promptseg.Pipeline().segment(str(folder)).build(device="cpu")(photo(48, 64), Prompt.box(10, 10, 40, 40)).masks
        assert len(masks) == 1
        promptseg.export_onnx(str(folder), tmp_path / "pair")
        assert (tmp_path / "pair" / "training.json").read_bytes() == (folder / "training.json").read_bytes()
        for one, other in zip(masks_of(str(folder), photo(48, 64)), masks_of(str(tmp_path / "pair"), photo(48, 64)), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)

    def test_it_has_the_embeddings_of_the_model_that_it_builds_on(self, tune, photo, small_sam):
        cache = promptseg.EmbeddingCache()
        promptseg.load(f"sam-vit-b={small_sam}", device="cpu", cache=cache).open(photo(48, 64))
        assert "cache" in promptseg.load(str(tune().folder), device="cpu", cache=cache).open(photo(48, 64)).timings

    def test_it_can_be_moved_with_its_base_and_names_a_base_that_is_missing(self, tune, small_sam, tmp_path):
        folder = tune().folder
        kept = tmp_path / "kept.pth"
        small_sam.rename(kept)
        with pytest.raises(WeightsNotFoundError, match=r"out needs the weights of its base model, .*tiny\.pth.* as sam_vit_b_01ec64\.pth"):
            promptseg.load(str(folder))
        shutil.copy(kept, folder / "sam_vit_b_01ec64.pth")
        assert promptseg.load(str(folder), device="cpu")

    @pytest.mark.parametrize("name", ["decoder.safetensors", "base"])
    def test_a_file_that_changed_is_refused(self, name, tune, small_sam):
        folder = tune().folder
        path = small_sam if name == "base" else folder / name
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(WeightsMismatchError, match=f"{path.name} changed since the folder was written"):
            promptseg.load(str(folder))

    def test_it_can_be_trained_further_and_still_builds_on_the_first(self, tune, tmp_path, small_sam):
        first = tune().folder
        before = json.loads((first / "training.json").read_text())
        second = tune(out="second", model=str(first), seed=1).folder
        assert json.loads((second / "training.json").read_text())["earlier"] == before
        shutil.rmtree(first)
        assert promptseg.load(str(second), device="cpu").provenance.weights.keys() == {"sam_vit_b_01ec64.pth", "decoder.safetensors"}


class TestGoingOn:
    """An interrupted training continues where it stopped, and gives the weights of an uninterrupted one."""

    class Killed(BaseException):
        """As if by a signal: no handler may stand in its way."""

    @pytest.mark.parametrize(("seconds", "steps"), [(60.0, 8), (-1.0, 8), (60.0, 3)])
    def test_it_ends_with_the_same_weights(self, seconds, steps, tune, tmp_path, monkeypatch):
        whole = tune(out="whole", epochs=4)
        learn, done = train.Training._learn_from, []

        def killed(self, *args):
            done.append(args)
            if len(done) > steps:
                raise self_killed
            return learn(self, *args)

        self_killed = self.Killed()
        with monkeypatch.context() as patch:
            patch.setattr(train, "SAVE_EVERY", seconds)
            patch.setattr(train.Training, "_learn_from", killed)
            with pytest.raises(self.Killed):
                tune(epochs=4)
        assert names(tmp_path / "out") == ["training-state.pt", "training.jsonl"]
        resumed = tune(epochs=4)
        assert names(tmp_path / "out") == FILES
        assert resumed.validation == whole.validation
        expected = weights_in(whole.folder)
        assert all(torch.equal(tensor, expected[name]) for name, tensor in weights_in(resumed.folder).items())
        assert [entry["loss"] for entry in log_of(resumed.folder)] == [entry["loss"] for entry in log_of(whole.folder)]

    def test_one_that_is_killed_before_its_result_is_written_does_not_learn_again(self, tune, tmp_path, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(promptseg.finetuning.run, "write_result", lambda *_: (_ for _ in ()).throw(self.Killed()))
            with pytest.raises(self.Killed):
                tune()
        monkeypatch.setattr(train.Training, "_learn_from", None)
        assert tune().epochs == 3
        assert names(tmp_path / "out") == FILES

    def test_another_training_is_refused_until_it_may_be_overwritten(self, tune, tmp_path, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(train.Training, "_learn", lambda _: (_ for _ in ()).throw(self.Killed()))
            with pytest.raises(self.Killed):
                tune()
        with pytest.raises(ConfigError, match="there seed is 0, here seed is 1"):
            tune(seed=1)
        assert tune(seed=1, overwrite=True).epochs == 3

    def test_images_are_not_encoded_again_and_what_is_learned_is_the_same(self, tune):
        first, second = tune(out="first"), tune(out="second")
        assert (first.encoded, second.encoded) == (4, 0)
        assert [entry["loss"] for entry in log_of(first.folder)] == [entry["loss"] for entry in log_of(second.folder)]


def test_a_seed_gives_one_result_and_another_seed_another(tune):
    one, same, other = (weights_in(tune(out=name, seed=seed, validation=0).folder) for name, seed in (("a", 5), ("b", 5), ("c", 6)))
    assert all(torch.equal(tensor, same[name]) for name, tensor in one.items())
    assert not all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_the_callers_gradient_mode_and_random_numbers_are_their_own(tune):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with torch.inference_mode():
        tune()
        assert torch.is_inference_mode_enabled()
    assert torch.equal(torch.rand(3), expected)


class TestStopping:
    def test_training_stops_where_validation_gets_no_better_and_keeps_the_best(self, tune, monkeypatch):
        scores = iter([0.5, 0.6, 0.55, 0.6, 0.9, 0.9])
        monkeypatch.setattr(train.Training, "_validated", lambda *_: {"box": [next(scores)]})
        done = tune(epochs=10, patience=2)
        assert (done.epochs, done.best_epoch, done.stopped) == (3, 1, "no better validation in 2 epochs")
        assert done.validation == {"box": (0.5, 0.6)}

    def test_a_model_that_only_gets_worse_is_kept_as_it_was(self, tune, monkeypatch, photo, small_sam):
        scores = iter([0.5, 0.4, 0.3, 0.2])
        monkeypatch.setattr(train.Training, "_validated", lambda *_: {"box": [next(scores)]})
        done = tune()
        assert done.best_epoch == 0
        for one, other in zip(masks_of(str(done.folder), photo(48, 64)), masks_of(f"sam-vit-b={small_sam}", photo(48, 64)), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_without_validation_the_last_epoch_is_kept(self, tune):
        done = tune(validation=0)
        assert (done.best_epoch, done.validation, done.images) == (3, {}, (4, 0))

    @pytest.mark.parametrize("after", [0, 7])
    def test_a_loss_that_is_no_number_is_named_and_earlier_epochs_are_kept(self, after, tune, tmp_path, monkeypatch):
        scores = iter([0.1, 0.5, 0.4])
        monkeypatch.setattr(train.Training, "_validated", lambda *_: {"box": [next(scores)]})
        right, calls = train.loss, []

        def wrong(*args):
            calls.append(args)
            return right(*args) * (float("nan") if len(calls) > after else 1)

        monkeypatch.setattr(train, "loss", wrong)
        if after:
            done = tune()
            assert done.best_epoch == 1
            assert done.stopped.startswith("the loss became nan in epoch 3 on ")
            assert names(done.folder) == FILES
            assert all(tensor.isfinite().all() for tensor in weights_in(done.folder).values())
        else:
            with pytest.raises(BackendError, match=r"the loss became nan in epoch 1 on .*\.png: try a learning rate below 0\.003"):
                tune()
            assert names(tmp_path / "out") == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("settings", "complaint"),
        [
            ({"epochs": 0}, "epochs is a whole number of at least 1, got 0"),
            ({"epochs": 2.5}, "epochs is a whole number"),
            ({"patience": 0}, "patience is a whole number"),
            ({"seed": -1}, "seed is a whole number of at least 0, got -1"),
            ({"learning_rate": 0}, "learning_rate is a finite number above 0, got 0"),
            ({"learning_rate": float("nan")}, "learning_rate is a finite number above 0, got nan"),
            ({"validation": 1}, "validation is a number from 0 to below 1, got 1"),
            ({"prompts": 0}, "prompts is a whole number of at least 1, got 0"),
            ({"tokens": True}, "tokens is a whole number of at least 1, got True"),
            ({"precision": "float8"}, "precision is one of float32, bfloat16, float16, got 'float8'"),
            ({"device": "abacus"}, "there is no device 'abacus'"),
            ({"model": "superpixel"}, "'superpixel' cannot be fine-tuned; these can: mini-sam, sam-vit-h"),
        ],
    )
    def test_a_setting_that_cannot_be_is_named(self, settings, complaint, tune, tmp_path):
        with pytest.raises(ConfigError, match=complaint):
            tune(**settings)
        assert not (tmp_path / "out").exists()

    def test_a_folder_that_holds_files_is_refused_until_it_may_be_overwritten(self, tune, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "notes.txt").touch()
        with pytest.raises(ConfigError, match="out holds files"):
            tune()
        tune(overwrite=True)
        assert names(tmp_path / "out") == sorted([*FILES, "notes.txt"])
        with pytest.raises(ConfigError, match="out holds another training: there seed is 0, here seed is 1"):
            tune(seed=1)

    def test_a_file_in_place_of_the_folder_is_refused(self, tune, tmp_path):
        (tmp_path / "out").touch()
        with pytest.raises(OutputError, match="out: this is a file, and a folder is expected"):
            tune(overwrite=True)

    def test_too_few_images_are_refused(self, tune):
        with pytest.raises(InputError, match="too few for training and validation"):
            tune(images=1)

    def test_a_package_that_is_missing_is_named(self, tune, monkeypatch):
        import importlib.util

        find = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "safetensors" else find(name))
        with pytest.raises(MissingDependencyError, match=r"needs safetensors.*pip install safetensors"):
            tune()


def test_a_disk_that_fills_up_is_named_and_the_training_goes_on_from_the_last_state(tune, tmp_path, monkeypatch):
    save, calls = torch.save, []

    def full(*args):
        calls.append(args)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return save(*args)

    with monkeypatch.context() as patch:
        patch.setattr(state.torch, "save", full)
        patch.setattr(train, "SAVE_EVERY", -1.0)
        with pytest.raises(OutputError, match=r"training-state\.pt: No space left on device"):
            tune()
    assert names(tmp_path / "out") == ["training-state.pt", "training.jsonl"]
    assert tune().epochs == 3


def test_copies_of_an_image_are_never_on_both_sides(toy, small_sam, tmp_path):
    images, masks = toy(3)
    for number in range(3):
        for folder in (images, masks):
            shutil.copy(folder / "0.png", folder / f"copy{number}.png")
    for seed in range(3):
        folder = tmp_path / f"out{seed}"
        finetune_decoder(images, masks, folder, model=f"sam-vit-b={small_sam}", seed=seed, **{**QUICK, "epochs": 1})
        record = json.loads((folder / "training.json").read_text())
        assert not {one["sha256"] for one in record["train"]} & {one["sha256"] for one in record["validation"]}


def test_sam2_is_fine_tuned_as_well(toy, tiny_sam2, tmp_path, monkeypatch, photo):
    from promptseg.backends import sam2
    from promptseg.models.sam.torch import checkpoints

    monkeypatch.setattr(sam2, "build_image_model", lambda _: tiny_sam2())
    monkeypatch.setattr(checkpoints, "variant_of", lambda _: "sam2.1_hiera_t")
    path = tmp_path / "tiny2.pt"
    torch.save(tiny_sam2(seed=2).state_dict(), path)
    done = finetune_decoder(*toy(3), tmp_path / "out", model=f"sam2.1-hiera-tiny={path}", validation=0, **{**QUICK, "epochs": 2})
    log = log_of(done.folder)
    assert log[2]["loss"] < log[1]["loss"]
    model = promptseg.load(str(done.folder), device="cpu")
    assert model.provenance.backend == "sam2"
    assert len(model.open(photo(48, 64)).segment([Prompt.point(30, 20)])) == 1


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.usefixtures("mini_sam")
def test_mini_sam_is_fine_tuned_from_its_published_files(toy, tmp_path):
    pytest.importorskip("mobile_sam", reason="MobileSAM's own code is not installed")
    done = finetune_decoder(*toy(2, (96, 128)), tmp_path / "out", epochs=1, device="cpu")
    assert (done.model, done.license, done.parameters) == ("mini-sam", "MIT", 4_058_340)
    note = json.loads((done.folder / "promptseg.json").read_text())
    assert set(note["base"]) == {"encoder.onnx", "sam.onnx"}
    assert note["base_paths"] == {}
    with Image.open(tmp_path / "toy" / "images" / "0.png") as image:
        assert promptseg.load(str(done.folder)).open(image).segment([Prompt.point(64, 48)])[0].size == (96, 128)
