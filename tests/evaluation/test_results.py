import pytest

import promptseg
from promptseg.errors import ConfigError, InputError
from promptseg.evaluation.comparison import compare
from promptseg.evaluation.results import Evaluation
from promptseg.testing import FakeSegmenter


@pytest.fixture
def evaluate(dataset):
    """A run on the images of some names, or all."""

    def evaluate(names=None, prompt="point", seed=0):
        chosen = dataset if names is None else dataset.only(names)
        return promptseg.evaluate(chosen, model=FakeSegmenter(radius=7.5), prompt=prompt, seed=seed, baselines=False)

    return evaluate


def test_runs_on_parts_of_a_dataset_joined_are_the_run_on_all_of_it(evaluate):
    whole = evaluate()
    names = [image.name for image in whole.images]
    joined = Evaluation.joined([evaluate(names[1:]), evaluate(names[:1])], "two of them")
    assert joined.rows == whole.rows
    assert joined.metrics == whole.metrics
    assert joined.findings == whole.findings
    assert [image.name for image in joined.images] == names
    assert (joined.model, joined.data) == ("two of them", whole.data)
    assert compare([whole, joined]).pairs[0].all.ties == len(whole.rows)


def test_runs_that_share_an_image_are_not_joined(evaluate):
    whole = evaluate()
    with pytest.raises(InputError, match=f"{whole.images[0].name} is in several"):
        Evaluation.joined([whole, evaluate([whole.images[0].name])], "both")


def test_runs_by_different_prompts_or_seeds_are_not_joined(evaluate):
    first, second = (image.name for image in evaluate().images[:2])
    with pytest.raises(ConfigError, match="'box' with seed 0, 'point' with seed 1"):
        Evaluation.joined([evaluate([first], seed=1), evaluate([second], "box")], "both")
    with pytest.raises(ConfigError, match="got no run"):
        Evaluation.joined([], "none")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("area", "many"),
        ("iou", None),
        ("points", [[1]]),
        ("box", 5),
        ("click_ious", ["a"]),
        ("baselines", [1]),
        ("name", 5),
        ("width", 1e400),
    ],
)
def test_a_saved_row_of_other_values_is_refused_with_its_place(evaluate, field, value):
    content = evaluate().to_dict()
    content["per_object"][1][field] = value
    with pytest.raises(InputError, match=rf"not a saved evaluation: 1\.{field}.* of its rows: .*, got "):
        Evaluation.from_dict(content)


@pytest.mark.parametrize("counts", ["", "x", "é", "0" * 1000])
def test_a_damaged_mask_of_a_saved_row_is_refused_when_it_is_read(evaluate, counts):
    content = evaluate().to_dict()
    content["per_object"][0]["prediction"] = counts
    with pytest.raises(InputError, match="COCO RLE"):
        _ = Evaluation.from_dict(content).rows[0].mask
