"""What promptseg wrote is never annotated, wherever the output folder is."""

import pytest

from promptseg import Prompt, annotate

BOX = Prompt.box(5, 5, 35, 25)
FORMATS = ["coco", "yolo-seg", "labels", "masks", "voc", "labelme"]
COPIES = {"yolo-seg": {"images": "copy"}}


@pytest.fixture
def names(pipeline, journal_of):
    """Annotates a source twice, with formats and a gallery full of images: the names of the images of the second run."""

    def of(source, out):
        for _ in range(2):
            annotate(source, BOX, pipeline=pipeline, out=out, formats=FORMATS, options=COPIES)
        return sorted(journal_of(out))

    return of


@pytest.mark.parametrize("out", [".", "sub", "a/sub", "..", "../beside"])
def test_the_output_folder_may_be_anywhere(image_folder, names, out):
    root = image_folder("0.png", "a/1.png")
    assert names(root, root / out) == ["0.png", "a/1.png"]


@pytest.mark.parametrize("out", [".", "sub", "..", "../beside"])
def test_the_output_folder_of_a_pattern_may_be_anywhere(image_folder, names, out):
    root = image_folder("0.png", "a/1.png")
    assert names(str(root / "**" / "*.*"), root / out) == ["0.png", "a/1.png"]


def test_outputs_of_an_earlier_run_are_not_annotated(image_folder, names, pipeline):
    root = image_folder("0.png", "a/1.png")
    names(root, root / "earlier")
    names(root, root)
    assert names(root, root / "later") == ["0.png", "a/1.png"]


def test_an_output_folder_that_is_a_link_to_the_images_is_the_folder_of_the_images(image_folder, names, tmp_path):
    root = image_folder("0.png")
    (tmp_path / "link").symlink_to(root)
    assert names(root, tmp_path / "link") == ["0.png"]


def test_a_folder_that_promptseg_wrote_is_a_source_when_it_is_named_itself(image_folder, names, pipeline, tmp_path, journal_of):
    names(image_folder("0.png"), tmp_path / "out")
    annotate(tmp_path / "out" / "yolo-seg" / "images", BOX, pipeline=pipeline, out=tmp_path / "other")
    assert sorted(journal_of(tmp_path / "other")) == ["0.png"]
