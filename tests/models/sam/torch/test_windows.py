"""Division of a grid of tokens into windows."""

import pytest

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.models.sam.torch.windows import window_parts  # noqa: E402 - It needs torch.
from promptseg.models.sam.torch.workspace import Workspace  # noqa: E402


@pytest.mark.parametrize(("height", "width", "side"), [(16, 16, 4), (16, 20, 7), (9, 5, 6), (3, 3, 8), (8, 1, 4)])
@pytest.mark.parametrize("tokens", [1, 16, 40, 10_000])
def test_every_token_is_in_one_window(height, width, side, tokens):
    parts = window_parts((height, width), (side, side), tokens)
    seen = torch.zeros(height, width)
    for part in parts:
        assert part.tokens + part.padding == side * side
        assert part.rows * part.columns == 1 or part.rows * part.columns * part.tokens <= tokens
        seen[part.top : part.top + part.rows * part.height, part.left : part.left + part.columns * part.width] += 1
    assert seen.unique().tolist() == [1]


def test_tokens_return_to_their_places():
    grid, found = torch.randn(2, 9, 7, 3), torch.zeros(2, 9, 7, 3)
    for part in window_parts((9, 7), (4, 4), 40):
        part.scatter(part.gather(grid, Workspace()), found)
    assert torch.equal(found, grid)
