"""What tests of the export share: layouts of tiny models, and running a graph."""

import pytest


@pytest.fixture(scope="session")
def tiny_layout(tiny_sam):
    """Makes the layout of a tiny SAM: ``tiny_layout(seed)``."""

    def make(seed=0):
        from promptseg.export.sam import SamLayout

        return SamLayout(tiny_sam(seed))

    return make


@pytest.fixture(scope="session")
def tiny_sam2():
    """A tiny SAM 2 of the package's own code with random weights: 128 pixels, the decoder at its full width."""
    torch = pytest.importorskip("torch", reason="SAM 2's own code needs torch")
    pytest.importorskip("sam2", reason="SAM 2's own code is not installed")
    from promptseg.export.sam2 import build

    trunk = {"embed_dim": 16, "num_heads": 1, "stages": [1, 1, 2, 1], "global_att_blocks": [3]}
    sam = build(
        "configs/sam2.1/sam2.1_hiera_t.yaml",
        image_size=128,
        image_encoder__neck__backbone_channel_list=[128, 64, 32, 16],
        **{f"image_encoder__trunk__{name}": value for name, value in trunk.items()},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for parameter in sam.parameters():  # Biases, norms and position tables begin as zeros and ones, which hide mistakes.
            parameter += 0.05 * torch.randn_like(parameter)
    return sam


@pytest.fixture
def run_graph():
    """Runs a graph: ``run_graph(path, input=array)`` is its outputs by name."""
    import onnxruntime

    def run(path, **inputs):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs), strict=True))

    return run
