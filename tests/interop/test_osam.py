"""Pipelines in osam's registry, asked through osam's own API and its own types."""

from dataclasses import replace

import numpy as np
import pytest

from fake_pipelines import BLANK, HEIGHT, WIDTH, built, detections
from promptseg import EmbeddingCache, Prompt
from promptseg.errors import IncompatibleStagesError, InputError, PromptError
from promptseg.interop.osam import main, prompt_of, register
from promptseg.testing import FakeSegmenter

osam = pytest.importorskip("osam", reason="osam is not installed", exc_type=ImportError)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    monkeypatch.setattr(osam.apis, "registered_model_types", [*osam.apis.registered_model_types])
    monkeypatch.setattr(osam.apis, "running_model", None)


def ask(image=BLANK, model="promptseg", **prompt):
    prompt = {name: np.array(value) if name in ("points", "point_labels") else value for name, value in prompt.items()}
    request = osam.types.GenerateRequest(model=model, image=image, prompt=osam.types.Prompt(**prompt) if prompt else None)
    return osam.apis.generate(request)


def pixels(annotation):
    whole, box = np.zeros((HEIGHT, WIDTH), bool), annotation.bounding_box
    whole[box.ymin : box.ymax + 1, box.xmin : box.xmax + 1] = annotation.mask
    return whole


@pytest.mark.parametrize(
    ("points", "labels", "prompt"),
    [
        ([[20, 15]], [1], Prompt.point(20, 15)),
        ([[5, 6], [30, 21]], [2, 3], Prompt.box(5, 6, 30, 21)),
        ([[30, 21], [5, 6]], [2, 3], Prompt.box(5, 6, 30, 21)),  # labelme's boxes are drawn in any direction.
        ([[5, 6], [9, 9], [30, 21], [40, 9]], [2, 0, 3, 1], Prompt.box(5, 6, 30, 21) + Prompt.points([[9, 9], [40, 9]], [0, 1])),
    ],
)
def test_a_mask_is_that_of_the_python_call(points, labels, prompt):
    register(FakeSegmenter())
    answer = ask(points=points, point_labels=labels)
    (mask,) = FakeSegmenter().open(BLANK).segment([prompt])
    assert answer.model == "promptseg:latest"
    (annotation,) = answer.annotations
    np.testing.assert_array_equal(pixels(annotation), mask.array)
    assert annotation.score == mask.score
    assert answer.model_dump_json()  # As osam's server sends it.


def test_without_a_prompt_the_middle_is_taken_as_by_models_of_osam():
    register(FakeSegmenter())
    (mask,) = FakeSegmenter().open(BLANK).segment([Prompt.point(WIDTH / 2, HEIGHT / 2)])
    np.testing.assert_array_equal(pixels(ask().annotations[0]), mask.array)


class Encoding(FakeSegmenter):
    """A segmenter that keeps embeddings in a cache, and counts how often it encodes."""

    encoded, cache = [], None

    def with_cache(self, cache):
        kept = Encoding()
        object.__setattr__(kept, "cache", cache)
        return kept

    def open(self, image):
        if self.cache.get(image.tobytes().hex()) is None:
            self.encoded.append(image)
            self.cache.put(image.tobytes().hex(), {"features": np.zeros(4, np.float32)})
        return super().open(image)


@pytest.mark.parametrize("in_a_pipeline", [False, True])
def test_an_image_is_encoded_once_however_many_clients_show_it(in_a_pipeline):
    register(replace(built(), segmenter=Encoding()) if in_a_pipeline else Encoding())
    Encoding.encoded.clear()
    ask(points=[[20, 15]], point_labels=[1])
    osam.apis.running_model = None  # labelme makes a model of its own for each of its tools.
    ask(BLANK.copy(), points=[[30, 15]], point_labels=[1])
    assert len(Encoding.encoded) == 1
    ask(BLANK + 1, points=[[30, 15]], point_labels=[1])
    assert len(Encoding.encoded) == 2


def test_embeddings_may_be_kept_elsewhere():
    cache = EmbeddingCache()
    register(Encoding(), cache=cache)
    ask(points=[[20, 15]], point_labels=[1])
    assert cache.nbytes


class TestTexts:
    FOUND = detections(("dog", (5, 5, 20, 20), 0.9), ("dog", (6, 5, 21, 20), 0.6), ("cat", (30, 5, 50, 30), 0.8))

    def texts(self, texts, **settings):
        pipeline = built(self.FOUND, detect={"nms": None})
        register(pipeline)
        asked = {"iou_threshold": 1.0, "score_threshold": 0.0, "max_annotations": None, **settings}
        return [(each.text, round(each.score, 2)) for each in ask(texts=texts, **asked).annotations]

    def test_each_has_its_text_as_it_was_sent_best_first(self):
        assert self.texts([" cat", "dog"]) == [("dog", 0.85), (" cat", 0.76), ("dog", 0.57)]

    @pytest.mark.parametrize(
        ("setting", "left"),
        [({"score_threshold": 0.8}, 1), ({"iou_threshold": 0.5}, 2), ({"max_annotations": 1}, 1), ({"max_annotations": 0}, 0)],
    )
    def test_settings_of_the_client_are_honored(self, setting, left):
        assert len(self.texts(["cat", "dog"], **setting)) == left

    def test_without_a_detector_it_is_said(self):
        register(FakeSegmenter())
        with pytest.raises(IncompatibleStagesError, match="detector"):
            ask(texts=["dog"])


class TestRefusals:
    def test_a_box_without_area_is_refused_and_a_lenient_model_finds_nothing(self):
        register(FakeSegmenter())
        with pytest.raises(PromptError, match="box"):
            ask(points=[[5, 5], [5, 5]], point_labels=[2, 3])
        register(FakeSegmenter(), lenient=True)
        assert ask(points=[[5, 5], [5, 5]], point_labels=[2, 3]).annotations == []

    @pytest.mark.parametrize("labels", [[2, 1], [2, 3, 3]])
    def test_half_a_box_is_refused(self, labels):
        with pytest.raises(PromptError, match="labels 2 and 3"):
            prompt_of([[index, index] for index in range(len(labels))], labels)

    def test_an_embedding_in_place_of_the_image_is_refused(self):
        register(FakeSegmenter())
        with pytest.raises(InputError, match="send the image"):
            ask(None, points=[[5, 5]], point_labels=[1])

    def test_what_is_no_model_is_refused(self):
        with pytest.raises(InputError, match="mini-sam"):
            register("mini-sam")


def test_a_point_without_pixels_gives_no_annotation():
    register(FakeSegmenter())
    assert ask(points=[[20, 15]], point_labels=[0]).annotations == []


def test_reversed_channels_are_put_in_order():
    image = np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8)
    seen = []

    class Looking(FakeSegmenter):
        def open(self, image):
            seen.append(image[0, 0].tolist())
            return super().open(image)

    register(Looking(), reverse=True)
    ask(image[..., ::-1], points=[[20, 15]], point_labels=[1])
    assert seen == [[200, 100, 50]]


def test_the_registry_tells_name_license_and_that_nothing_is_to_be_pulled():
    first = register(built(detections(("dog", (5, 5, 20, 20), 0.9))), "own:large")
    assert osam.apis.get_model_type_by_name("own:large") is first
    assert (first.metadata.license_spdx, first.get_size()) == ("Apache-2.0", 0)
    assert first.get_modified_at() > 0
    assert register(FakeSegmenter(), "own:large") is osam.apis.get_model_type_by_name("own:large")
    assert [each.name for each in osam.apis.registered_model_types].count("own:large") == 1


def test_a_model_that_runs_is_replaced_by_a_new_one_of_its_name():
    register(FakeSegmenter(radius=3))
    small = ask(points=[[20, 15]], point_labels=[1])
    register(FakeSegmenter(radius=9))
    assert pixels(ask(points=[[20, 15]], point_labels=[1]).annotations[0]).sum() > pixels(small.annotations[0]).sum()


def test_osam_s_own_command_line_lists_the_model(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("promptseg.interop.pipelines.load_pipeline", lambda **options: built())
    monkeypatch.setenv("HOME", str(tmp_path))  # osam writes its log there.
    with pytest.raises(SystemExit):
        main(["--model", "mini-sam", "list"])
    assert "promptseg:latest" in capsys.readouterr().out
