"""How the server tells that it runs."""

from __future__ import annotations

import pytest

httpx = pytest.importorskip("httpx2")


@pytest.mark.parametrize("path", ["/health", "/ready", "/"])
def test_probes_may_ask_for_the_head_alone(running_server, path):
    """Load balancers and monitors often do."""
    whole, head = httpx.get(running_server.url + path), httpx.head(running_server.url + path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
