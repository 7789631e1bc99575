"""Changes of a document: what merges, what is refused, and what changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from promptseg import Mask
from promptseg.errors import InputError
from promptseg.studio_server.changes import Change, ChangedByOthersError, apply
from promptseg.studio_server.documents import ImageDocument, StudioObject

SIZE = (6, 8)


def counts(x=1, y=1, width=2, height=2):
    pixels = np.zeros(SIZE, bool)
    pixels[y : y + height, x : x + width] = True
    return Mask.from_array(pixels).counts.decode()


def each(uid, **values):
    return StudioObject(uid, values.pop("counts", counts()), **values)


def put(*objects, **more):
    return Change(put=objects, **more)


@pytest.fixture
def document():
    """A document of version 1 with the objects a, b and c."""
    return apply(ImageDocument(), 0, put(each("a"), each("b"), each("c")), SIZE)


def uids(document):
    return [one.uid for one in document.objects]


class TestOneWriter:
    def test_new_objects_are_in_front_and_the_image_is_started(self, document):
        assert (document.version, document.state, document.size) == (1, "started", SIZE)
        after = apply(document, 1, put(each("d")), SIZE)
        assert (uids(after), after.version, after.get("d").rev, after.get("a").rev) == (["a", "b", "c", "d"], 2, 2, 1)

    def test_an_object_that_is_put_again_stays_in_its_place(self, document):
        after = apply(document, 1, put(each("b", label="cat")), SIZE)
        assert [one.label for one in after.objects] == [None, "cat", None]

    def test_removal_is_remembered_and_may_be_undone(self, document):
        after = apply(document, 1, Change(remove=("b",)), SIZE)
        assert (uids(after), dict(after.removed)) == (["a", "c"], {"b": 2})
        again = apply(after, 2, put(each("b"), order=("a", "b", "c")), SIZE)
        assert (uids(again), dict(again.removed)) == (["a", "b", "c"], {})

    def test_an_image_whose_last_object_is_removed_is_new_again(self, document):
        assert apply(document, 1, Change(remove=("a", "b", "c")), SIZE).state == "new"

    @pytest.mark.parametrize("state", ["doubt", "done"])
    def test_a_state_that_a_person_gave_stays(self, document, state):
        marked = apply(document, 1, Change(state=state), SIZE)
        assert apply(marked, 2, put(each("d")), SIZE).state == state

    def test_a_change_that_was_made_already_changes_nothing(self, document):
        change = put(each("a", label="cat"), each("d"), remove=("b",), order=("d", "a", "c"), state="done")
        after = apply(document, 1, change, SIZE)
        assert apply(after, 1, change, SIZE) is after

    def test_what_a_model_said_of_a_mask_ends_with_the_mask(self):
        kept = {"id": 7, "predicted_iou": 0.9}
        before = ImageDocument(SIZE, 1, "suggested", (each("n1", kept=kept),))
        assert apply(before, 1, put(each("n1", label="cat")), SIZE).objects[0].kept == kept
        assert apply(before, 1, put(each("n1", counts=counts(3))), SIZE).objects[0].kept == {"id": 7}


class TestSeveralWriters:
    def test_objects_that_only_one_side_touched_merge(self, document):
        other = apply(document, 1, put(each("a", label="dog"), remove=("c",)), SIZE)
        merged = apply(other, 1, put(each("b", label="cat"), each("d")), SIZE)
        assert [(one.uid, one.label) for one in merged.objects] == [("a", "dog"), ("b", "cat"), ("d", None)]
        assert merged.version == 3

    @pytest.mark.parametrize("change", [put(each("a", label="cat")), Change(remove=("a",)), put(each("d"), each("a", counts=counts(2)))])
    def test_an_object_that_both_changed_is_refused_with_what_is_there(self, document, change):
        other = apply(document, 1, put(each("a", label="dog")), SIZE)
        with pytest.raises(ChangedByOthersError, match="'a' was changed or removed since version 1") as caught:
            apply(other, 1, change, SIZE)
        assert caught.value.document is other

    def test_an_object_that_another_one_removed_is_refused(self, document):
        other = apply(document, 1, Change(remove=("a",)), SIZE)
        with pytest.raises(ChangedByOthersError):
            apply(other, 1, put(each("a", label="cat")), SIZE)

    def test_an_object_that_both_removed_is_no_conflict(self, document):
        other = apply(document, 1, Change(remove=("a",)), SIZE)
        assert apply(other, 1, Change(remove=("a",)), SIZE) is other

    def test_removals_that_are_forgotten_are_not_undone_by_an_old_page(self, document, monkeypatch):
        monkeypatch.setattr("promptseg.studio_server.changes.MAX_REMOVED", 1)
        for version, uid in enumerate("ab", 1):
            document = apply(document, version, Change(remove=(uid,)), SIZE)
        assert (dict(document.removed), document.forgotten) == ({"b": 3}, 2)
        with pytest.raises(ChangedByOthersError):
            apply(document, 1, put(each("a")), SIZE)
        assert uids(apply(document, 3, put(each("d")), SIZE)) == ["c", "d"]

    def test_of_two_states_the_last_one_counts(self, document):
        other = apply(document, 1, Change(state="doubt"), SIZE)
        assert apply(other, 1, Change(state="done"), SIZE).state == "done"

    def test_the_order_is_that_of_the_sender_for_objects_that_it_knows(self, document):
        other = apply(document, 1, put(each("d"), each("e"), order=("a", "d", "b", "c", "e")), SIZE)
        merged = apply(other, 1, Change(order=("c", "b", "a")), SIZE)
        assert [uid for uid in uids(merged) if uid in "abc"] == ["c", "b", "a"]
        assert sorted(uids(merged)) == list("abcde")
        assert uids(merged)[-1] == "e", "what was in front of all stays there"
        assert uids(merged).index("d") == uids(merged).index("b") - 1, "d was just below b"

    def test_a_version_that_is_not_there_yet_is_refused(self, document):
        with pytest.raises(ChangedByOthersError, match="no version 2 of the image yet"):
            apply(document, 2, put(each("d")), SIZE)


class TestFromOutside:
    @pytest.mark.parametrize(
        ("bad", "told"),
        [
            (each("a/b"), "uid of an object"),
            (each("x" * 65), "uid of an object"),
            (each("x", counts=Mask.from_array(np.zeros(SIZE, bool)).counts.decode()), "empty: remove the object"),
            (each("x", counts=Mask.from_array(np.ones((6, 9), bool)).counts.decode()), "not one of an image of 8 x 6"),
            (each("x", counts="~~~~"), "not well-formed"),
            (each("x", counts=""), "not well-formed"),
            (each("x", label=""), "label of"),
            (each("x", label="l" * 201), "label of"),
            (each("x", label="a\0b"), "label of"),
            (each("x", score=float("nan")), "score of"),
            (each("x", color="red"), "#rrggbb"),
            (each("x", attributes={"a": "v" * 2001}), "attribute of"),
            (each("x", attributes={str(n): "" for n in range(65)}), "at most 64 attributes"),
            (each("x", prompts=({"box": [0, 0, 1, 1]},) * 257), "256 prompts"),
        ],
    )
    def test_an_object_that_is_none_is_refused(self, document, bad, told):
        with pytest.raises(InputError, match=told):
            apply(document, 1, put(bad), SIZE)

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (put(each("x"), each("x")), "once"),
            (put(each("x"), remove=("x",)), "not both"),
            (Change(state="ready"), "a state is one of"),
        ],
    )
    def test_a_change_that_contradicts_itself_is_refused(self, document, change, told):
        with pytest.raises(InputError, match=told):
            apply(document, 1, change, SIZE)

    def test_an_image_has_a_bounded_number_of_objects(self, document, monkeypatch):
        monkeypatch.setattr("promptseg.studio_server.changes.MAX_OBJECTS", 3)
        with pytest.raises(InputError, match="at most 3 objects, got 4"):
            apply(document, 1, put(each("d")), SIZE)
