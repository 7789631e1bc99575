"""A project: what is kept of its images, beside `annotate`, after corrections, in a hurry and on a full disk."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest
from PIL import Image

import promptseg as ps
from fake_pipelines import built
from promptseg.annotation import journal as journals
from promptseg.annotation.folder_lock import FolderInUseError
from promptseg.annotation.run import annotate
from promptseg.datasets.reading import open_dataset
from promptseg.errors import InputError, OutputError
from promptseg.server.errors import ConflictError, NotFoundError
from promptseg.studio_server.changes import Change, ChangedByOthersError
from promptseg.studio_server.documents import StudioObject
from promptseg.studio_server.image_list import key_of

from .conftest import SIZE, counts

A = key_of("a.png")
BOX = ps.Prompt.box(5, 5, 15, 15)


def put(*uids, **values):
    return Change(put=tuple(StudioObject(uid, values.get("counts", counts()), label=values.get("label")) for uid in uids))


def states(project):
    return {each.name: (each.state, each.objects, each.version) for each in project.summaries()}


def journal_of(out):
    return [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]


class TestKept:
    def test_all_of_an_object_is_there_when_the_project_is_opened_again(self, opened):
        whole = StudioObject(
            "k-1_",
            counts(),
            label="a cat",
            score=0.5,
            source="model",
            locked=True,
            hidden=True,
            color="#00ff00",
            attributes={"breed": "tabby\n"},
            prompts=({"points": [[3.0, 4.0]], "foreground": [True]}, {"text": ["cat"]}),
        )
        with opened() as project:
            project.change(A, 0, Change(put=(whole,), state="doubt"))
        with opened() as project:
            document = project.document(A)
            assert document.get("k-1_").is_same(whole)
            assert (document.version, document.state, document.size) == (1, "doubt", SIZE)
            assert states(project) == {"a.png": ("doubt", 1, 1), "b.png": ("new", 0, 0), "c.png": ("new", 0, 0)}
            assert project.labels.all[0].name == "a cat"

    def test_a_change_is_on_the_disk_before_it_is_told(self, opened, monkeypatch):
        order = []
        fsync = os.fsync
        with opened() as project:
            project.events.publish = lambda event: order.append(event["type"])
            monkeypatch.setattr(journals.os, "fsync", lambda handle: (order.append("disk"), fsync(handle)))
            project.change(A, 0, put("x"))
        assert order[0] == "disk"
        assert order.index("document") > 0

    def test_another_process_cannot_use_the_folder(self, opened):
        with opened(), pytest.raises(FolderInUseError, match="another run is writing"), opened():
            pass

    def test_images_that_come_and_go_are_listed_as_they_are(self, opened, photos, monkeypatch):
        monkeypatch.setattr("promptseg.studio_server.image_list.LEAST_SECONDS", 0.0)
        with opened() as project:
            project._images._next = 0.0
            project.change(A, 0, put("x"))
            (photos / "a.png").rename(photos / "d.png")
            project._images._next = 0.0
            assert states(project) == {"b.png": ("new", 0, 0), "c.png": ("new", 0, 0), "d.png": ("new", 0, 0)}
            with pytest.raises(NotFoundError):
                project.document(A)
            (photos / "d.png").rename(photos / "a.png")
            project._images._next = 0.0
            assert states(project)["a.png"] == ("started", 1, 1)

    @pytest.mark.parametrize("name", ["ü 日本.png", 'a"<b>&.png', "sub/dir/x.png", b"caf\xe9.png", "#?%.png", " .png"])
    def test_any_name_of_a_file_works(self, opened, photos, name):
        path = photos / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4)).save(path, "PNG")
        with opened() as project:
            key = key_of(os.fsdecode(name))
            project.change(key, 0, put("x", counts=counts(size=(4, 6), width=2, height=2)))
        with opened() as project:
            assert project.summary(key).objects == 1
            assert project.image(key).path == path

    def test_an_image_that_got_another_size_keeps_its_objects_and_says_so(self, opened, photos):
        with opened() as project:
            project.change(A, 0, put("x"))
            Image.new("RGB", (8, 9)).save(photos / "a.png")
            with pytest.raises(ConflictError, match="8 x 9 now, and its 1 objects are of one of 60 x 40"):
                project.openable(A)
            assert project.document(A).get("x") is not None
            project.change(A, 1, Change(remove=("x",)))
            assert project.openable(A).objects == ()

    def test_a_member_of_another_version_is_passed_over_and_its_masks_count(self, opened, tmp_path):
        with opened() as project:
            project.change(A, 0, put("x", label="cat"))
        path = tmp_path / "dataset" / "journal.jsonl"
        header, record = (json.loads(line) for line in path.read_text().splitlines())
        record["studio"]["objects"] = "elsewhere"
        del record["crc"], header["crc"]
        path.write_bytes(journals.encode_line(header) + journals.encode_line(record))
        with opened() as project:
            assert [(one.uid, one.label) for one in project.document(A).objects] == [("n1", "cat")]


class TestDropped:
    def test_an_image_is_kept_under_a_safe_name_of_its_own(self, opened, photos):
        content = (photos / "a.png").read_bytes()
        with opened() as project:
            names = [project.add_image(name, content).name for name in ("../../a.png", "a.png", "C:\\x\\a.png", ".png")]
            assert names == ["images/a.png", "images/a-2.png", "images/a-3.png", "images/_.png"]
            assert [each.name for each in project.summaries()] == ["a.png", "b.png", "c.png", *names]
        with opened() as project:
            assert set(names) < set(states(project))

    def test_what_is_no_image_is_not_kept(self, project):
        with pytest.raises(InputError):
            project.add_image("a.png", b"<svg onload=alert(1)>")
        with pytest.raises(InputError, match="ends with one of"):
            project.add_image("a.html", (project.image(A).path).read_bytes())
        assert not (project.out / "images" / "a.html").exists()


def test_a_dataset_within_the_folder_of_the_images_is_no_source_of_images(photos):
    from promptseg.studio_server.project import open_project

    for _ in range(2):
        with open_project(photos, photos / "dataset") as project:
            project.add_image("a.png", (photos / "a.png").read_bytes())
    assert {each.name for each in project.summaries()} == {"a.png", "b.png", "c.png", "images/a-2.png", "images/a.png"}


class TestSuggestions:
    def objects(self, *uids):
        return [StudioObject(uid, counts(), source="suggestion", score=0.5) for uid in uids]

    def test_later_ones_take_the_place_of_earlier_ones(self, project):
        project.suggest(A, self.objects("s1", "s2"), 0.25)
        after = project.suggest(A, self.objects("s3"), None)
        assert ([one.uid for one in after.objects], after.version, after.doubt) == (["s3"], 2, None)
        assert project.summary(A).state == "suggested"

    def test_an_image_in_which_nothing_is_found_was_seen(self, opened):
        with opened() as project:
            project.suggest(A, [], 0.0)
        with opened() as project:
            assert (project.summary(A).state, project.summary(A).doubt) == ("suggested", 0.0)

    def test_what_a_person_did_is_never_replaced(self, project):
        project.suggest(A, self.objects("s1"), 0.5)
        project.change(A, 1, put("x"))
        assert project.suggest(A, self.objects("s2"), 0.5) is None
        assert [one.uid for one in project.document(A).objects] == ["s1", "x"]


class TestBesideAnnotate:
    def test_a_folder_of_annotate_opens_and_annotate_goes_on_with_it(self, opened, photos, tmp_path):
        out = tmp_path / "dataset"
        annotate(photos, BOX, pipeline=built(), out=out, limit=2)
        header = journal_of(out)[0]
        with opened() as project:
            assert states(project) == {"a.png": ("suggested", 1, 1), "b.png": ("suggested", 1, 1), "c.png": ("new", 0, 0)}
            assert [one.source for one in project.document(A).objects] == ["suggestion"]
            project.change(A, 1, Change(put=put("x", label="mine").put, state="done"))
        assert journal_of(out)[0] == header
        done = annotate(photos, BOX, pipeline=built(), out=out)
        assert (done.images, done.processed, done.corrected) == (3, 1, 1)
        entries = {entry.name: entry.read() for entry in open_dataset(coco=out / "coco.json", images=photos).entries}
        assert [one.label for one in entries["a.png"].objects] == ["object", "mine"]

    def test_a_folder_of_the_studio_is_annotated_with_any_settings(self, opened, photos, tmp_path):
        out = tmp_path / "dataset"
        with opened() as project:
            project.change(A, 0, put("x", label="mine"))
        for prompts, config in ((BOX, {}), (ps.Prompt.point(3, 3), {"clean": {"min_area": 2}})):
            done = annotate(photos, prompts, pipeline=built(**config), out=out)
        assert (done.images, done.corrected) == (3, 1)
        assert journal_of(out)[0]["studio"] == 1
        with opened() as project:
            assert states(project) == {"a.png": ("started", 1, 1), "b.png": ("suggested", 1, 1), "c.png": ("suggested", 1, 1)}

    def test_prompts_of_a_source_for_an_image_of_the_studio_do_not_matter(self, opened, photos, tmp_path, monkeypatch):
        monkeypatch.chdir(photos)
        with opened() as project:
            project.suggest(A, [StudioObject("s", counts(), source="suggestion")], 0.5)
        done = annotate([("a.png", BOX)], pipeline=built(), out=tmp_path / "dataset")
        assert (done.images, done.processed) == (1, 0)

    def test_models_of_suggestions_do_not_bind_annotate(self, opened, photos, tmp_path):
        out = tmp_path / "dataset"
        annotate(photos, BOX, pipeline=built(), out=out, limit=1)
        used = journal_of(out)[1]["models"]
        other = [{**used[0], "version": "another"}]
        with opened() as project:
            project.suggest(key_of("b.png"), [StudioObject("s", counts(), source="suggestion")], 0.5, models=other)
        assert annotate(photos, BOX, pipeline=built(), out=out).processed == 1

    def test_corrections_after_the_studio_keep_what_it_knows_of_unchanged_objects(self, opened, photos, tmp_path):
        out = tmp_path / "dataset"
        annotate(photos, BOX, pipeline=built(), out=out, formats=["labelme"])
        with opened() as project:
            mine = StudioObject("mine", counts(30, 20), label="cat", attributes={"age": "old"}, color="#112233")
            gone = StudioObject("gone", counts(30, 2), label="dog")
            project.change(A, 1, Change(put=(mine, gone), remove=("n1",)))
        annotate(photos, BOX, pipeline=built(), out=out, formats=["labelme"])
        path = out / "labelme" / "a.json"
        content = json.loads(path.read_text())
        content["shapes"] = [shape for shape in content["shapes"] if shape["label"] == "cat"]
        path.write_text(json.dumps(content))
        annotate(photos, BOX, pipeline=built(), out=out, formats=["labelme"], corrections="labelme")
        with opened() as project:
            document = project.document(A)
            assert [(one.uid, one.attributes, one.color) for one in document.objects] == [("mine", {"age": "old"}, "#112233")]
            assert (document.state, document.version) == ("done", 3)
            with pytest.raises(ChangedByOthersError):
                project.change(A, 2, put("gone"))


class TestFullDisk:
    @pytest.fixture
    def full(self, monkeypatch):
        """Function after whose call the disk takes no more of the journal, until it is called with False."""

        def make(is_full=True):
            def fsync(_):
                raise OSError(errno.ENOSPC, "No space left on device")

            monkeypatch.undo()
            if is_full:
                monkeypatch.setattr(journals.os, "fsync", fsync)

        return make

    def test_the_earlier_version_stands_and_the_change_can_be_made_later(self, opened, full):
        with opened() as project:
            project.change(A, 0, put("x"))
            before = (project.out / "journal.jsonl").read_bytes()
            full()
            with pytest.raises(OutputError, match="No space left"):
                project.change(A, 1, put("y"))
            assert [one.uid for one in project.document(A).objects] == ["x"]
            assert project.summary(A).version == 1
            assert (project.out / "journal.jsonl").read_bytes() == before
            full(False)
            assert project.change(A, 1, put("y")).version == 2
        with opened() as project:
            assert [one.uid for one in project.document(A).objects] == ["x", "y"]

    def test_labels_stay_as_they_were(self, opened, monkeypatch):
        with opened(labels=["cat"]) as project:
            before = project.labels.all

            def fsync(_):
                raise OSError(errno.ENOSPC, "No space left on device")

            monkeypatch.setattr("promptseg.runtime.files.os.fsync", fsync)
            with pytest.raises(OutputError):
                project.set_labels([])
            monkeypatch.undo()
            assert project.labels.all == before
        with opened() as project:
            assert project.labels.all == before


class TestCompaction:
    def test_a_journal_that_is_mostly_superseded_is_written_anew(self, opened, monkeypatch):
        with opened() as project:
            for version in range(20):
                project.change(A, version, put("x", label=f"label {version}"))
            project.change(key_of("b.png"), 0, put("y"))
            size = (project.out / "journal.jsonl").stat().st_size
        monkeypatch.setattr(journals, "MUCH_SUPERSEDED", 1000)
        with opened() as project:
            assert (project.out / "journal.jsonl").stat().st_size < size / 5
            assert (project.document(A).version, project.document(A).objects[0].label) == (20, "label 19")
            project.change(A, 20, put("z"))
        with opened() as project:
            assert [one.uid for one in project.document(A).objects] == ["x", "z"]
            assert project.summary(key_of("b.png")).objects == 1

    def test_it_also_happens_while_one_works(self, opened, monkeypatch):
        monkeypatch.setattr(journals, "MUCH_SUPERSEDED", 10_000)
        with opened() as project:
            for version in range(100):
                project.change(A, version, put("x", label=f"label {version}"))
            assert (project.out / "journal.jsonl").stat().st_size < 25_000
        with opened() as project:
            assert project.document(A).version == 100


def test_images_as_datasets_are_written_from(project):
    project.change(A, 0, Change(put=put("x", label="cat").put, state="done"))
    project.change(key_of("b.png"), 0, put("y"))
    assert [image.name for image in project.annotated()] == ["a.png", "b.png"]
    (only,) = project.annotated({"done"})
    assert [(one.label, one.mask.area) for one in only.objects] == [("cat", 16)]


def test_an_image_with_many_objects_and_a_folder_with_many_images(tmp_path):
    from promptseg.studio_server.project import open_project

    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(photos / "0.png")
    for number in range(1, 200):
        os.link(photos / "0.png", photos / f"{number}.png")
    with open_project(photos, tmp_path / "out") as project:
        key = project.summaries()[0].key
        many = tuple(StudioObject(f"o{number}", counts(number % 50)) for number in range(2000))
        project.change(key, 0, Change(put=many))
        assert project.change(key, 1, put("more")).document is None
        assert (len(project.summaries()), project.summary(key).objects) == (200, 2001)
