"""What a decoder is trained by."""

import pytest

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")

from promptseg.finetune.losses import dice, iou, loss  # noqa: E402 - It needs torch.

TRUTH = torch.zeros(1, 8, 8)
TRUTH[0, 2:6, 2:6] = 1
RIGHT = (TRUTH * 2 - 1)[:, None] * 20


def test_a_perfect_mask_has_no_dice_loss_and_an_opposite_one_nearly_all():
    assert dice(RIGHT, TRUTH[:, None]).item() == pytest.approx(0, abs=1e-6)
    assert dice(-RIGHT, TRUTH[:, None]).item() == pytest.approx(1 - 1 / 65, abs=1e-4)


def test_iou_counts_pixels():
    found = torch.full((1, 1, 8, 8), -1.0)
    found[..., 2:6, 4:8] = 1
    assert iou(found, TRUTH[:, None]).item() == pytest.approx(8 / 24)
    assert iou(-RIGHT.abs(), torch.zeros(1, 1, 8, 8)).item() == 1
    assert iou(RIGHT, torch.zeros(1, 1, 8, 8)).item() == 0


def test_a_perfect_answer_whose_score_is_known_to_be_perfect_costs_nothing():
    assert loss(RIGHT.repeat(1, 4, 1, 1), torch.ones(1, 4), TRUTH, (1, 2, 3)).item() == pytest.approx(0, abs=1e-6)


def test_masks_learn_from_masks_and_scores_from_the_iou_of_the_masks():
    logits, scores = RIGHT.repeat(1, 4, 1, 1).requires_grad_(), torch.full((1, 4), 0.25, requires_grad=True)
    loss(logits, scores, TRUTH, (1, 2, 3)).backward()
    assert scores.grad.flatten().tolist() == pytest.approx([-2 * 0.75 / 4] * 4)
    assert logits.grad.abs().max() < 1e-3


def test_the_best_candidate_for_ambiguous_prompts_counts_once_more():
    logits = torch.cat([RIGHT, RIGHT, -RIGHT, -RIGHT], dim=1)
    logits[:, 1] *= 0.01
    logits.requires_grad_()
    loss(logits, torch.zeros(1, 4), TRUTH, (1, 2, 3)).backward()
    alone = logits[:, 1:2].detach().repeat(1, 4, 1, 1).requires_grad_()
    loss(alone, torch.zeros(1, 4), TRUTH, (1,)).backward()
    torch.testing.assert_close(logits.grad[:, 1], alone.grad[:, 1])
    assert logits.grad[:, 2].abs().sum() > 0
