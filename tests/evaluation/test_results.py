import csv

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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("iou", float("nan")),
        ("dice", 1.5),
        ("boundary_f", -0.1),
        ("best_iou", float("inf")),
        ("area", -1),
        ("area", 60 * 80 + 1),
        ("height", 0),
        ("width", 10**30),
        ("score", float("nan")),
        ("box", [0.0, 0.0, 1.0]),
        ("box", [0.0, 0.0, float("inf"), 1.0]),
        ("points", [[float("nan"), 0, 1]]),
        ("points", [[0, 0, 2]]),
        ("click_ious", [2.0]),
        ("baselines", {"box": float("nan")}),
        ("image", "another.png"),
    ],
)
def test_a_saved_row_with_a_value_that_no_evaluation_gives_is_refused_by_its_name(evaluate, field, value):
    content = evaluate().to_dict()
    name = content["per_object"][1]["name"]
    content["per_object"][1][field] = value
    with pytest.raises(InputError, match=rf"not a saved evaluation: \w+ of '{name}' should be .*, got "):
        Evaluation.from_dict(content)


@pytest.mark.parametrize(("field", "value"), [("seconds", float("nan")), ("seconds", -1.0), ("objects", -1), ("ignored", 10**30)])
def test_a_saved_image_with_a_value_that_no_evaluation_gives_is_refused_by_its_name(evaluate, field, value):
    content = evaluate().to_dict()
    content["per_image"][1][field] = value
    with pytest.raises(InputError, match=f"not a saved evaluation: {field} of '1.png' should be "):
        Evaluation.from_dict(content)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"per_object": []}, "it has 0 objects in 3 images"),
        ({"per_object": [], "per_image": []}, "it has 0 objects in 0 images"),
        ({"prompt": 5}, "valid string, got 5"),
        ({"model": ["a"]}, "valid string"),
        ({"data": None}, "valid string"),
        ({"seed": "many"}, "valid integer"),
        ({"prompt": "clicks"}, "expected clicks:1 to clicks:10000, got 'clicks'"),
        ({"prompt": "clicks:many"}, "got 'clicks:many'"),
        ({"prompt": "clicks:0"}, "got 'clicks:0'"),
        ({"prompt": "clicks:99999999999"}, "got 'clicks:99999999999'"),
        ({"prompt": "clicks:3"}, "click_ious of .* should be an IoU from 0 to 1 after each click"),  # It has none.
    ],
)
def test_a_saved_evaluation_of_which_no_figure_can_be_computed_is_refused(evaluate, changes, message):
    with pytest.raises(InputError, match=f"not a saved evaluation: .*{message}"):
        Evaluation.from_dict({**evaluate().to_dict(), **changes})


@pytest.mark.parametrize(("part", "what"), [("per_object", "an object"), ("per_image", "an image")])
def test_a_saved_evaluation_with_one_name_twice_is_refused(evaluate, part, what):
    content = evaluate().to_dict()
    content[part].append(content[part][0])
    with pytest.raises(InputError, match=f"the name of {what} occurs twice"):
        Evaluation.from_dict(content)


def test_as_many_clicks_as_the_protocol_has_are_read(evaluate):
    run = evaluate(prompt="clicks:2")
    assert max(len(row.click_ious) for row in run.rows) == 2
    assert Evaluation.from_dict(run.to_dict()).clicks == run.clicks


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_names_that_are_not_text_are_saved_as_text(evaluate, suffix, tmp_path):
    content = evaluate().to_dict()
    content["per_object"][0].update(name="caf\udce9.png#1", label="\ud800")
    run = Evaluation.from_dict(content)
    if suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    run.save_rows(tmp_path / f"rows{suffix}")
    if suffix == ".csv":
        with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
            first = next(csv.DictReader(file))
    else:
        first = parquet.read_table(tmp_path / "rows.parquet").to_pylist()[0]
    assert (first["name"], first["label"]) == ("caf%E9.png#1", "\ufffd")
