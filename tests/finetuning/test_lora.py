"""LoRA trains the image encoder, and its adapters are merged into the weights."""

import json
import sys

import numpy as np
import pytest

import promptseg
from promptseg.errors import MissingDependencyError
from promptseg.finetuning.run import finetune_decoder
from promptseg.prompts import Prompt

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")
pytest.importorskip("safetensors", reason="writing fine-tuned weights needs safetensors")

QUICK = {"learning_rate": 3e-3, "epochs": 3, "validation": 0, "device": "cpu"}


def test_peft_that_is_missing_is_named_with_its_extra(toy, small_sam, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingDependencyError, match=r"LoRA needs peft.*\[finetune\]"):
        finetune_decoder(*toy(2), tmp_path / "out", model=f"sam-vit-b={small_sam}", lora=4, **QUICK)


class TestWithPeft:
    @pytest.fixture(autouse=True)
    def peft(self):
        return pytest.importorskip("peft", reason="peft is not installed")

    def test_adapters_answer_as_before_until_they_are_trained_and_their_merged_weights_as_they_do(self, tiny_sam, toy, photo):
        from promptseg.finetuning.lora import AdaptedModel

        images, _ = toy(1)
        path = next(images.iterdir())
        plain = tiny_sam(width=64, heads=8)
        model = AdaptedModel(tiny_sam(width=64, heads=8), torch.device("cpu"), 4, 0)
        frames = torch.zeros(1, 3, 64, 64)
        with torch.no_grad():
            torch.testing.assert_close(model._encoder(frames), plain.image_encoder(frames))
            before = model.encode(path)["embedding"]
            adapters = [parameter for _, parameter in model._adapters()]
            for parameter in adapters:
                parameter += 0.2
            trained = model.encode(path)["embedding"]
        assert adapters
        assert (trained - before).abs().max() > 1e-2
        merged = model.files(model.state())["encoder.safetensors"]
        plain.load_state_dict(merged, strict=False)
        assert merged.keys() == {name for name in plain.state_dict() if name.startswith("image_encoder.")}
        random = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            torch.testing.assert_close(plain.image_encoder(random), model._encoder(random), atol=1e-5, rtol=1e-4)

    def test_sam2_has_adapters_as_well_and_what_its_decoder_lends_the_encoder_stays(self, tiny_sam2, toy):
        from promptseg.finetuning.lora import AdaptedModel
        from promptseg.models.sam.torch.checkpoints import encoder_state
        from promptseg.models.sam.torch.model import TorchSettings
        from promptseg.models.sam.torch.sam2 import TorchSam2
        from promptseg.results import Provenance

        images, _ = toy(1)
        path = next(images.iterdir())
        model = AdaptedModel(tiny_sam2(), torch.device("cpu"), 4, 0)
        (expected,) = TorchSam2(tiny_sam2(), Provenance("tiny", "tests", "1"), TorchSettings(torch.device("cpu"))).encode(
            [promptseg.load_image(path)]
        )
        with torch.no_grad():
            found = model.encode(path)
        assert found.keys() == expected.features.keys()
        for name, value in found.items():
            np.testing.assert_allclose(value.numpy(), expected.features[name], atol=1e-5)
        plain = encoder_state(tiny_sam2())
        merged = model.files(model.state())["encoder.safetensors"]
        assert merged.keys() == plain.keys()
        assert all(torch.equal(merged[name], tensor) for name, tensor in plain.items())

    def test_the_result_is_a_model_like_any_other_and_can_be_trained_further(self, toy, small_sam, tmp_path, photo):
        folders = toy(2)
        done = finetune_decoder(*folders, tmp_path / "out", model=f"sam-vit-b={small_sam}", lora=4, **QUICK)
        assert sorted(path.name for path in done.folder.iterdir()) == [
            "decoder.safetensors",
            "encoder.safetensors",
            "promptseg.json",
            "training.json",
            "training.jsonl",
        ]
        assert done.encoded == 6
        assert json.loads((done.folder / "training.json").read_text())["settings"]["lora"] == 4
        log = [json.loads(line)["loss"] for line in (done.folder / "training.jsonl").read_text().splitlines()]
        assert log[3] < log[1]
        image = photo(48, 64)
        model, base = (promptseg.load(name, device="cpu") for name in (str(done.folder), f"sam-vit-b={small_sam}"))
        embeddings = [one.open(image).embedding.features["embedding"] for one in (model, base)]
        assert np.abs(embeddings[0] - embeddings[1]).max() > 1e-4
        assert len(model.open(image).segment([Prompt.box(10, 10, 40, 40)])) == 1
        further = finetune_decoder(*folders, tmp_path / "more", model=str(done.folder), **{**QUICK, "epochs": 1})
        again = promptseg.load(str(further.folder), device="cpu").open(image).embedding.features["embedding"]
        np.testing.assert_array_equal(again, embeddings[0])

    def test_a_seed_gives_one_result(self, toy, small_sam, tmp_path):
        from safetensors.torch import load_file

        folders = toy(2)
        results = [
            load_file(
                finetune_decoder(*folders, tmp_path / name, model=f"sam-vit-b={small_sam}", lora=2, **QUICK).folder / "encoder.safetensors"
            )
            for name in "ab"
        ]
        assert all(torch.equal(tensor, results[1][name]) for name, tensor in results[0].items())
