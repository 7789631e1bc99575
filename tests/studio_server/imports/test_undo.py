"""An import is taken back as a whole, but for what a person has done to its objects since."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from promptseg import Mask
from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.writing import write
from promptseg.errors import OutputError
from promptseg.server.errors import NotFoundError
from promptseg.studio_server.changes import Change
from promptseg.studio_server.documents import StudioObject
from promptseg.studio_server.image_list import key_of
from promptseg.studio_server.imports.annotations import import_annotations
from promptseg.studio_server.imports.undo import MAX_IMPORTS, Imports, Undone
from promptseg.studio_server.project import Project

from ..conftest import SIZE, counts

A, B = key_of("a.png"), key_of("b.png")


@pytest.fixture
def coco(photos, tmp_path):
    """The content of a COCO file with two objects of ``a.png`` and one of ``b.png``."""

    def true(key, x):
        pixels = np.zeros(SIZE, bool)
        pixels[5:20, x : x + 10] = True
        return AnnotatedObject(key, Mask.from_array(pixels, label="cup"))

    images = [
        AnnotatedImage("a.png", photos / "a.png", SIZE, (true("a#1", 5), true("a#2", 30))),
        AnnotatedImage("b.png", photos / "b.png", SIZE, (true("b#1", 5),)),
    ]
    return write("coco", images, tmp_path / "given").path.read_bytes()


@pytest.fixture
def imported(project, coco):
    """Function that imports, and returns what takes that back, with a name."""

    def run(mode="add"):
        latest = Imports()
        return latest, latest.remember(import_annotations(project, coco, "coco.json", mode=mode).changes)

    return run


def values(document):
    return [replace(each, rev=0) for each in document.objects]


def draw(project, *uids, key=A, **change):
    put = tuple(StudioObject(uid, counts(x=place + 1), "mine", attributes={"n": uid}) for place, uid in enumerate(uids))
    project.change(key, project.document(key).version, Change(put=put, **change))


def test_images_that_were_new_are_new_again(project, imported):
    latest, name = imported()
    assert latest.undo(project, name) == Undone(images=2, removed=3, restored=0, kept=0)
    assert [(project.document(key).objects, project.document(key).state) for key in (A, B)] == [((), "new")] * 2
    assert {each.state for each in project.summaries()} == {"new"}


@pytest.mark.parametrize("mode", ["add", "replace"])
@pytest.mark.parametrize("state", ["done", "doubt", None])
def test_what_was_there_before_is_there_again_in_its_order(mode, state, project, imported):
    draw(project, "back", "middle", "front", state=state)
    project.change(A, 1, Change(put=(replace(project.document(A).objects[1], locked=True),)))
    before = project.document(A)
    latest, name = imported(mode)
    assert latest.undo(project, name).restored == (2 if mode == "replace" else 0)
    after = project.document(A)
    assert (values(after), after.state) == (values(before), before.state)


def test_suggestions_that_were_replaced_are_suggestions_again(project, imported):
    found = StudioObject("s1", counts(), "cup", 0.5, "suggestion")
    project.suggest(A, [found], 0.25)
    latest, name = imported("replace")
    latest.undo(project, name)
    after = project.document(A)
    assert (values(after), after.state, after.doubt) == ([found], "suggested", 0.25)


def test_what_a_person_did_since_stays(project, imported):
    draw(project, "mine")
    latest, name = imported("replace")
    first, second = project.document(A).objects
    draw(project, "new")
    project.change(A, project.document(A).version, Change(put=(replace(second, label="plate"),)))
    assert latest.undo(project, name) == Undone(images=2, removed=2, restored=1, kept=1)
    assert [(each.uid, each.label) for each in project.document(A).objects] == [("mine", "mine"), (second.uid, "plate"), ("new", "mine")]
    assert project.document(A).state == "started"
    assert first.uid in project.document(A).removed


def test_imports_are_taken_back_from_the_latest_on_and_each_once(project, imported, coco):
    latest, first = imported()
    second = latest.remember(import_annotations(project, coco, "coco.json", mode="replace").changes)
    with pytest.raises(NotFoundError, match="the latest first"):
        latest.undo(project, first)
    assert latest.undo(project, second) == Undone(images=2, removed=3, restored=3, kept=0)
    for name in (second, ""):
        with pytest.raises(NotFoundError, match="the latest first"):
            latest.undo(project, name)
    assert latest.undo(project, first) == Undone(images=2, removed=3, restored=0, kept=0)
    assert project.document(A).objects == ()


def test_only_so_many_imports_are_kept(project):
    latest = Imports()
    names = [latest.remember(()) for _ in range(MAX_IMPORTS + 1)]
    for name in reversed(names[1:]):
        latest.undo(project, name)
    with pytest.raises(NotFoundError):
        latest.undo(project, names[0])


def test_after_an_error_of_the_disk_it_can_be_tried_again(project, imported, monkeypatch):
    latest, name = imported()
    edit, failing = Project.edit, [B]

    def sometimes(self, key, make, models=()):
        if key in failing:
            raise OutputError("the disk is full")
        return edit(self, key, make, models)

    monkeypatch.setattr(Project, "edit", sometimes)
    with pytest.raises(OutputError):
        latest.undo(project, name)
    failing.clear()
    assert latest.undo(project, name) == Undone(images=2, removed=1, restored=0, kept=0)
    assert {each.state for each in project.summaries()} == {"new"}


def test_an_image_that_is_gone_is_passed_over(project, imported, photos):
    latest, name = imported()
    (photos / "a.png").unlink()
    done = latest.undo(project, name)
    assert done.images in (1, 2)
    assert project.document(B).objects == ()
