"""Data frames of masks, in pandas and polars."""

from __future__ import annotations

import importlib
import sys
import types

import numpy as np
import pytest

from promptseg.errors import ConfigError, MissingDependencyError
from promptseg.masks import Mask, Masks
from promptseg.results import Result

SIZE = (12, 17)
COLUMNS = ["label", "score", "area", "x0", "y0", "x1", "y1", "prompt_index", "detection_index", "from_box"]


@pytest.fixture(params=["pandas", "polars"])
def library(request):
    pytest.importorskip(request.param, reason=f"its data frames need {request.param}")
    return request.param


@pytest.fixture
def masks():
    pixels = np.zeros(SIZE, bool)
    pixels[2:5, 3:9] = True
    first, empty = Mask.from_array(pixels).counts, Mask.from_array(np.zeros(SIZE, bool)).counts
    return Masks([Mask(SIZE, first, 0.5, "dog", prompt_index=0, detection_index=3, from_box=True), Mask(SIZE, empty)])


def _rows(frame):
    """Return the rows with None for what is missing."""
    rows = frame.to_dict("records") if hasattr(frame, "iloc") else frame.to_dicts()
    return [
        {name: None if value is None or value != value or "NA" in repr(value) else value for name, value in row.items()} for row in rows
    ]


ROWS = [
    dict(zip(COLUMNS, ["dog", 0.5, 18, 3, 2, 9, 5, 0, 3, True], strict=True)),
    dict(zip(COLUMNS, [None, None, 0, 0, 0, 0, 0, None, None, False], strict=True)),
]


def test_a_mask_is_a_row(library, masks):
    frame = masks.to_dataframe(library)
    assert type(frame).__module__.startswith(library)
    assert list(frame.columns) == COLUMNS
    assert [{name: row[name] for name in COLUMNS} for row in map(dict, _rows(frame))] == ROWS


def test_the_rows_of_a_result_name_its_image(library, masks):
    frame = Result(masks, source="images/dog.jpg").to_dataframe(library)
    assert list(frame.columns) == ["source", *COLUMNS]
    assert [row["source"] for row in _rows(frame)] == ["images/dog.jpg"] * 2
    assert [row["source"] for row in _rows(Result(masks).to_dataframe(library))] == [None] * 2


def test_the_types_do_not_depend_on_the_rows_so_frames_can_be_joined(library, masks):
    frames = [Result(each, source="a").to_dataframe(library) for each in (masks, masks[1:], Masks([], SIZE))]
    assert len({tuple(map(str, frame.dtypes)) for frame in frames}) == 1
    joined = importlib.import_module(library).concat(frames)
    assert len(joined) == 3
    assert joined["area"].sum() == 18


def _fake(name):
    module = types.ModuleType(name)
    for kind in ("Utf8", "Float64", "Int64", "Boolean"):
        setattr(module, kind, kind)
    module.Series = lambda values, dtype: (values, dtype)
    module.DataFrame = lambda columns, schema=None: (name, columns, schema)
    return module


def test_pandas_is_preferred_and_polars_stands_in(monkeypatch, masks):
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, _fake(name))
    assert masks.to_dataframe()[0] == "pandas"
    monkeypatch.setitem(sys.modules, "pandas", None)
    name, columns, schema = masks.to_dataframe()
    assert (name, list(columns), list(schema)) == ("polars", COLUMNS, COLUMNS)
    assert columns["label"] == ["dog", None]
    assert schema["label"] == "Utf8"


def test_without_either_the_message_says_what_to_install(monkeypatch, masks):
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(MissingDependencyError, match=f"pip install {name}"):
            masks.to_dataframe(name)
    with pytest.raises(MissingDependencyError, match="needs pandas or polars, and neither can be imported: pip install pandas"):
        masks.to_dataframe()


@pytest.mark.parametrize("library", ["panda", 5, "arrow", ["pandas"]], ids=repr)
def test_another_library_is_refused(library, masks):
    with pytest.raises(ConfigError, match="library is 'pandas' or 'polars', got"):
        masks.to_dataframe(library)
