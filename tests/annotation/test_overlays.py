"""Full-size overlays of a run: which are written, drawn again, kept and removed."""

import numpy as np
import pytest
from PIL import Image

from promptseg import Prompt, annotate
from promptseg.annotation import overlays as overlay_files
from promptseg.annotation.drawings import overlay_suffix
from promptseg.class_colors import palette
from promptseg.errors import OutputError

BOX = Prompt.box(10, 10, 60, 50)


@pytest.fixture
def run(pipeline, tmp_path):
    """Annotate with overlays: ``run(source)`` is the report."""

    def run(source, *prompts, **settings):
        return annotate(
            source, *(prompts or [BOX]), **{"pipeline": pipeline, "out": tmp_path / "out", "overlays": True, **settings}
        ).overlays

    return run


def files(tmp_path):
    """Return the times of the overlays, by their paths in the folder."""
    root = tmp_path / "out" / "overlays"
    return {
        path.relative_to(root).as_posix(): path.stat().st_mtime_ns
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".promptseg"
    }


def test_each_image_has_an_overlay_of_its_size_with_its_masks(run, image_folder, tmp_path):
    report = run(image_folder("a/0.png", "1.png"))
    assert sorted(files(tmp_path)) == ["1.jpg", "a/0.jpg"]
    assert (report.files, report.drawn, report.removed, report.kept, report.problems) == (2, 2, 0, (), ())
    with Image.open(tmp_path / "out" / "overlays" / "1.jpg") as overlay, Image.open(tmp_path / "images" / "1.png") as image:
        assert overlay.size == image.size == (80, 60)
        difference = np.abs(np.asarray(overlay, int) - np.asarray(image, int)).max(axis=-1)
    assert difference[10:50, 10:60].mean() > 20
    assert difference[:, 66:].mean() < 8


def test_without_being_asked_none_is_written(run, image_folder, tmp_path):
    assert run(image_folder("0.png"), overlays=False) is None
    assert not (tmp_path / "out" / "overlays").exists()


def test_a_finished_run_can_have_overlays_later(run, image_folder, tmp_path):
    root = image_folder("0.png", "1.png")
    run(root, overlays=False)
    assert run(root).drawn == 2


def test_the_same_run_again_draws_nothing(run, image_folder, tmp_path):
    root = image_folder("0.png", "1.png")
    run(root)
    before = files(tmp_path)
    report = run(root)
    assert (report.files, report.drawn) == (2, 0)
    assert files(tmp_path) == before


def test_more_images_are_added_and_those_that_are_gone_are_removed(run, image_folder, tmp_path):
    root = image_folder("a/0.png", "1.png")
    run(root)
    (root / "a" / "0.png").unlink()
    image_folder("1.png", "2.png")
    report = run(root)
    assert sorted(files(tmp_path)) == ["1.jpg", "2.jpg"]
    assert (report.files, report.removed) == (2, 1)
    assert not (tmp_path / "out" / "overlays" / "a").exists()


def test_an_image_that_changed_is_drawn_again_alone(run, image_folder, tmp_path):
    root = image_folder("0.png", "1.png")
    run(root)
    Image.new("RGB", (90, 70)).save(root / "1.png")
    assert run(root).drawn == 1
    with Image.open(tmp_path / "out" / "overlays" / "1.jpg") as overlay:
        assert overlay.size == (90, 70)


def test_other_colors_are_drawn_again(image_folder, finder, tmp_path):
    root = image_folder("0.png")
    settings = {"pipeline": finder, "out": tmp_path / "out", "overlays": True}
    annotate(root, classes=["dog", "cat"], **settings)
    assert annotate(root, classes=["cat", "dog"], **settings).overlays.drawn == 1
    with Image.open(tmp_path / "out" / "overlays" / "0.jpg") as overlay:
        pixels = np.asarray(overlay, int)
    assert np.abs(pixels[25:45, 41:44] - palette(1)[0]).max(axis=-1).min() < 40  # The outline of a cat.


def test_an_overlay_that_was_changed_by_hand_is_kept_and_named(run, image_folder, tmp_path):
    root = image_folder("0.png", "1.png")
    run(root)
    own = tmp_path / "out" / "overlays" / "0.jpg"
    Image.new("RGB", (5, 5)).save(own)
    (tmp_path / "out" / "overlays" / "notes.txt").write_text("mine")
    content = own.read_bytes()
    report = run(root)
    assert report.kept == ("0.jpg", "notes.txt")
    assert own.read_bytes() == content
    assert "2 changed by hand and kept: 0.jpg, notes.txt" in str(report)


def test_a_changed_overlay_of_an_image_that_is_gone_stays(run, image_folder, tmp_path):
    root = image_folder("0.png", "1.png")
    run(root)
    Image.new("RGB", (5, 5)).save(tmp_path / "out" / "overlays" / "0.jpg")
    (root / "0.png").unlink()
    report = run(root)
    assert report.kept == ("0.jpg",)
    assert "0.jpg" in files(tmp_path)


def test_a_run_that_is_stopped_while_it_draws_goes_on_from_there(run, image_folder, tmp_path, monkeypatch):
    root = image_folder(*(f"{index}.png" for index in range(6)))
    real, drawn = overlay_files.Overlays._save, []

    def save(self, manifest, file, content):
        if len(drawn) == 3:
            raise KeyboardInterrupt
        drawn.append(file)
        real(self, manifest, file, content)

    monkeypatch.setattr(overlay_files.Overlays, "_save", save)
    with pytest.raises(KeyboardInterrupt):
        run(root)
    monkeypatch.undo()
    before = files(tmp_path)
    report = run(root)
    assert (report.files, report.drawn, report.kept) == (6, 3, ())
    assert {name: time for name, time in files(tmp_path).items() if name in before} == before


def test_names_are_safe_and_distinct(run, image_folder, tmp_path):
    root = image_folder("0.png", "0.jpg", "CON.png", ".hidden/../1.png")
    names = sorted(files(tmp_path)) if run(root).files else []
    assert len(names) == 4
    assert len({name.casefold() for name in names}) == 4
    assert "CON.jpg" not in names


def test_a_folder_of_another_origin_is_refused_before_any_image(run, image_folder, tmp_path):
    (tmp_path / "out" / "overlays").mkdir(parents=True)
    (tmp_path / "out" / "overlays" / "mine.jpg").write_bytes(b"mine")
    with pytest.raises(OutputError, match="promptseg did not write it"):
        run(image_folder("0.png"))
    assert (tmp_path / "out" / "overlays" / "mine.jpg").read_bytes() == b"mine"


def test_overlays_are_no_source_of_images(run, image_folder, tmp_path):
    root = image_folder("0.png")
    run(root, out=root)
    assert run(root, out=root).files == 1


def test_an_image_without_objects_has_an_overlay_and_one_that_failed_has_none(run, image_folder, tmp_path, finder):
    root = image_folder("0.png")
    Image.new("RGB", (20, 20)).save(root / "small.png")
    (root / "broken.png").write_bytes(b"")
    annotate(root, pipeline=finder, out=tmp_path / "out", overlays=True)
    assert sorted(files(tmp_path)) == ["0.jpg", "small.jpg"]


def test_an_image_too_large_for_jpeg_becomes_png():
    assert [overlay_suffix(size) for size in ((100, 100), (10, 65_500), (65_501, 10))] == [".jpg", ".jpg", ".png"]
