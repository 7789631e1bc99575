import pytest

from promptseg.errors import ConfigError, InputError
from promptseg.rasters.bands import chosen_bands
from promptseg.rasters.reader import Band

GRAY, RED, GREEN, BLUE, ALPHA = (Band("", color) for color in ("gray", "red", "green", "blue", "alpha"))


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ([GRAY], (0,)),
        ([Band()], (0,)),
        ([GRAY, ALPHA], (0,)),
        ([RED, GREEN, BLUE], (0, 1, 2)),
        ([BLUE, GREEN, RED], (2, 1, 0)),
        ([RED, GREEN, BLUE, ALPHA], (0, 1, 2)),
        ([BLUE, GREEN, RED, Band("nir")], (2, 1, 0)),
        ([GRAY, Band(), Band()], (0, 1, 2)),
        ([Band(), Band(), Band(), ALPHA], (0, 1, 2)),
    ],
)
def test_a_raster_that_says_what_its_bands_are_needs_no_choice(there, chosen):
    assert chosen_bands(None, there, "scene.tif") == chosen


@pytest.mark.parametrize(("count", "choice"), [(2, "--bands 1"), (4, "--bands 3,2,1"), (12, "--bands 3,2,1")])
def test_several_bands_without_a_color_need_a_choice_and_are_listed(count, choice):
    bands = [Band(f"B{number}") for number in range(1, count + 1)]
    with pytest.raises(InputError, match=rf"^scene\.tif has {count} bands, and does not say .*1 'B1', 2 'B2'.*\({choice}\)$"):
        chosen_bands(None, bands, "scene.tif")


def test_bands_without_a_name_are_listed_as_one():
    bands = [GRAY, *[Band()] * 11, Band("nir"), Band()]
    with pytest.raises(InputError, match=r": 1 gray, 2 to 12 without a name, 13 'nir', 14 without a name\. Choose"):
        chosen_bands(None, bands, "scene.tif")


def test_a_long_list_of_bands_is_cut():
    with pytest.raises(InputError, match=r"40 'B40', and 160 more"):
        chosen_bands(None, [Band(f"B{number}") for number in range(1, 201)], "scene.tif")


@pytest.mark.parametrize(("given", "chosen"), [((4, 3, 2), (3, 2, 1)), ([5], (4,)), (2, (1,)), ((1, 1, 1), (0, 0, 0))])
def test_bands_are_chosen_by_numbers_from_1(given, chosen):
    assert chosen_bands(given, [Band()] * 12, "scene.tif") == chosen


@pytest.mark.parametrize("given", [(1, 2), (), (1, 2, 3, 4), (0, 1, 2), (1.0, 2, 3), "321", True, {1, 2, 3}])
def test_a_choice_that_is_none_is_named(given):
    with pytest.raises(ConfigError, match=r"^bands are one number \(gray\) or three \(red, green, blue\), counted from 1, got "):
        chosen_bands(given, [Band()] * 12, "scene.tif")


def test_a_band_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(InputError, match=r"^scene\.tif has no band 5: it has 4 bands: 1 red, 2 green, 3 blue, 4 alpha"):
        chosen_bands((5, 3, 2), [RED, GREEN, BLUE, ALPHA], "scene.tif")
