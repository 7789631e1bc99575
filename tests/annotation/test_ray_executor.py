import gc
import os
import signal

import pytest
from PIL import Image

from promptseg import Pipeline, Prompt, annotate
from promptseg.errors import BackendError, ConfigError

ray = pytest.importorskip("ray", reason="Ray is not installed")
pytest.importorskip("skimage", reason="Ray's workers need a model of the catalog without weights: superpixel needs scikit-image")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves sockets and files to its own processes.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Ray in this machine, with more logical processors than real ones: workers are small here."""
    ray.init(num_cpus=4, log_to_driver=False, include_dashboard=False, object_store_memory=200_000_000)
    yield
    ray.shutdown()
    gc.collect()  # What Ray leaves open warns here, where it may, and not in a later test.


@pytest.fixture
def folder(tmp_path, photo):
    """Eleven images and a file that is none."""
    root = tmp_path / "images"
    root.mkdir()
    for index in range(11):
        Image.fromarray(photo(90, 120, index)).save(root / f"{index:02}.png")
    (root / "bad.png").write_text("no image")
    return root


PIPELINE = Pipeline().segment("superpixel")
ASK = [Prompt.everything(3), Prompt.point(40, 40)]


def test_two_workers_make_the_same_bytes_as_one_process_also_where_one_of_them_is_killed(folder, tmp_path, monkeypatch):
    from promptseg.annotation.run_progress import RunProgress

    keep, kept = RunProgress.save, []

    def kill_one(self, record, models, thumbnail):
        kept.append(record["name"])
        if len(kept) == 3:
            workers = (actor for actor in ray._private.state.actors().values() if "MapWorker" in actor["ActorClassName"])
            os.kill(next(actor["Pid"] for actor in workers if actor["State"] == "ALIVE"), signal.SIGKILL)
        return keep(self, record, models, thumbnail)

    annotate(folder, *ASK, pipeline=PIPELINE, out=tmp_path / "local")
    monkeypatch.setattr(RunProgress, "save", kill_one)
    done = annotate(folder, *ASK, pipeline=PIPELINE, out=tmp_path / "ray", executor="ray", workers=2, batch_size=2)
    assert (done.images, done.processed, done.failures) == (12, 12, 1)
    assert (tmp_path / "ray" / "coco.json").read_bytes() == (tmp_path / "local" / "coco.json").read_bytes()
    assert len(list((tmp_path / "ray" / "gallery" / "thumbnails").rglob("*.jpg"))) == 11


def test_a_local_run_goes_on_on_ray(folder, tmp_path):
    annotate(folder, *ASK, pipeline=PIPELINE, out=tmp_path / "out", limit=10)
    done = annotate(folder, *ASK, pipeline=PIPELINE, out=tmp_path / "out", executor="ray")
    assert (done.images, done.processed) == (12, 2)


def test_two_workers_find_the_same_in_the_tiles_of_a_raster(tmp_path, photo):
    Image.fromarray(photo(250, 300)).save(tmp_path / "scene.png")
    settings = {"pipeline": PIPELINE, "tile": 128, "scale": (1, 0.5), "formats": ["geojson", "coco"]}
    asked = [*ASK, Prompt.box(60, 40, 123, 80)]  # The border of its tile cuts the object.
    annotate(tmp_path / "scene.png", *asked, out=tmp_path / "local", **settings)
    done = annotate(tmp_path / "scene.png", *asked, out=tmp_path / "ray", executor="ray", workers=2, batch_size=2, **settings)
    assert '"moved"' in (tmp_path / "ray" / "journal.jsonl").read_text()
    assert (done.images, done.failures) == (11, 0)
    assert done.objects > 3
    for name in ("objects.geojson", "coco.json"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_a_model_that_no_worker_can_load_ends_the_run_with_the_reason(folder, tmp_path):
    pipeline = Pipeline().segment("superpixel", options={"segmentss": 3})
    with pytest.raises((BackendError, ConfigError), match="segmentss"):
        annotate(folder, *ASK, pipeline=pipeline, out=tmp_path / "out", executor="ray")


def test_a_pipeline_that_is_built_is_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"before \.build\(\)"):
        annotate(folder, *ASK, pipeline=PIPELINE.build(), out=tmp_path / "out", executor="ray")
