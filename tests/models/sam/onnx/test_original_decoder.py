"""Decoders run as they are in their files: the removed nodes and the refused inputs."""

import numpy as np
import onnx
import pytest

from promptseg.errors import PromptError, WeightsMismatchError
from promptseg.models.sam.mask_batch import Stability
from promptseg.models.sam.model import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, FOREGROUND, PADDING, PointPrompts
from promptseg.models.sam.onnx.efficient_sam import OnnxEfficientSam
from promptseg.models.sam.onnx.layouts import read_pair
from promptseg.models.sam.onnx.original_decoder import _cut
from promptseg.models.sam.onnx.sam2 import OnnxSam2
from promptseg.results import Provenance
from promptseg.runtime.onnx import Runtime

RUNTIME = Runtime("cpu", 1)
PROVENANCE = Provenance("tiny", "onnx_sam", "1")


@pytest.fixture(scope="module")
def sam2(sam2_pair):
    return OnnxSam2(read_pair(sam2_pair.iterdir()), PROVENANCE, RUNTIME)


@pytest.fixture(scope="module")
def efficient_sam(efficient_sam_pair):
    return OnnxEfficientSam(read_pair(efficient_sam_pair.iterdir()), PROVENANCE, RUNTIME)


@pytest.fixture
def variant_of(tmp_path):
    """A function that makes a pair whose decoder was changed by a function of its ``onnx.ModelProto``."""

    def make(folder, change):
        pair = read_pair(folder.iterdir())
        change(pair.graph)
        onnx.save(pair.graph, str(tmp_path / "decoder.onnx"))
        return read_pair([pair.encoder, tmp_path / "decoder.onnx"])

    return make


def prompts(points, labels, mask=None):
    return PointPrompts(np.array([points], np.float32), np.array([labels]), mask)


class TestCut:
    @pytest.mark.parametrize("layout", ["sam2_pair", "samexporter_pair", "efficient_sam_pair"])
    def test_nothing_is_left_that_clamps_or_enlarges_masks(self, layout, request):
        pair = read_pair(request.getfixturevalue(layout).iterdir())
        whole, cut = pair.graph.graph, onnx.load_from_string(_cut(pair)).graph
        assert {"Resize", "Clip"} & {node.op_type for node in whole.node}
        assert not {"Resize", "Clip"} & {node.op_type for node in cut.node}
        assert len(cut.output) == 2
        assert cut.output[0].name == "iou_predictions"
        # EfficientSAM's decoder scales points by it.
        assert ("orig_im_size" in {value.name for value in cut.input}) is (layout == "efficient_sam_pair")

    def test_clamping_is_found_behind_an_identity(self, sam2_pair, variant_of):
        def change(model):
            (clip,) = (node for node in model.graph.node if "low_res_masks" in node.output)
            clip.output[0] = "clamped"
            model.graph.node.append(onnx.helper.make_node("Identity", ["clamped"], ["low_res_masks"]))

        assert "Clip" not in {node.op_type for node in onnx.load_from_string(_cut(variant_of(sam2_pair, change))).graph.node}

    def test_a_decoder_without_predicted_ious_is_refused_with_its_outputs(self, sam2_pair, variant_of):
        def change(model):
            del model.graph.output[1]

        with pytest.raises(WeightsMismatchError, match="gives masks, low_res_masks; expected iou_predictions and masks"):
            OnnxSam2(variant_of(sam2_pair, change), PROVENANCE, RUNTIME)

    def test_a_decoder_that_gives_only_large_masks_is_refused(self, sam2_pair, variant_of):
        def change(model):
            del model.graph.output[2]

        with pytest.raises(WeightsMismatchError, match="does not decode as a decoder in layout sam2 does"):
            OnnxSam2(variant_of(sam2_pair, change), PROVENANCE, RUNTIME)


class TestSam2:
    def test_of_four_masks_the_first_is_for_prompts_that_mean_one_object(self, sam2):
        assert (sam2.decoder_config.single_mask_index, sam2.decoder_config.multimask_indices) == (0, (1, 2, 3))
        assert sam2.decoder_config.stability == Stability(0.05, 0.98)
        assert (sam2.decoder_config.pred_iou_thresh, sam2.decoder_config.logit_limit) == (0.8, 32)

    def test_the_decoder_pads_each_prompt_itself_so_that_points_of_padding_are_left_out(self, sam2, photo):
        (embedding,) = sam2.encode([photo()])
        for points, labels in (([(60, 70)], [FOREGROUND]), ([(20, 20), (90, 80)], [BOX_TOP_LEFT, BOX_BOTTOM_RIGHT])):
            expected = sam2.decode(embedding, prompts(points, labels))
            found = sam2.decode(embedding, prompts([*points, (5, 5)], [*labels, PADDING]))
            assert np.array_equal(found.all_logits, expected.all_logits)
        assert not sam2.decoder_config.pads_boxes

    def test_of_three_masks_none_is_for_one_object(self, samexporter_pair):
        model = OnnxSam2(read_pair(samexporter_pair.iterdir()), PROVENANCE, RUNTIME)
        assert (model.decoder_config.single_mask_index, model.decoder_config.multimask_indices, model.decoder_config.stability) == (
            None,
            (0, 1, 2),
            None,
        )


class TestEfficientSam:
    def test_it_proposes_three_masks_and_none_for_one_object(self, efficient_sam):
        assert (efficient_sam.decoder_config.single_mask_index, efficient_sam.decoder_config.multimask_indices) == (None, (0, 1, 2))

    def test_an_earlier_mask_is_refused(self, efficient_sam, photo):
        (embedding,) = efficient_sam.encode([photo()])
        with pytest.raises(PromptError, match="EfficientSAM takes no earlier mask: give a point, several points or a box"):
            efficient_sam.decode(embedding, prompts([(60, 70)], [FOREGROUND], np.zeros((32, 32), np.float32)))

    def test_a_background_point_is_refused(self, efficient_sam, photo):
        (embedding,) = efficient_sam.encode([photo()])
        with pytest.raises(PromptError, match="does not know background points"):
            efficient_sam.decode(embedding, prompts([(60, 70), (10, 10)], [FOREGROUND, BACKGROUND]))

    @pytest.mark.parametrize("count", [6, 7])
    def test_more_points_than_the_decoder_reads_are_refused(self, count, efficient_sam, photo):
        (embedding,) = efficient_sam.encode([photo()])
        prompt = prompts([(10 * i, 70) for i in range(count)] + [(0, 0)], [FOREGROUND] * count + [PADDING])
        if count == 6:
            assert efficient_sam.decode(embedding, prompt).scores.shape == (1, 3)
        else:
            with pytest.raises(PromptError, match="at most 6 points a prompt, the two corners of a box among them; this one has 7"):
                efficient_sam.decode(embedding, prompt)
