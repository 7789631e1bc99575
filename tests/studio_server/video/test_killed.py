"""A tracker that is killed at any moment: what it said to be kept is there, and the next one goes on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask
from promptseg.studio_server.video.changes import KeyFrame, VideoChange
from promptseg.studio_server.video.objects import NONE, SEEN
from promptseg.studio_server.video.project import open_video_project

TRACKER = Path(__file__).with_name("killed_tracking.py")


@pytest.fixture
def clip(tmp_path):
    (tmp_path / "clip").mkdir()
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(tmp_path / "clip" / "0.png")
    return tmp_path / "clip"


def test_no_frame_that_was_kept_is_lost(clip, tmp_path):
    values = {"uid": "cat", "label": "cat", "color": None, "hidden": False, "locked": False, "attributes": {}}
    with open_video_project(clip, tmp_path / "out") as project:
        whole = Mask.from_array(np.ones((24, 32), bool))
        project.change(VideoChange(objects=(values,), keys=(KeyFrame(0, "cat", whole),)), 0)
    for frames in (3, 40):
        told = []
        with subprocess.Popen([sys.executable, TRACKER, clip, tmp_path / "out"], stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                told.append(int(line))
                if len(told) == frames:
                    process.kill()
        with open_video_project(clip, tmp_path / "out") as project:
            track = project.track("cat")
            assert all(track.kind(frame) == SEEN for frame in told)
            assert track.kind(told[-1] + 100) == NONE
            assert project.damaged == 0
            assert [each.label for each in project.objects()] == ["cat"]
