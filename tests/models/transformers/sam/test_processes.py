"""The SAM family of transformers in forked processes, and its refusal to be sent to another process."""

import os
import pickle

import pytest

from forks import forked
from promptseg.errors import BackendError
from promptseg.models.sam.cache import EmbeddingCache
from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),  # Python warns of what these tests are about.
]


@pytest.fixture(params=["sam", "sam_hq", "sam2", "edgetam"])
def segmenter(request, tiny_hf_sam):
    import torch

    from promptseg.backends.hf_sam import _ENGINES
    from promptseg.models.sam.torch.encoding import TorchSettings

    network, engine = _ENGINES[request.param]
    provenance = Provenance(f"tiny-{request.param}", "hf_sam", "transformers")
    return SamSegmenter(engine(network(tiny_hf_sam(request.param)), provenance, TorchSettings(torch.device("cpu"))), EmbeddingCache())


def test_a_model_and_its_session_answer_after_a_fork_as_before(segmenter, photo):
    prompts, session = [Prompt.point(30, 20), Prompt.box(5, 5, 40, 40)], segmenter.open(photo(60, 80))
    for call in (
        lambda: [mask.counts for mask in session.segment(prompts)],
        lambda: [mask.counts for mask in session.everything(Prompt.everything(points_per_side=4))],
        lambda: [mask.counts for mask in segmenter.open(photo(60, 80)).segment(prompts)],  # It is in the cache.
        lambda: [mask.counts for mask in segmenter.with_cache(None).open(photo(50, 50)).segment(prompts[:1])],
    ):
        before = call()
        assert forked(call) == before
    assert any(mask.area for mask in session.segment(prompts))
    assert forked(lambda: forked(lambda: session.segment(prompts)[0].counts)) == session.segment(prompts)[0].counts


def test_it_cannot_be_sent_to_another_process(segmenter):
    with pytest.raises(BackendError, match="load it in each process"):
        pickle.dumps(segmenter)
