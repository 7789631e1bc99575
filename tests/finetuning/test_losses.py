"""Losses of the mask decoder."""

import pytest

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")

from promptseg.finetuning.losses import cross_entropy, dice, iou, loss  # noqa: E402 - It needs torch.

TRUTH = torch.zeros(1, 64)
TRUTH[0, 20:36] = 1
RIGHT = (TRUTH * 2 - 1)[:, None] * 20
EQUAL = torch.ones(1, 64)
TARGET = TRUTH[:, None]


def test_a_perfect_mask_has_no_dice_loss_and_an_opposite_one_nearly_all():
    assert dice(RIGHT, TARGET, EQUAL[:, None]).item() == pytest.approx(0, abs=1e-6)
    assert dice(-RIGHT, TARGET, EQUAL[:, None]).item() == pytest.approx(1 - 1 / 65, abs=1e-4)


def test_iou_counts_pixels():
    found = torch.full((1, 1, 64), -1.0)
    found[..., 28:44] = 1
    assert iou(found, TARGET, EQUAL[:, None]).item() == pytest.approx(8 / 24)
    assert iou(-RIGHT.abs(), torch.zeros(1, 1, 64), EQUAL[:, None]).item() == 1
    assert iou(RIGHT, torch.zeros(1, 1, 64), EQUAL[:, None]).item() == 0


def test_a_perfect_answer_whose_score_is_known_to_be_perfect_costs_nothing():
    assert loss(RIGHT.repeat(1, 4, 1), torch.ones(1, 4), TRUTH, EQUAL, (1, 2, 3)).item() == pytest.approx(0, abs=1e-6)


def test_a_weight_of_two_is_the_same_logit_twice_and_none_leaves_it_out():
    random = torch.Generator().manual_seed(0)
    logits, truth = torch.randn(2, 3, 20, generator=random), torch.rand(2, 20, generator=random)
    weights = torch.randint(0, 3, (2, 20), generator=random).float()
    weights[:, :2] = torch.tensor([0.0, 2.0])
    for row in range(2):
        times = weights[row].long()
        many, many_true = logits[row : row + 1].repeat_interleave(times, 2), truth[row : row + 1].repeat_interleave(times, 1)
        ones = torch.ones_like(many_true)
        for measure in (dice, iou, cross_entropy):
            found = measure(logits[row : row + 1], truth[row : row + 1, None].expand(-1, 3, -1), weights[row : row + 1, None])
            torch.testing.assert_close(found, measure(many, many_true[:, None].expand(-1, 3, -1), ones[:, None]))


def test_masks_learn_from_masks_and_scores_from_the_iou_of_the_masks():
    logits, scores = RIGHT.repeat(1, 4, 1).requires_grad_(), torch.full((1, 4), 0.25, requires_grad=True)
    loss(logits, scores, TRUTH, EQUAL, (1, 2, 3)).backward()
    assert scores.grad.flatten().tolist() == pytest.approx([-2 * 0.75 / 4] * 4)
    assert logits.grad.abs().max() < 1e-3


def test_the_best_candidate_for_ambiguous_prompts_counts_once_more():
    logits = torch.cat([RIGHT, RIGHT, -RIGHT, -RIGHT], dim=1)
    logits[:, 1] *= 0.01
    logits.requires_grad_()
    loss(logits, torch.zeros(1, 4), TRUTH, EQUAL, (1, 2, 3)).backward()
    alone = logits[:, 1:2].detach().repeat(1, 4, 1).requires_grad_()
    loss(alone, torch.zeros(1, 4), TRUTH, EQUAL, (1,)).backward()
    torch.testing.assert_close(logits.grad[:, 1], alone.grad[:, 1])
    assert logits.grad[:, 2].abs().sum() > 0
