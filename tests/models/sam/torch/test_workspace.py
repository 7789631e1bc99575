"""A workspace gives the same memory for the same name."""

import pytest

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.models.sam.torch.workspace import Workspace  # noqa: E402 - It needs torch.


def test_a_workspace_gives_the_same_memory_for_the_same_name_and_size():
    workspace, like = Workspace(), torch.zeros(1)
    first = workspace.empty("a", (2, 3), like)
    assert workspace.empty("a", (2, 3), like) is first
    assert workspace.empty("b", (2, 3), like) is not first
    assert workspace.empty("a", (3, 3), like).shape == (3, 3)
