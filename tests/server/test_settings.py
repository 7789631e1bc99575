"""What a server is allowed to be told: tokens that clients can send."""

from __future__ import annotations

import pytest

from promptseg.errors import ConfigError
from promptseg.server.settings import ServerSettings


@pytest.mark.parametrize(
    "token", ["a-token-of-sixteen ", "a token of sixteen", "ein-Schlüssel-mit-ü", "a-token-of-sixteen\n", "a-token\0-of-sixteen"]
)
def test_a_token_that_no_header_can_hold_is_refused_without_being_shown(token):
    with pytest.raises(ConfigError, match="letters, digits and signs of ASCII, without spaces") as caught:
        ServerSettings(token=token)
    assert token not in str(caught.value)


def test_a_token_is_made_for_another_host_alone():
    assert ServerSettings().token is None
    assert len(ServerSettings(host="0.0.0.0").token) >= 16
