"""The list of formats, and that whatever names them agrees with it."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

from promptseg.cli.convert import convert
from promptseg.datasets import formats
from promptseg.datasets.catalog import FORMATS, OUTPUT_VARIANTS, READABLE, READERS, WRITABLE
from promptseg.datasets.descriptor import Format, Option
from promptseg.datasets.reading import open_dataset
from promptseg.datasets.writer_base import Classes, WriteStats
from promptseg.datasets.writing import check_format
from promptseg.errors import ConfigError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "formats.md"


def test_every_format_that_a_module_declares_is_in_the_list():
    modules = [importlib.import_module(f"{formats.__name__}.{each.name}") for each in pkgutil.iter_modules(formats.__path__)]
    declared = [value for module in modules for value in vars(module).values() if isinstance(value, Format)]
    assert sorted(each.name for each in declared) == sorted(each.name for each in FORMATS)


def test_names_are_unique():
    names = [variant.name for each in FORMATS for variant in each.variants]
    assert len(names) == len(set(names)) == len(WRITABLE)
    assert len({each.name for each in FORMATS}) == len(FORMATS)


def test_a_format_is_read_or_written_and_says_what_it_is():
    assert all(each.summary and (each.reader or each.variants) for each in FORMATS)


def test_the_arguments_of_open_dataset_are_the_formats_and_their_options():
    arguments = {name: each for name, each in inspect.signature(open_dataset).parameters.items() if name != "images"}
    options = {name: option.default for reader in READERS.values() for name, option in reader.options.items()}
    assert set(arguments) == {name.replace("-", "_") for name in READABLE} | set(options)
    assert {name: arguments[name].default for name in options} == options


def test_an_option_has_one_default_in_all_formats():
    pairs = [(name, option.default) for each in (*READERS.values(), *OUTPUT_VARIANTS.values()) for name, option in each.options.items()]
    assert len(set(pairs)) == len({name for name, _ in pairs})


@pytest.mark.parametrize("name", WRITABLE)
def test_a_writer_takes_the_options_that_its_form_declares_with_their_defaults(name, tmp_path):
    variant = OUTPUT_VARIANTS[name]
    parameters = inspect.signature(variant.writer).parameters
    taken = {each: parameter.default for each, parameter in parameters.items() if parameter.kind is inspect.Parameter.KEYWORD_ONLY}
    assert taken == {each: option.default for each, option in variant.options.items()}
    variant.writer(tmp_path, Classes(), WriteStats(), **taken)


@pytest.mark.parametrize("name", [name for name in READABLE if name != "yolo"])
def test_an_option_that_a_format_does_not_take_is_refused_and_the_message_says_where_it_belongs(name):
    with pytest.raises(ConfigError, match=rf"^the format {name} has no option 'names', it is one of yolo$"):
        open_dataset("images", **{name.replace("-", "_"): "place"}, names="data.yaml")


def test_a_value_that_an_option_cannot_have_is_refused():
    with pytest.raises(ConfigError, match=r"^masks\.mask_kind is auto, binary or labels, got 'gray'$"):
        open_dataset("images", masks="masks", mask_kind="gray")
    with pytest.raises(ConfigError, match=r"^yolo\.images is link, copy or none, got 'move'$"):
        check_format("yolo", {"images": "move"})


def test_an_option_without_choices_takes_anything():
    Option("A text.", "").check("address", object())


@pytest.mark.parametrize("name", READABLE)
def test_a_format_that_needs_the_images_says_so(name):
    if READERS[name].images == "required":
        with pytest.raises(ConfigError, match=rf"^{name} needs the folder of the images as well: give images= "):
            open_dataset(**{name.replace("-", "_"): "place"})


def test_the_help_of_convert_lists_all_formats():
    annotations = inspect.get_annotations(convert, eval_str=True)
    assert ", ".join(READABLE) in annotations["source"].__metadata__[0].help
    assert ", ".join(WRITABLE) in annotations["formats"].__metadata__[0].help


def test_the_page_on_formats_lists_all_of_them():
    page = PAGE.read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == set(WRITABLE)
    read = re.search(r"^## Formats that promptseg reads\n(.*?)(?=^## )", page, re.DOTALL | re.MULTILINE)
    assert set(READABLE) <= set(re.findall(r"`([a-z-]+)`", read[1]))
