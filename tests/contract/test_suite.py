"""Suites contain the tests that apply to a model, and no others."""

import importlib
import pkgutil

import pytest

from promptseg.testing import contracts
from promptseg.testing.contracts.suite import Suite, needs

pytest_plugins = ["pytester"]


class Shapes(Suite):
    round = True

    def test_any_shape(self):
        pass

    @needs(lambda suite: suite.round)
    def test_a_round_shape(self):
        pass


class Square(Shapes):
    round = False


class RoundedSquare(Square):
    round = True


class SquareWithATestOfItsOwn(Square):
    def test_a_round_shape(self):
        pass


def collected(suite):
    """Return the names of the tests that pytest collects in a class."""
    return {name for name in dir(suite) if name.startswith("test") and callable(getattr(suite, name))}


def test_a_suite_has_the_tests_that_apply():
    assert collected(Shapes) == {"test_any_shape", "test_a_round_shape"}
    assert collected(Square) == {"test_any_shape"}


def test_a_capability_that_comes_back_brings_its_tests():
    assert RoundedSquare.test_a_round_shape is Shapes.test_a_round_shape


def test_a_test_that_a_suite_defines_itself_stays():
    assert collected(SquareWithATestOfItsOwn) == {"test_any_shape", "test_a_round_shape"}


def test_pytest_neither_runs_nor_skips_what_does_not_apply(pytester):
    pytester.makepyfile(
        """
        from promptseg.testing.contracts.suite import Suite, needs


        class TestShape(Suite):
            round = False

            def test_any_shape(self):
                pass

            @needs(lambda suite: suite.round)
            def test_a_round_shape(self):
                raise AssertionError("not round")
        """
    )
    # In a process of its own: one in this process takes finders that were imported meanwhile out of `sys.meta_path` again.
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "--disable-plugin-autoload").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("attributes", "absent"),
    [
        (
            {"accepts": frozenset({"box"})},
            {"test_a_point_outside_the_image_is_refused_with_its_value", "test_everything_gives_masks_best_first"},
        ),
        ({"accepts": frozenset({"point", "everything"})}, {"test_a_result_refines_itself"}),
        ({"scores_are_predicted_iou": False}, {"test_everything_keeps_masks_over_the_predicted_iou_asked_for"}),
    ],
)
def test_a_segmenter_is_not_asked_for_what_it_says_it_lacks(attributes, absent):
    suite = type("LimitedContract", (contracts.SegmenterContract,), attributes)
    assert absent <= collected(contracts.SegmenterContract) - collected(suite)
    assert "test_kinds_that_it_does_not_take_are_refused_with_those_that_it_takes" in collected(suite)


def test_points_that_only_come_along_are_asked_for():
    suite = type("BoxContract", (contracts.SegmenterContract,), {"accepts": frozenset({"box"}), "combines": frozenset({"box", "point"})})
    assert "test_a_background_point_joins_a_prompt_or_is_refused" in collected(suite)


def test_a_video_segmenter_is_asked_for_its_limit_where_it_has_one():
    test = "test_objects_for_which_there_is_no_room_are_refused_and_the_others_stay"
    assert test not in collected(contracts.VideoSegmenterContract)
    assert test in collected(type("SmallContract", (contracts.VideoSegmenterContract,), {"max_objects": 2}))


def test_failed_assertions_of_every_module_show_their_values():
    modules = [info.name for info in pkgutil.iter_modules(contracts.__path__)]
    assert len(modules) > 3
    for name in modules:
        assert "@pytest_ar" in vars(importlib.import_module(f"{contracts.__name__}.{name}")), f"assertions in {name} are not rewritten"
