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


def masks_loss(logits, ambiguous):
    """The loss of masks alone: scores are the right ones, so that they cost nothing."""
    right = iou(logits, TARGET.expand_as(logits), EQUAL[:, None])
    return loss(logits, right, TRUTH, EQUAL, ambiguous)


def test_the_best_candidate_for_ambiguous_prompts_counts_once_more():
    """By hand: the mean over four candidates, plus the smallest among those for ambiguous prompts."""
    logits = torch.cat([RIGHT * 0.5, RIGHT * 0.01, RIGHT * 0.1, -RIGHT], dim=1)
    each = (dice(logits, TARGET.expand_as(logits), EQUAL[:, None]) + cross_entropy(logits, TARGET.expand_as(logits), EQUAL[:, None]))[0]
    assert each.argmin() == 0  # The best of all is not for ambiguous prompts, and does not count again.
    assert each[1:].argmin() == 1
    assert masks_loss(logits, (1, 2, 3)).item() == pytest.approx((each.mean() + each[2]).item())
    assert masks_loss(logits, (3,)).item() == pytest.approx((each.mean() + each[3]).item())


def test_the_best_candidate_is_chosen_for_each_prompt_and_learns_more_than_the_others():
    first = torch.cat([RIGHT, RIGHT * 0.1, -RIGHT * 0.01, -RIGHT * 0.01], dim=1)
    second = torch.cat([RIGHT, -RIGHT * 0.01, RIGHT * 0.05, -RIGHT * 0.01], dim=1)  # Its best is worse than that of the first.
    logits = torch.cat([first, second]).requires_grad_()
    target = TARGET.expand_as(logits)
    scores = iou(logits.detach(), target, EQUAL[:, None])
    loss(logits, scores, TRUTH.repeat(2, 1), EQUAL.repeat(2, 1), (1, 2, 3)).backward()
    alone = logits.detach().clone().requires_grad_()
    (dice(alone, target, EQUAL[:, None]) + cross_entropy(alone, target, EQUAL[:, None])).mean().backward()
    times = (logits.grad / alone.grad).nanmedian(dim=2).values  # 1 for the mean over 8, and 4 more for the mean over 2 prompts.
    torch.testing.assert_close(times, torch.tensor([[1.0, 5, 1, 1], [1, 1, 5, 1]]))
