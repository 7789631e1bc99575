"""`StickyRouter`: requests of Ray Serve go to the replica that has their image or video open.

Each replica draws a number for a key, and the lowest one wins (rendezvous hashing). A replica that joins takes no more keys than its share,
and those of one that leaves go to the others. Nothing is remembered, and so nothing can be out of date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ray.serve.request_router import PendingRequest, RequestRouter, RunningReplica


class StickyRouter(RequestRouter):
    """Router that tries the replicas in the order of `ranked`, by the session id of a request."""

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """Return the replicas one by one: the second is asked only if the first takes no more."""
        if pending_request is None:
            return [candidate_replicas]
        pending_request.routing_context.should_backoff = True
        replicas = {replica.replica_id.unique_id: replica for replica in candidate_replicas}
        return [[replicas[name]] for name in ranked(pending_request.metadata.session_id, list(replicas))]

    def initialize_state(self, **kwargs: Any) -> None:
        """Take the arguments of the configuration, of which there are none."""


def session_id(key: str, replica: str = "") -> str:
    """Return the session id for a key.

    Args:
        key: What the request is about.
        replica: The replica that has it; empty for the one that `ranked` names first.
    """
    return f"{replica}@{key}"


def ranked(session: str, replicas: Sequence[str]) -> list[str]:
    """Return the names of replicas in the order in which they are tried for a session id."""
    first, _, key = session.partition("@")
    return sorted(replicas, key=lambda name: (name != first, hashlib.blake2b(f"{name}@{key}".encode(), digest_size=8).digest()))
