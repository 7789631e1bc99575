"""A video with its objects in a folder: what was kept is there after the process is gone, and two pages never overwrite each other."""

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask, Masks
from promptseg.annotation.folder_lock import FolderInUseError
from promptseg.errors import InputError, OutputError
from promptseg.results import FrameMasks
from promptseg.server.errors import ConflictError, NotFoundError, TooLargeError
from promptseg.studio_server.video.changes import KeyFrame, VideoChange
from promptseg.studio_server.video.checks import MAX_OBJECTS
from promptseg.studio_server.video.objects import GONE, KEY, LOST, NONE, SEEN
from promptseg.studio_server.video.project import VideoProject, open_video_project

SIZE = (24, 32)
COUNT = 40


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(COUNT):
        Image.fromarray(np.full((*SIZE, 3), index, np.uint8)).save(folder / f"{index:03}.png")
    return folder


@pytest.fixture
def opened(clip, tmp_path):
    """Opens the project of the clip, and closes all at the end: ``opened()``."""
    projects = []
    (tmp_path / "out").mkdir()

    def open_project():
        projects.append(VideoProject(clip, tmp_path / "out"))
        return projects[-1]

    yield open_project
    for project in projects:
        project.close()


def square(x, y=2, side=6, score=0.9):
    pixels = np.zeros(SIZE, bool)
    pixels[y : y + side, x : x + side] = True
    return Mask.from_array(pixels, score=score)


def values(uid="cat", **other):
    return {"uid": uid, "label": None, "color": None, "hidden": False, "locked": False, "attributes": {}, **other}


def add(project, uid="cat", frame=0, x=2, **other):
    """Add an object with a keyframe."""
    return project.change(VideoChange(objects=(values(uid, **other),), keys=(KeyFrame(frame, uid, square(x)),)), project.version)


def tracked(frame, **masks):
    """What a tracker found: masks by "n" and the number of their object."""
    return FrameMasks(frame, tuple(int(name[1:]) for name in masks), Masks(masks.values(), SIZE), frame / 10)


def seen(project, frame):
    """What is known on a frame, by object."""
    return {each.uid: (each.kind, each.mask.area) for each in project.on_frame(frame)}


def test_objects_keyframes_and_tracked_masks_are_there_after_the_process_is_gone(opened):
    project = opened()
    add(project, label="cat", attributes={"age": "3"})
    add(project, "dog", 5, 10, color="#ff0000")
    project.keep_tracked(tracked(1, n1=square(3)), {1: "cat"})
    project.keep_tracked(tracked(2, n1=square(4, score=0.1)), {1: "cat"})
    project.change(VideoChange(keys=(KeyFrame(3, "cat", None, "hand"),)), project.version)
    again = opened()  # The first one was not closed.
    assert [(each.uid, each.number, each.label, each.color, dict(each.attributes)) for each in again.objects()] == [
        ("cat", 1, "cat", None, {"age": "3"}),
        ("dog", 2, None, "#ff0000", {}),
    ]
    assert [seen(again, frame) for frame in range(6)] == [
        {"cat": (KEY, 36)},
        {"cat": (SEEN, 36)},
        {"cat": (LOST, 36)},
        {"cat": (GONE, 0)},
        {},
        {"dog": (KEY, 36)},
    ]
    assert again.version == project.version == 5
    assert again.on_frame(1)[0].mask.box.tolist() == [3, 2, 9, 8]
    assert [label.name for label in again.labels.all] == ["cat"]


def test_what_a_person_said_of_a_frame_stays_when_it_is_tracked_again(opened):
    project = opened()
    add(project, frame=4)
    project.change(VideoChange(keys=(KeyFrame(5, "cat", None),)), project.version)
    for frame in (3, 4, 5):
        project.keep_tracked(tracked(frame, n1=square(20)), {1: "cat"})
    assert [seen(project, frame)["cat"][0] for frame in (3, 4, 5)] == [SEEN, KEY, GONE]
    assert project.on_frame(4)[0].mask.box[0] == 2


def test_a_keyframe_that_is_taken_back_leaves_nothing(opened):
    project = opened()
    add(project)
    project.change(VideoChange(unkey=((0, "cat"),)), project.version)
    assert seen(project, 0) == seen(opened(), 0) == {}


def test_a_removed_object_comes_back_with_its_masks(opened):
    project = opened()
    add(project)
    project.keep_tracked(tracked(1, n1=square(3)), {1: "cat"})
    project.change(VideoChange(remove=("cat",)), project.version)
    assert (project.objects(), project.on_frame(1), project.masked_frames()) == ([], [], [])
    project.change(VideoChange(objects=(values(),)), project.version)
    assert [each.number for each in opened().objects()] == [1]
    assert project.masked_frames() == [0, 1]


def test_the_order_is_kept(opened):
    project = opened()
    for uid in "abc":
        add(project, uid)
    project.change(VideoChange(order=("c", "a", "b")), project.version)
    assert [each.uid for each in project.objects()] == [each.uid for each in opened().objects()] == ["c", "a", "b"]


def test_changes_of_different_things_merge_and_of_the_same_are_refused(opened):
    project = opened()
    base = add(project)
    project.change(VideoChange(keys=(KeyFrame(3, "cat", square(5)),)), base)
    project.change(VideoChange(objects=(values(label="lion"),)), base)  # Another page, which knows neither of the keyframe.
    with pytest.raises(ConflictError, match="frame 3"):
        project.change(VideoChange(keys=(KeyFrame(3, "cat", square(9)),)), base)
    with pytest.raises(ConflictError, match="object 1"):
        project.change(VideoChange(objects=(values(label="tiger"),)), base)
    assert (project.objects()[0].label, project.on_frame(3)[0].mask.box[0]) == ("lion", 5)
    assert project.change(VideoChange(objects=(values(label="lion"),)), base) == project.version  # Sent twice: nothing happens.


def test_a_change_that_cannot_be_made_changes_nothing(opened):
    project = opened()
    version = add(project)
    for change, error in (
        (VideoChange(keys=(KeyFrame(0, "cow", square(1)),)), NotFoundError),
        (VideoChange(objects=(values("dog"),), keys=(KeyFrame(COUNT, "dog", square(1)),)), NotFoundError),
        (VideoChange(objects=(values("dog"),), order=("dog",)), ConflictError),
        (
            VideoChange(
                objects=tuple(values(f"n{number}") for number in range(MAX_OBJECTS)),
            ),
            TooLargeError,
        ),
    ):
        with pytest.raises(error):
            project.change(change, version)
    assert (project.version, [each.uid for each in project.objects()]) == (version, ["cat"])
    assert opened().version == version


def test_a_mask_of_another_size_is_refused(opened):
    project = opened()
    add(project)
    other = Mask.from_array(np.ones((5, 5), bool))
    with pytest.raises(Exception, match=r"\[24, 32\]"):
        project.change(VideoChange(keys=(KeyFrame(1, "cat", other),)), project.version)


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_line_that_was_cut_off_is_as_if_never_written(opened, tmp_path, cut):
    project = opened()
    add(project)
    add(project, "dog", 1)
    path = tmp_path / "out" / "video.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    again = opened()
    assert [each.uid for each in again.objects()] == ["cat"]
    add(again, "cow", 2)
    assert [each.uid for each in opened().objects()] == ["cat", "cow"]


def test_a_damaged_line_is_left_aside_and_counted(opened, tmp_path):
    project = opened()
    add(project)
    project.keep_tracked(tracked(1, n1=square(3)), {1: "cat"})
    project.keep_tracked(tracked(2, n1=square(4)), {1: "cat"})
    path = tmp_path / "out" / "video.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"frame":1', b'"frame":9')
    path.write_bytes(b"".join(lines))
    again = opened()
    assert (again.damaged, again.track("cat").kind(1), again.track("cat").kind(9), again.track("cat").kind(2)) == (1, NONE, NONE, SEEN)


def test_a_full_disk_is_told_and_nothing_is_half_kept(opened, monkeypatch):
    project = opened()
    add(project)

    class Full:
        def __init__(self, file):
            self._file = file

        def write(self, content):
            self._file.write(content[:10])
            raise OSError(28, "No space left on device")

        def __getattr__(self, name):
            return getattr(self._file, name)

    journal = project._journal
    with monkeypatch.context() as patch:
        patch.setattr(journal, "_file", Full(journal._file))
        with pytest.raises(OutputError, match="No space left"):
            add(project, "dog", 1)
    assert [each.uid for each in project.objects()] == ["cat"]
    add(project, "cow", 2)
    assert [each.uid for each in opened().objects()] == ["cat", "cow"]


def test_a_file_that_is_mostly_superseded_is_written_anew(opened, tmp_path, monkeypatch):
    project = opened()
    add(project)
    project.change(VideoChange(keys=(KeyFrame(9, "cat", None),)), project.version)
    for _ in range(5):
        for frame in range(1, 8):
            project.keep_tracked(tracked(frame, n1=square(frame)), {1: "cat"})
    before, path = [seen(project, frame) for frame in range(COUNT)], tmp_path / "out" / "video.jsonl"
    large = path.stat().st_size
    monkeypatch.setattr("promptseg.studio_server.video.project.COMPACT_BYTES", 1000)
    again = opened()
    assert path.stat().st_size < large / 2
    assert [seen(again, frame) for frame in range(COUNT)] == before
    assert (again.version, again.on_frame(5)[0].mask.box[0]) == (project.version, 5)
    add(again, "dog", 1)
    assert [each.uid for each in opened().objects()] == ["cat", "dog"]


def test_runs_and_events_tell_where_an_object_was(opened):
    project = opened()
    add(project, frame=2)
    for frame, mask in ((3, square(3)), (4, square(3, score=0.1)), (5, square(3, score=0.2)), (6, square(4))):
        project.keep_tracked(tracked(frame, n1=mask), {1: "cat"})
    project.change(VideoChange(keys=(KeyFrame(7, "cat", None),)), project.version)
    track = project.track("cat")
    assert track.runs() == [(2, 4, SEEN), (4, 6, LOST), (6, 7, SEEN), (7, 8, GONE)]
    assert list(track.events()) == [(2, "added"), (4, "lost"), (6, "found"), (7, "lost")]
    assert (track.marked(), track.gone()) == ([2], [7])


def test_pages_are_told(opened):
    project, told = opened(), []
    project.events.publish = told.append
    add(project, label="cat")
    assert told == [{"type": "video", "version": 1}, {"type": "labels"}]


def test_a_folder_is_of_one_video_and_of_one_process(clip, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(other / "0.png")
    with open_video_project(clip, tmp_path / "out"), pytest.raises(FolderInUseError), open_video_project(clip, tmp_path / "out"):
        pass
    with pytest.raises(ConflictError, match="'clip'"), open_video_project(other, tmp_path / "out"):
        pass


def test_what_is_no_journal_is_refused_and_left_alone(clip, tmp_path):
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "video.jsonl"
    path.write_bytes(b"mine\nand more\n")
    with pytest.raises(InputError, match="not a journal of a video"), open_video_project(clip, tmp_path / "out"):
        pass
    assert path.read_bytes() == b"mine\nand more\n"
