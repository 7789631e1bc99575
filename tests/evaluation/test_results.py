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
