"""`Replicas`: how many replicas there are, and the options by which Ray Serve starts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._checks import whole_number
from ..errors import ConfigError

ROOM = 64
"""Number of requests that a replica takes beyond those that wait: those in work, and jobs. It refuses by itself before Ray Serve would."""

TARGET = 4.0
"""Number of requests that a replica works on at a time before another replica is started."""

ROUTER = "promptseg.server.ray_router.StickyRouter"


@dataclass(frozen=True)
class Replicas:
    """How many replicas there are, and what Ray reserves for each.

    Attributes:
        least: Number of replicas that always run.
        most: Number up to which more are started while many requests wait.
        cpus: Number of CPUs of each.
        gpus: Number of GPUs of each; may be a fraction.
    """

    least: int = 1
    most: int = 1
    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigError: A number is out of its range.
        """
        whole_number("replicas", self.least, 1)
        whole_number("the maximum of replicas", self.most, self.least)
        for name in ("cpus", "gpus"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} of a replica are at least 0, got {getattr(self, name)}")


def deployment_options(replicas: Replicas, max_waiting: int) -> dict[str, Any]:
    """Return the options of the deployment whose replicas hold so many requests each."""
    from ray.serve.config import RequestRouterConfig

    taken = max_waiting + ROOM
    number, most = replicas.least, replicas.most
    scaling = {
        "min_replicas": number,
        "max_replicas": most,
        "target_ongoing_requests": TARGET,
        "look_back_period_s": 10.0,
        "upscale_delay_s": 5.0,
        "downscale_delay_s": 600.0,
    }
    return {
        "name": "replica",
        **({"num_replicas": number} if number == most else {"autoscaling_config": scaling}),
        "ray_actor_options": {"num_cpus": replicas.cpus, "num_gpus": replicas.gpus},
        "max_ongoing_requests": taken,
        "max_queued_requests": taken * most,
        "max_constructor_retry_count": 2,
        "health_check_period_s": 2.0,
        "graceful_shutdown_timeout_s": 10.0,
        "request_router_config": RequestRouterConfig.model_validate({"request_router_class": ROUTER}),
    }
