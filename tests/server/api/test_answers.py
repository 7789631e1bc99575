"""The kind of answer that a client prefers, by its header Accept."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette")

from starlette.requests import Request

from promptseg.server.api.answers import JSON, PNG, POLYGONS, NotAcceptableError, kind_of


def asking(*accepted):
    return Request({"type": "http", "headers": [(b"accept", each.encode()) for each in accepted]})


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [
        ([], JSON),
        ([""], JSON),
        (["*/*"], JSON),
        (["text/html,application/xhtml+xml,*/*;q=0.8"], JSON),
        (["image/*"], PNG),
        (["IMAGE/PNG"], PNG),
        (["application/json; charset=utf-8"], JSON),
        (["application/json;q=0.1, image/png;q=0.9"], PNG),
        (["image/png, application/json"], PNG),
        (["image/png;q=0, */*"], JSON),
        (["application/json;q=0, */*"], POLYGONS),
        (["*/*, application/json;q=0.2"], POLYGONS),
        (["application/*;q=.5, image/png;q=0.4"], JSON),
        (["text/html", "image/png"], PNG),
    ],
)
def test_the_kind_with_the_highest_quality_is_answered(accepted, kind):
    assert kind_of(asking(*accepted)) == kind


@pytest.mark.parametrize("accepted", ["text/html", "image/jpeg", "*/*;q=0", "image/png;q=nan", "image/png;q=-1", "image/png;q=x"])
def test_a_client_that_accepts_none_is_refused(accepted):
    with pytest.raises(NotAcceptableError, match="the header Accept names one of application/json"):
        kind_of(asking(accepted))
