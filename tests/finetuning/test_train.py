"""The training loop: learning rates, prompts, and steps whose gradient is not finite."""

import itertools

import pytest

from promptseg.errors import BackendError
from promptseg.finetuning.run import finetune_decoder

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")
pytest.importorskip("safetensors", reason="writing fine-tuned decoders needs safetensors")

from promptseg.finetuning import train  # noqa: E402 - It needs torch.


@pytest.fixture
def tune(toy, small_sam, tmp_path):
    def run(**settings):
        settings = {"epochs": 3, "validation": 0, "device": "cpu", "tokens": 16, **settings}
        return finetune_decoder(*toy(2), tmp_path / "out", model=f"sam-vit-b={small_sam}", **settings)

    return run


def test_the_learning_rate_rises_over_a_twentieth_of_the_steps_and_falls_along_a_cosine():
    rates = [train._rate(step, 100) for step in range(100)]
    assert rates[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert rates[5 + 19] == pytest.approx(0.5 * (1 + 0.8090169944), abs=1e-9)  # A fifth of the way down: cos 36°.
    assert rates[5 + 57] == pytest.approx(0.5 * (1 - 0.3090169944), abs=1e-9)  # Three fifths: cos 108°.
    assert rates[-1] == pytest.approx(0.000273, abs=1e-6)
    assert all(one >= other for one, other in itertools.pairwise(rates[5:]))
    assert [train._rate(step, 3) for step in range(3)] == pytest.approx([1.0, 1.0, 0.5])


def test_each_step_has_the_learning_rate_of_the_schedule(tune, monkeypatch):
    rates = []
    learn = train.Training._learn_from

    def watched(self, *args):
        loss = learn(self, *args)
        rates.append(self._optimizer.param_groups[0]["lr"])
        return loss

    monkeypatch.setattr(train.Training, "_learn_from", watched)
    tune(learning_rate=0.01)
    assert rates == pytest.approx([0.01 * train._rate(step, 6) for step in range(6)])


def test_an_image_gets_other_prompts_in_each_epoch_and_the_same_ones_again_by_its_seed(tune, monkeypatch):
    drawn = []
    draw = train.Training._drawn

    def watched(self, index, *args):
        prompt = draw(self, index, *args)
        drawn.append((index, repr(prompt)))
        return prompt

    monkeypatch.setattr(train.Training, "_drawn", watched)
    tune(epochs=8)
    first = list(drawn)
    for image in (0, 1):
        prompts = [prompt for index, prompt in first if index == image]
        assert len(prompts) == 8
        assert len(set(prompts)) > 3
    drawn.clear()
    tune(epochs=8, overwrite=True)
    assert drawn == first


def test_a_gradient_that_is_not_finite_is_refused_by_name_and_changes_no_weight(tune, monkeypatch, tmp_path):
    right, states = train.loss, []

    def wrong(logits, *args):
        return right(logits, *args) + torch.sqrt(0 * logits.sum())  # Adds 0 with an infinite gradient.

    clip = train.Devices.clip

    def watched(self, parameters, max_norm):
        states.append([parameter.detach().clone() for parameter in parameters])
        states.append(parameters)
        return clip(self, parameters, max_norm)

    monkeypatch.setattr(train, "loss", wrong)
    monkeypatch.setattr(train.Devices, "clip", watched)
    with pytest.raises(BackendError, match=r"the gradient of the loss became (nan|inf) in epoch 1 on .*\.png: try a learning rate below"):
        tune()
    before, after = states
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert not list((tmp_path / "out").iterdir())


def test_a_gradient_that_is_not_finite_after_a_better_epoch_keeps_that_epoch(tune, monkeypatch):
    right, calls = train.loss, []

    def wrong(logits, *args):
        calls.append(1)
        return right(logits, *args) + (torch.sqrt(0 * logits.sum()) if len(calls) > 4 else 0)

    monkeypatch.setattr(train, "loss", wrong)
    done = tune()
    assert (done.best_epoch, done.epochs) == (2, 2)
    assert done.stopped.startswith("the gradient of the loss became ")
    assert "in epoch 3 on " in done.stopped


class TestTheEnd:
    def test_a_call_that_is_repeated_after_the_end_says_so_and_does_nothing(self, tune, monkeypatch, tmp_path):
        first = tune()
        before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in first.folder.iterdir()}
        monkeypatch.setattr(train, "Training", None)
        again = tune()
        assert (first.was_finished, again.was_finished) == (False, True)
        assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in first.folder.iterdir()} == before
        same = ("model", "folder", "license", "images", "parameters", "epochs", "best_epoch", "validation", "stopped")
        assert all(getattr(first, name) == getattr(again, name) for name in same)

    def test_a_result_that_is_damaged_is_not_called_finished(self, tune):
        decoder = tune().folder / "decoder.safetensors"
        decoder.write_bytes(decoder.read_bytes()[:-1] + b"?")
        from promptseg.errors import ConfigError

        with pytest.raises(ConfigError, match=r"a damaged result: decoder\.safetensors changed since it was written"):
            tune()
        assert not tune(overwrite=True).was_finished

    def test_what_a_kill_left_is_removed(self, tune, tmp_path):
        (tmp_path / "out").mkdir()
        for path in (tmp_path / "out" / ".training-state.pt.abcdefgh.tmp", tmp_path / ".out.abcdefgh.tmp"):
            path.touch()
        tune(epochs=1)
        assert not list(tmp_path.rglob("*.tmp"))
