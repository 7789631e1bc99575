"""Detectors and features against the own calls of transformers and timm, on tiny models with random weights."""

import json

import numpy as np
import pytest

from promptseg.results import Provenance
from promptseg.vocabulary import parse_phrases

torch = pytest.importorskip("torch", reason="models of transformers need torch")
pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("torchvision", reason="image processors of transformers need torchvision")

from PIL import Image  # noqa: E402

from promptseg.models.grounding_dino import mm_engine  # noqa: E402
from promptseg.models.grounding_dino.captions import WordPieceTokenizer, pack  # noqa: E402
from promptseg.models.grounding_dino.torch_model import TorchGrounding  # noqa: E402
from promptseg.models.patch_features import dinov2, timm_vit  # noqa: E402
from promptseg.models.phrases import PhraseSettings  # noqa: E402
from promptseg.models.pixels import normalized  # noqa: E402
from promptseg.models.transformers.omdet.model import OmDetTurbo  # noqa: E402
from promptseg.models.transformers.omdet.prompts import tasks  # noqa: E402
from promptseg.models.transformers.owlv2.detector import Owlv2Detector  # noqa: E402
from promptseg.models.transformers.owlv2.model import Owlv2  # noqa: E402
from promptseg.models.transformers.owlv2.preprocessing import preprocess  # noqa: E402

PROVENANCE = Provenance("tiny", "tests", "test 1", {"tiny": 64 * "0"}, "Apache-2.0")
CPU = torch.device("cpu")
PHRASES = ["cat", "a photo of a dog", "xylophone"]


def clip_tokenizer(folder, **settings):
    from transformers import CLIPTokenizer

    merges = [tuple(line.split()) for line in (folder / "merges.txt").read_text("utf-8").splitlines()[1:]]
    return CLIPTokenizer(vocab=json.loads((folder / "vocab.json").read_text("utf-8")), merges=merges, **settings)


def assert_close(value, expected, atol=1e-4):
    np.testing.assert_allclose(value, np.asarray(expected), atol=atol, rtol=0)


class TestOwlv2:
    @pytest.fixture(scope="class")
    @staticmethod
    def processor(saved_models):
        from transformers import Owlv2ImageProcessor, Owlv2Processor

        folder = saved_models("owlv2")[1]
        return Owlv2Processor(Owlv2ImageProcessor(size={"height": 48, "width": 48}), clip_tokenizer(folder, pad_token="!"))

    @pytest.fixture(scope="class")
    @staticmethod
    def model(saved_models):
        return Owlv2(saved_models("owlv2")[1], PROVENANCE, CPU)

    @pytest.mark.parametrize("size", [(90, 130), (40, 30), (48, 48), (300, 20), (1, 1), (49, 3)], ids=str)
    def test_the_model_input_is_that_of_the_image_processor(self, size, processor, photo):
        pixels = photo(*size)
        theirs = processor.image_processor(pixels, input_data_format="channels_last", return_tensors="np").pixel_values[0]
        assert_close(preprocess(pixels, 48), theirs, 1e-5)

    def test_boxes_scores_and_queries_are_those_of_forward(self, processor, model, saved_models, photo):
        inputs = processor(
            text=[PHRASES], images=photo(90, 130), images_kwargs={"input_data_format": "channels_last"}, text_kwargs={"max_length": 16}
        )
        tensors = {key: torch.as_tensor(np.asarray(value)) for key, value in inputs.items()}
        with torch.inference_mode():
            theirs = saved_models("owlv2")[0](**tensors)
        features = model.encode(tensors["pixel_values"][0].numpy())
        queries = model.texts(PHRASES)
        assert_close(features, theirs.image_embeds.flatten(1, 2)[0], 1e-5)
        assert_close(queries, theirs.text_embeds[0], 1e-5)
        assert_close(model.boxes(features).boxes, theirs.pred_boxes[0])
        assert_close(model.boxes(features).embeddings, theirs.class_embeds[0])
        assert_close(model.scores(features, queries), theirs.logits[0].sigmoid())

    def test_detections_are_those_of_the_processor(self, processor, model, saved_models, photo):
        pixels = photo(90, 130)
        inputs = processor(
            text=[PHRASES], images=pixels, images_kwargs={"input_data_format": "channels_last"}, text_kwargs={"max_length": 16}
        )
        with torch.inference_mode():
            outputs = saved_models("owlv2")[0](**{key: torch.as_tensor(np.asarray(value)) for key, value in inputs.items()})
        (theirs,) = processor.post_process_grounded_object_detection(
            outputs, threshold=0.0, target_sizes=[pixels.shape[:2]], text_labels=[PHRASES]
        )
        found = Owlv2Detector(model, PhraseSettings(threshold=0)).detect(pixels, PHRASES)
        # The processor gives each box its best phrase alone, and boxes in the padding, too.
        ours = {
            (label, round(score, 3), *np.round(box).tolist())
            for label, score, box in zip(found.labels, found.scores.tolist(), found.boxes, strict=True)
        }
        boxes = np.clip(theirs["boxes"].numpy(), 0, [130, 90, 130, 90])
        has_area = (boxes[:, 2:] - boxes[:, :2] > 0.1).all(axis=1)
        assert has_area.sum() > 5
        for label, score, box in zip(
            np.array(theirs["text_labels"])[has_area], theirs["scores"].numpy()[has_area], boxes[has_area], strict=True
        ):
            same = [
                each for each in ours if each[0] == label and abs(each[1] - score) < 2e-3 and np.abs(np.array(each[2:]) - box).max() < 0.6
            ]
            assert same

    def test_the_score_of_a_patch_as_a_query_is_that_of_image_guided_detection(self, model, saved_models, photo):
        theirs = saved_models("owlv2")[0]
        pixels, query_pixels = preprocess(photo(90, 130), 48), preprocess(photo(60, 50), 48)
        with torch.inference_mode():
            guided = theirs.image_guided_detection(torch.tensor(pixels)[None], torch.tensor(query_pixels)[None])
            objectness = theirs.objectness_predictor(guided.query_image_embeds.flatten(1, 2))[0]
        patch = int(objectness.argmax())  # The patch that transformers takes, whatever the box of the example is.
        query = model.boxes(model.encode(query_pixels)).embeddings[[patch]]
        features = model.encode(pixels)
        assert_close(model.scores(features, query), guided.logits[0].sigmoid())
        assert_close(model.boxes(features).boxes, guided.target_pred_boxes[0])


class TestMMGroundingDino:
    def test_logits_and_boxes_are_those_of_forward(self, saved_models, photo):
        theirs, folder = saved_models("mm_grounding")
        model = TorchGrounding(mm_engine.from_folder(folder, "tiny"), PROVENANCE, CPU)
        tokenizer = WordPieceTokenizer.from_file(folder / "vocab.txt")
        (caption,) = pack(parse_phrases(["red car", "dog|cat", "St. Bernard"]), tokenizer)
        pixels = normalized(photo(70, 110), (64, 101), Image.Resampling.BILINEAR)
        with torch.inference_mode():
            expected = theirs(pixel_values=torch.tensor(pixels)[None], input_ids=torch.tensor([caption.tokens]))
        logits, boxes = model(pixels, caption.tokens)
        assert_close(logits, expected.logits[0, :, : len(caption.tokens)])
        assert_close(boxes, expected.pred_boxes[0])
        assert np.ptp(logits) > 0.1
        assert np.ptp(boxes) > 0.1

    def test_a_caption_has_the_tokens_of_the_authors_form_of_it(self, saved_models):
        from transformers import BertTokenizer

        folder = saved_models("mm_grounding")[1]
        theirs = BertTokenizer(vocab={word: number for number, word in enumerate((folder / "vocab.txt").read_text("utf-8").split("\n"))})
        (caption,) = pack(parse_phrases(["red car", "dog"]), WordPieceTokenizer.from_file(folder / "vocab.txt"))
        assert list(caption.tokens) == theirs("red car. dog.")["input_ids"]


class TestOmDetTurbo:
    @pytest.fixture(scope="class")
    @staticmethod
    def model(saved_models):
        return OmDetTurbo(saved_models("omdet")[1], PROVENANCE, CPU)

    @pytest.mark.parametrize("phrases", [PHRASES, ["dog"], ["cat", "a cat that sits", "dog", "do"]], ids=len)
    def test_scores_and_boxes_are_those_of_forward(self, phrases, model, saved_models, photo):
        from transformers import DetrImageProcessor, OmDetTurboProcessor

        theirs, folder = saved_models("omdet")
        processor = OmDetTurboProcessor(DetrImageProcessor(size={"height": 64, "width": 64}, do_pad=False), clip_tokenizer(folder))
        inputs = processor(
            images=photo(70, 110),
            text=phrases,
            images_kwargs={"input_data_format": "channels_last", "return_tensors": "pt"},
            text_kwargs={"return_tensors": "pt", "max_length": 40},
        )
        with torch.inference_mode():
            expected = theirs(**{key: value for key, value in inputs.items() if key != "pixel_mask"})
        (task,) = tasks(parse_phrases(phrases), model.tokenize, model.most_tokens)
        scores, boxes = model(inputs["pixel_values"][0].numpy(), task)
        assert_close(scores, expected.decoder_class_logits[0].sigmoid())
        assert_close(boxes, expected.decoder_coord_logits[0])
        assert np.ptp(scores) > 0.01

    def test_the_model_input_is_that_of_the_image_processor_within_a_level_of_gray(self, model, photo):
        from transformers import DetrImageProcessor

        pixels = photo(70, 110)
        processor = DetrImageProcessor(size={"height": 64, "width": 64}, do_pad=False)
        theirs = processor(pixels, input_data_format="channels_last", return_tensors="np")["pixel_values"][0]
        assert_close(normalized(pixels, model.size, Image.Resampling.BILINEAR), theirs, 1.01 / 255 / 0.224)


class TestDinov2:
    @pytest.mark.parametrize("name", ["dinov2", "dinov2_registers"])
    @pytest.mark.parametrize("size", [(60, 90), (56, 56), (200, 10)], ids=str)
    def test_features_are_the_patches_of_the_last_hidden_state(self, name, size, saved_models, photo):
        theirs, folder = saved_models(name)
        extractor = dinov2.from_folder(folder, PROVENANCE, CPU, longest=84)
        pixels = photo(*size)
        found = extractor.features(pixels)
        rows, columns = extractor.grid(size)
        inputs = normalized(pixels, (rows * 14, columns * 14), Image.Resampling.BICUBIC)
        with torch.inference_mode():
            states = theirs(pixel_values=torch.tensor(inputs)[None]).last_hidden_state[0]
        patches = states[len(states) - rows * columns :]
        assert len(states) - len(patches) == (5 if name == "dinov2_registers" else 1)
        assert found.values.shape == (24, rows, columns)
        assert_close(found.values, patches.T.reshape(24, rows, columns))
        assert found.size == size


class TestTimm:
    @pytest.mark.parametrize("size", [(60, 90), (56, 56), (200, 10)], ids=str)
    def test_features_are_the_patches_of_forward_features(self, size, saved_models, photo):
        theirs, folder = saved_models("timm_vit")
        extractor = timm_vit.from_folder(folder, PROVENANCE, CPU, longest=96)
        pixels = photo(*size)
        found = extractor.features(pixels)
        rows, columns = extractor.grid(size)
        mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)  # Those of the folder's configuration.
        inputs = normalized(pixels, (rows * 16, columns * 16), Image.Resampling.BICUBIC, mean, std)
        with torch.inference_mode():
            tokens = theirs.forward_features(torch.tensor(inputs)[None])[0]
        assert len(tokens) == rows * columns + 1
        assert_close(found.values, tokens[1:].T.reshape(-1, rows, columns))
