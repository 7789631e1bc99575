"""The path from an image and prompts to masks, on a model whose masks are discs."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from promptseg.errors import BackendError, InputError, PromptError
from promptseg.masks import Mask
from promptseg.models.sam.cache import EmbeddingCache
from promptseg.models.sam.geometry import MASK_PROMPT_LOGIT
from promptseg.models.sam.model import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, FOREGROUND, PADDING, DecoderConfig, Embedding
from promptseg.models.sam.session import SamSegmenter, SamSession
from promptseg.prompts import Prompt

SIZE = (96, 128)  # Half the input size of `DiscSam`: a disc of radius 20 there is one of radius 10 here.


@pytest.fixture
def image(photo):
    return photo(*SIZE)


@pytest.fixture
def model(disc_sam):
    return disc_sam()


@pytest.fixture
def session(model, image):
    return SamSegmenter(model).open(image)


def disc(x, y, radius):
    # SAM reads a point as the center of a model input pixel. Here that is a quarter of an image pixel before the image pixel's center.
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.25
    return Mask.from_array(np.hypot(columns - x, rows - y) < radius)


def rectangle(x0, y0, x1, y1):
    pixels = np.zeros(SIZE, bool)
    pixels[y0:y1, x0:x1] = True
    return Mask.from_array(pixels)


class TestSegment:
    @pytest.mark.parametrize("at", [(64, 48), (20, 20), (5, 5), (127, 95), (127, 0)])
    def test_a_point_gives_the_disc_at_its_place_in_the_image(self, at, session):
        (mask,) = session.segment([Prompt.point(*at)])
        assert mask.size == SIZE
        assert mask.iou(disc(*at, 10)) > 0.95

    def test_a_box_gives_the_box(self, session):
        (mask,) = session.segment([Prompt.box(20, 10, 100, 90)])
        assert mask.iou(rectangle(20, 10, 100, 90)) > 0.97

    def test_a_box_beyond_the_image_is_cut_to_it(self, model, session):
        (mask,) = session.segment([Prompt.box(64, -50, 900, 48)])
        assert model.decoded[0][0].points.tolist() == [[[128, 0], [256, 96]]]
        assert mask.box.tolist()[1:3] == [0, 128]

    def test_a_background_point_takes_away(self, session):
        (mask,) = session.segment([Prompt.box(20, 10, 100, 90) + Prompt.point(60, 50, foreground=False)])
        assert not mask.array[50, 60]
        assert mask.array[50, 30]

    def test_the_model_gets_points_and_labels_as_its_export_does(self, model, session):
        session.segment([Prompt.point(10, 20) + Prompt.point(30, 40, foreground=False)])
        session.segment([Prompt.box(1, 2, 30, 40) + Prompt.point(10, 20)])
        (points, _), (both, _) = model.decoded
        assert points.points[0, :2].tolist() == [[20, 40], [60, 80]]
        assert points.labels.tolist() == [[FOREGROUND, BACKGROUND, PADDING]]
        assert both.points.tolist() == [[[20, 40], [2, 4], [60, 80]]]
        assert both.labels.tolist() == [[FOREGROUND, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]]

    def test_masks_come_in_the_order_of_the_prompts_for_any_lengths(self, model, session):
        centers = [(10 + 12 * i, 15 + 7 * (i % 9)) for i in range(9)]
        makers = [
            Prompt.point,
            lambda x, y: Prompt.box(x - 8, y - 8, x + 8, y + 8),
            lambda x, y: Prompt.point(x, y) + Prompt.point(x + 2, y),
            lambda x, y: Prompt.mask(disc(x, y, 6)),
            lambda x, y: Prompt.point(x, y) + Prompt.box(x - 8, y - 8, x + 8, y + 8),
        ]
        prompts = [makers[i % len(makers)](*center) for i, center in enumerate(centers)]
        masks = session.segment(prompts)
        assert [mask.prompt_index for mask in masks] == list(range(9))
        for mask, (x, y) in zip(masks, centers, strict=True):
            middle = mask.box.reshape(2, 2).mean(axis=0)
            assert mask.array[y, x]
            assert np.abs(middle - (x, y)).max() < 4
        alone = [session.segment([prompt])[0] for prompt in prompts]
        assert list(masks) == alone

    def test_prompts_of_one_length_are_decoded_together_and_no_more_than_the_model_wants(self, disc_sam, image):
        model = disc_sam(decode_batch=3)
        SamSegmenter(model).open(image).segment([Prompt.point(5 * i + 5, 20) for i in range(7)])
        assert sorted(len(prompts) for prompts, _ in model.decoded) == [1, 3, 3]

    @pytest.mark.parametrize(("workers", "count", "expected"), [(2, 3, False), (2, 4, True), (1, 9, False), (3, 6, False), (3, 9, True)])
    def test_batches_have_a_thread_each_where_there_are_as_many_as_threads(self, workers, count, expected, disc_sam, image):
        model = disc_sam(decode_batch=3, workers=workers)
        masks = SamSegmenter(model).open(image).segment([Prompt.point(5 * i + 5, 20) for i in range(count)])
        assert [mask.prompt_index for mask in masks] == list(range(count))
        assert {one_thread for _, one_thread in model.decoded} == {expected}

    def test_a_single_point_gives_the_best_of_the_three(self, model, session):
        (mask,) = session.segment([Prompt.point(64, 48)])
        assert mask.score == pytest.approx(0.93)
        assert model.asked == [[(0, 2)]]

    def test_a_prompt_that_means_one_object_gives_the_candidate_for_it(self, model, session):
        masks = session.segment([Prompt.box(20, 10, 100, 90), Prompt.points([(10, 10), (20, 10)])])
        assert masks.scores.tolist() == pytest.approx([0.95, 0.95])
        assert model.asked == [[(0, 0)], [(0, 0)]]

    def test_candidates_are_all_three_prompt_by_prompt(self, session):
        masks = session.segment([Prompt.box(20, 10, 100, 90), Prompt.point(64, 48)], candidates=True)
        assert [mask.prompt_index for mask in masks] == [0, 0, 0, 1, 1, 1]
        assert masks.scores.tolist() == pytest.approx([0.91, 0.93, 0.92] * 2)
        for mask, radius in zip(masks[3:], (5, 10, 20), strict=True):
            assert mask.iou(disc(64, 48, radius)) > 0.9

    def test_a_mask_carries_the_logits_that_it_was_made_of(self, model, session):
        (mask,) = session.segment([Prompt.point(64, 48)])
        assert mask.logits.shape == (model.low_res, model.low_res)
        prompts, _ = model.decoded[0]
        assert np.array_equal(mask.logits > 0, model.distance(prompts.points[0], prompts.labels[0], 20) > 0)

    def test_the_logits_that_a_mask_carries_are_within_the_limit_of_the_model(self, model, session):
        model.decoder_config = DecoderConfig(logit_limit=5.0)
        (mask,) = session.segment([Prompt.point(64, 48)])
        assert (mask.logits.min(), mask.logits.max()) == (-5, 5)

    def test_the_mask_does_not_depend_on_other_sessions(self, model, image, session):
        before = session.segment([Prompt.point(64, 48)])[0]
        other = SamSegmenter(model).open(image[:50, :70])
        other.segment([Prompt.point(10, 10)])
        assert other.size == (50, 70)
        assert session.size == SIZE
        assert session.segment([Prompt.point(64, 48)])[0] == before

    def test_threads_may_share_a_session(self, session):
        prompts = [Prompt.point(10 + 3 * i, 10 + 2 * i) if i % 2 else Prompt.box(i, i, i + 30, i + 20) for i in range(36)]
        expected = list(session.segment(prompts))
        masks = {}

        def work(offset):
            for index in range(offset, 36, 6):
                masks[index] = session.segment([prompts[index]])[0]

        threads = [threading.Thread(target=work, args=(offset,)) for offset in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [masks[i] for i in range(36)] == expected


class TestRefining:
    def test_the_logits_of_an_earlier_mask_reach_the_model_unchanged(self, model, session):
        (earlier,) = session.segment([Prompt.point(64, 48)])
        session.segment([Prompt.mask(earlier) + Prompt.point(64, 48)])
        prompts = model.decoded[-1][0]
        assert np.array_equal(prompts.mask_logits, earlier.logits)
        assert prompts.labels.tolist() == [[FOREGROUND, PADDING]]

    def test_an_earlier_mask_is_refined_and_not_replaced(self, session):
        (earlier,) = session.segment([Prompt.point(64, 48)])
        (refined,) = session.segment([Prompt.mask(earlier) + Prompt.box(64, 0, 128, 96)])
        right_half = Mask.from_array(earlier.array & (np.arange(128) >= 64))
        assert refined.iou(right_half) > 0.9

    def test_a_mask_alone_is_joined_by_its_own_box(self, model, session):
        session.segment([Prompt.mask(rectangle(20, 10, 60, 50))])
        assert model.decoded[0][0].labels.tolist() == [[BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]]
        assert model.decoded[0][0].points.tolist() == [[[40, 20], [120, 100]]]

    def test_logits_alone_are_joined_by_the_box_of_their_mask(self, model, session):
        (earlier,) = session.segment([Prompt.point(64, 48)])
        (again,) = session.segment([Prompt.mask(earlier.logits)])
        assert (model.decoded[-1][0].points / 2).reshape(-1).tolist() == earlier.box.tolist()
        assert again.iou(earlier) > 0.95

    def test_pixels_become_logits_of_the_model_input(self, model, session):
        session.segment([Prompt.mask(rectangle(20, 10, 60, 50))])
        logits = model.decoded[0][0].mask_logits
        assert logits.shape == (64, 64)
        assert logits[5, 10] == logits[24, 29] == MASK_PROMPT_LOGIT
        assert logits[4, 10] == logits[25, 29] == logits[63, 63] == -MASK_PROMPT_LOGIT

    def test_each_mask_prompt_is_decoded_with_its_own_mask(self, model, session):
        masks = [rectangle(10, 10, 40, 40), rectangle(60, 10, 100, 40), rectangle(30, 50, 70, 90)]
        found = session.segment([Prompt.mask(mask) for mask in masks])
        assert [len(prompts) for prompts, _ in model.decoded] == [1, 1, 1]
        assert all(one.iou(mask) > 0.9 for one, mask in zip(found, masks, strict=True))

    def test_an_empty_mask_is_refused(self, session):
        for empty in (np.zeros(SIZE, bool), np.full((64, 64), -3.0, np.float32)):
            with pytest.raises(PromptError, match="empty mask: there is nothing to refine"):
                session.segment([Prompt.mask(empty)])

    @pytest.mark.parametrize("shape", [(256, 256), (63, 64), (16, 16)])
    @pytest.mark.parametrize("extra", [None, Prompt.point(5, 5)])
    def test_logits_of_another_model_s_shape_are_refused(self, shape, extra, session):
        prompt = Prompt.mask(np.ones(shape, np.float32))
        with pytest.raises(PromptError, match=rf"have shape \(64, 64\), the mask prompt has \({shape[0]}, {shape[1]}\)"):
            session.segment([prompt if extra is None else prompt + extra])

    def test_a_mask_of_another_image_is_refused(self, model, image, session):
        earlier = SamSegmenter(model).open(image[:50]).segment([Prompt.point(10, 10)])[0]
        with pytest.raises(PromptError, match=r"of size \(50, 128\).*this image has \(96, 128\)"):
            session.segment([Prompt.mask(earlier)])
        with pytest.raises(PromptError, match=r"of size \(50, 128\)"):
            session.segment([Prompt.mask(earlier.array)])


class TestRefusals:
    @pytest.mark.parametrize("wrong", [Prompt.text("dog"), Prompt.everything(), (3, 4), None])
    def test_a_prompt_that_is_not_spatial_is_refused_with_its_index(self, wrong, session):
        with pytest.raises(PromptError, match="prompt 1 is"):
            session.segment([Prompt.point(1, 1), wrong])

    def test_no_prompts_and_a_bare_prompt_are_refused(self, session):
        with pytest.raises(PromptError, match="at least one prompt"):
            session.segment([])
        with pytest.raises(PromptError, match=r"write \[Prompt\.point\(1, 1\)\]"):
            session.segment(Prompt.point(1, 1))

    def test_nothing_is_decoded_where_one_prompt_does_not_fit(self, model, session):
        with pytest.raises(PromptError, match=r"\(500, 1\) lies outside"):
            session.segment([Prompt.point(1, 1), Prompt.point(500, 1)])
        assert model.decoded == []

    @pytest.mark.parametrize("wrong", [Prompt.point(1, 1), 32])
    def test_everything_takes_no_other_prompt(self, wrong, session):
        with pytest.raises(PromptError, match=r"everything\(\) takes Prompt\.everything\(\), got"):
            session.everything(wrong)

    def test_an_image_that_cannot_be_used_is_refused(self, model):
        with pytest.raises(InputError):
            SamSegmenter(model).open(np.zeros((0, 4, 3), np.uint8))
        assert model.encoded == []


class TestCache:
    def test_without_a_cache_an_image_is_encoded_every_time(self, model, image):
        segmenter = SamSegmenter(model)
        assert list(segmenter.open(image).timings) == ["encode"]
        assert list(segmenter.open(image).timings) == ["encode"]
        assert len(model.encoded) == 2

    def test_the_same_image_is_encoded_once(self, model, image, tmp_path):
        from PIL import Image

        Image.fromarray(image).save(tmp_path / "image.png")
        segmenter = SamSegmenter(model, EmbeddingCache())
        first = segmenter.open(image)
        others = [segmenter.open(form) for form in (image.copy(), Image.fromarray(image), tmp_path / "image.png")]
        assert len(model.encoded) == 1
        assert list(first.timings) == ["encode"]
        assert all(list(other.timings) == ["cache"] for other in others)

    def test_a_session_from_the_cache_gives_the_same_masks(self, model, image):
        segmenter = SamSegmenter(model, EmbeddingCache())
        prompts = [Prompt.point(64, 48), Prompt.box(20, 10, 100, 90)]
        first, second = segmenter.open(image), segmenter.open(image)
        assert list(first.segment(prompts)) == list(second.segment(prompts))
        assert second.size == SIZE
        assert np.array_equal(first.embedding.features["mean"], second.embedding.features["mean"])

    def test_the_rule_of_selection_stays_with_another_cache(self, model, image):
        caching = SamSegmenter(model, rule="single").with_cache(EmbeddingCache())
        (mask,) = caching.open(image).segment([Prompt.point(64, 48)])
        assert mask.score == pytest.approx(0.95)  # That of candidate 0; the best of the others has 0.93.

    def test_another_image_is_encoded(self, model, image):
        segmenter = SamSegmenter(model, EmbeddingCache())
        changed = image.copy()
        changed[0, 0, 0] ^= 1
        segmenter.open(image)
        segmenter.open(changed)
        assert len(model.encoded) == 2

    def test_two_models_of_one_weights_share_a_cache_and_those_of_other_weights_do_not(self, disc_sam, image, tmp_path):
        models = [disc_sam(weights="aa"), disc_sam(weights="aa"), disc_sam(weights="bb")]
        for model in models:
            SamSegmenter(model, EmbeddingCache(folder=tmp_path)).open(image)
        assert [len(model.encoded) for model in models] == [1, 0, 1]

    def test_a_session_segments_the_image_as_it_was(self, disc_sam, image):
        class Looking(disc_sam):
            def encode(self, images):
                self.seen = [image.copy() for image in images]
                return super().encode(images)

        model = Looking()
        session = SamSegmenter(model).open(image)
        before = image.copy()
        image[:] = 0
        session.everything(Prompt.everything(1, crop_n_layers=1))
        assert np.array_equal(session.image, before)
        assert model.seen[0].any()


def test_a_session_takes_its_image_its_embedding_and_what_the_model_keeps(model, session):
    at_first = session.image.nbytes + session.embedding.nbytes
    assert session.nbytes == at_first
    session.segment([Prompt.point(30, 30)])
    assert session.nbytes == at_first + 1000


def test_the_provenance_is_that_of_the_model(model):
    assert SamSegmenter(model).provenance is model.provenance


class TestOpenAll:
    def test_images_of_several_sizes_are_encoded_in_one_call_and_segmented_as_each_alone(self, disc_sam, photo):
        model = disc_sam()
        calls, encode = [], model.encode
        model.encode = lambda images: calls.append(len(images)) or encode(images)
        images = [photo(96, 128), photo(64, 64), photo(128, 40)]
        sessions = SamSegmenter(model).open_all(images)
        assert calls == [3]
        assert [session.size for session in sessions] == [(96, 128), (64, 64), (128, 40)]
        for session, image in zip(sessions, images, strict=True):
            (alone,) = SamSegmenter(disc_sam()).open(image).segment([Prompt.point(20, 20)])
            assert session.segment([Prompt.point(20, 20)])[0] == alone

    def test_only_images_that_are_not_cached_are_encoded(self, disc_sam, photo):
        model, (first, second) = disc_sam(), (photo(96, 128), photo(64, 64))
        segmenter = SamSegmenter(model, EmbeddingCache())
        segmenter.open(second)
        sessions = segmenter.open_all([first, second])
        assert model.encoded == [(64, 64, 3), (96, 128, 3)]
        assert [set(session.timings) for session in sessions] == [{"encode"}, {"cache"}]

    def test_images_that_are_encoded_together_share_the_time(self, disc_sam, photo, monkeypatch):
        model, clock = disc_sam(), [100.0]
        encode = model.encode

        def slow(images):
            clock[0] += 6
            return encode(images)

        model.encode = slow
        monkeypatch.setattr("promptseg.models.sam.opening.time", SimpleNamespace(perf_counter=lambda: clock[0]))
        assert [session.timings for session in SamSegmenter(model).open_all([photo(96, 128)] * 3)] == [{"encode": 2.0}] * 3

    def test_no_image_opens_nothing(self, disc_sam):
        assert SamSegmenter(disc_sam()).open_all([]) == []

    def test_an_array_that_changes_afterwards_does_not_change_its_session(self, disc_sam, photo):
        image = photo(96, 128)
        (session,) = SamSegmenter(disc_sam()).open_all([image])
        before = session.image.copy()
        image[:] = 0
        assert np.array_equal(session.image, before)


class TestThreads:
    """Several threads that open images at the same time."""

    @pytest.fixture
    def slow(self, disc_sam):
        """A model whose encoder goes on when `go` is set."""
        model = disc_sam()
        model.started, model.go, encode = threading.Event(), threading.Event(), model.encode

        def waiting(images):
            model.started.set()
            assert model.go.wait(60)
            return encode(images)

        model.encode = waiting
        return model

    @pytest.fixture
    def opened(self, slow, monkeypatch):
        """A function that runs jobs at once, lets the encoder go on when `waiting` of them wait for another, and returns their results."""
        waits = threading.Semaphore(0)

        class Told(threading.Event):
            def wait(self, timeout=None):
                waits.release()
                return super().wait(timeout)

        monkeypatch.setattr("promptseg.runtime.single_flight.threading", SimpleNamespace(Event=Told))

        def run(jobs, waiting=None):
            with ThreadPoolExecutor(8) as pool:
                futures = [pool.submit(job) for job in jobs]
                for _ in range(len(jobs) - 1 if waiting is None else waiting):
                    assert waits.acquire(timeout=60)
                slow.go.set()
                return [future.result(60) for future in futures]

        return run

    @pytest.mark.parametrize("cache", [EmbeddingCache, lambda: EmbeddingCache(memory_bytes=0)], ids=["a cache", "a cache of no bytes"])
    def test_eight_that_open_the_same_image_have_it_encoded_once(self, cache, slow, opened, image):
        segmenter = SamSegmenter(slow, cache())
        sessions = opened([lambda: segmenter.open(image.copy())] * 8)
        assert len(slow.encoded) == 1
        assert sorted(stage for session in sessions for stage in session.timings) == ["cache"] * 7 + ["encode"]
        assert len({session.segment([Prompt.point(64, 48)])[0] for session in sessions}) == 1

    def test_without_a_cache_too(self, slow, opened, image):
        segmenter = SamSegmenter(slow)
        opened([lambda: segmenter.open(image)] * 8)
        assert len(slow.encoded) == 1

    def test_segmenters_that_share_a_cache_encode_for_one_another(self, slow, opened, image):
        cache = EmbeddingCache()
        segmenters = [SamSegmenter(slow).with_cache(cache) for _ in range(8)]
        opened([lambda segmenter=segmenter: segmenter.open(image) for segmenter in segmenters])
        assert len(slow.encoded) == 1

    def test_models_of_the_same_weights_without_a_common_cache_do_not(self, slow, opened, disc_sam, image):
        other = disc_sam()
        opened([lambda: SamSegmenter(slow).open(image), lambda: SamSegmenter(other).open(image)], waiting=0)
        assert (len(slow.encoded), len(other.encoded)) == (1, 1)

    def test_eight_different_images_are_encoded_eight_times_and_at_the_same_time(self, disc_sam, photo):
        model, all_there = disc_sam(), threading.Barrier(8)
        encode = model.encode
        model.encode = lambda images: (all_there.wait(60), encode(images))[1]
        images = [np.full((96, 128, 3), value, np.uint8) for value in range(8)]
        segmenter = SamSegmenter(model, EmbeddingCache())
        with ThreadPoolExecutor(8) as pool:
            sessions = list(pool.map(segmenter.open, images))
        assert len(model.encoded) == 8
        assert [session.embedding.features["mean"][0] for session in sessions] == list(range(8))

    def test_lists_that_share_images_encode_each_once(self, slow, opened, photo):
        images = [np.full((96, 128, 3), value, np.uint8) for value in range(6)]
        segmenter = SamSegmenter(slow, EmbeddingCache())
        jobs = [lambda: segmenter.open_all(images), lambda: segmenter.open_all(images[::-1]), lambda: segmenter.open(images[3])]
        forward, backward, single = opened(jobs, waiting=0)
        assert len(slow.encoded) == 6
        assert [session.image[0, 0, 0] for session in (*forward, *backward, single)] == [0, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 0, 3]

    def test_an_encoder_that_fails_once_fails_for_one_thread(self, slow, opened, image):
        encode, failures = slow.encode, [BackendError("once")]

        def failing(images):
            embeddings = encode(images)
            if failures:
                raise failures.pop()
            return embeddings

        slow.encode = failing
        segmenter = SamSegmenter(slow, EmbeddingCache())

        def attempt():
            try:
                return segmenter.open(image)
            except BackendError as error:
                return error

        results = opened([attempt] * 8)
        assert [str(result) for result in results if isinstance(result, Exception)] == ["once"]
        assert len(slow.encoded) == 2


class TestFeatures:
    @pytest.fixture
    def session_with(self, model, image):
        """A function that returns a session whose embedding has given features."""

        def session_with(**features):
            return SamSession(SamSegmenter(model), image, Embedding(features, model.geometry(SIZE)))

        return session_with

    def test_they_are_the_array_with_the_most_channels_without_the_padding(self, session_with):
        fine, deep = np.zeros((1, 4, 32, 32), np.float32), np.ones((1, 8, 16, 16), np.float32)
        found = session_with(fine=fine, mean=np.zeros(3, np.float32), deep=deep).features()
        assert found.values.shape == (8, 12, 16)
        assert found.values.all()
        assert found.size == SIZE

    def test_an_embedding_without_a_feature_map_is_refused_with_its_shapes(self, session_with):
        session = session_with(mean=np.zeros(3, np.float32), flat=np.zeros((8, 16), np.float32))
        with pytest.raises(BackendError, match=r"model 'disc-sam' has no feature map: .*got mean \(3,\), flat \(8, 16\)"):
            session.features()

    def test_an_embedding_of_nothing_is_refused(self, session_with):
        with pytest.raises(BackendError, match=r"has no feature map: .*got nothing"):
            session_with().features()
