"""The requests of the client as values, and what is made of their answers. Nothing here reads or writes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from .._prompt_values import prompt_to_dict
from .._result_values import mask_from_dict, result_from_dict
from ..errors import ConfigError, InputError, shown
from ..masks import Mask, Masks
from ..prompts import Concept, Prompt, SpatialPrompt
from ..results import FrameMasks, Result
from .values import (
    ClientError,
    JobInfo,
    ModelInfo,
    RemoteImage,
    RemoteVideo,
    job_info,
    model_info,
    remote_image,
    remote_video,
)

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Call(Generic[_Value]):
    """A request and how to read its answer.

    Attributes:
        method: HTTP method.
        path: Path below the address of the server.
        read: Makes the value of the content of the answer.
        body: Body, as values for JSON or as bytes; None for none.
        headers: Headers.
    """

    method: str
    path: str
    read: Callable[[bytes], _Value]
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def list_models() -> Call[list[ModelInfo]]:
    """Return the request for the models."""
    return Call("GET", "/v1/models", lambda content: [model_info(each) for each in _values(content)["models"]])


def send_image(content: bytes) -> Call[RemoteImage]:
    """Return the request that sends an image."""
    return Call("POST", "/v1/images", lambda answer: remote_image(_values(answer)), content, {"Content-Type": "application/octet-stream"})


def encode(image: RemoteImage, model: str | None) -> Call[None]:
    """Return the request that encodes an image ahead."""
    return Call("POST", f"/v1/images/{image.id}/encode", _nothing, {"model": model})


def segment(image: RemoteImage, prompts: Sequence[Prompt], model: str | None, candidates: bool) -> Call[Result]:
    """Return the request that segments."""
    return Call("POST", "/v1/segment", _result, _asked(image, prompts, model, candidates))


def start_segment(image: RemoteImage, prompts: Sequence[Prompt], model: str | None, candidates: bool) -> Call[JobInfo]:
    """Return the request that starts to segment as a job."""
    return Call("POST", "/v1/jobs", _job, _asked(image, prompts, model, candidates))


def start_annotation(folder: str, out: str, prompts: Sequence[Prompt], formats: Sequence[str], model: str | None) -> Call[JobInfo]:
    """Return the request that starts to annotate a folder of the server."""
    body = {"folder": folder, "out": out, "prompts": [prompt_values(each) for each in prompts], "formats": list(formats), "model": model}
    return Call("POST", "/v1/jobs/annotate", _job, body)


def show_job(job: str) -> Call[JobInfo]:
    """Return the request that asks how far a job is."""
    return Call("GET", f"/v1/jobs/{job}", _job)


def cancel_job(job: str) -> Call[JobInfo]:
    """Return the request that cancels a job."""
    return Call("DELETE", f"/v1/jobs/{job}", _job)


def job_result(job: str) -> Call[Result]:
    """Return the request for the masks of a job."""
    return Call("GET", f"/v1/jobs/{job}/result", _result)


def job_summary(job: str) -> Call[dict[str, Any]]:
    """Return the request for the summary of an annotation."""
    return Call("GET", f"/v1/jobs/{job}/result", _values)


def watch_job(job: str) -> Call[None]:
    """Return the request for the events of a job."""
    return Call("GET", f"/v1/jobs/{job}/events", _nothing, headers={"Accept": "text/event-stream"})


def event_of(line: str) -> JobInfo | None:
    """Return the job that a line of server-sent events tells, or None if it tells none."""
    return _job(line[5:].strip().encode()) if line.startswith("data:") else None


def check_done(job: JobInfo | None) -> None:
    """Check that a job that was watched to its end has done its work.

    Raises:
        ClientError: It has failed, was cancelled, or the connection ended before it.
    """
    if job is None or job.state == "running":
        raise ClientError("the connection ended before the job: ask how far it is")
    if job.state != "done":
        raise ClientError(f"the job is {job.state}" + (f": {job.error}" if job.error else ""))


def send_video(content: bytes, model: str | None) -> Call[RemoteVideo]:
    """Return the request that sends a video."""
    path = "/v1/videos" if model is None else f"/v1/videos?model={_quoted(model)}"
    return Call("POST", path, lambda answer: remote_video(_values(answer)), content, {"Content-Type": "application/octet-stream"})


def open_video(path: str, model: str | None) -> Call[RemoteVideo]:
    """Return the request that opens a video of the server."""
    return Call("POST", "/v1/videos", lambda answer: remote_video(_values(answer)), {"path": path, "model": model})


def prompt_video(video: RemoteVideo, frame: int, number: int, prompt: Prompt) -> Call[Mask]:
    """Return the request that prompts an object on a frame."""
    body = {"frame": frame, "object": number, "prompt": prompt_values(prompt)}
    return Call("POST", f"/v1/videos/{video.id}/prompts", lambda content: mask_from_dict(_values(content), video.size), body)


def remove_object(video: RemoteVideo, number: int) -> Call[None]:
    """Return the request that forgets an object."""
    return Call("DELETE", f"/v1/videos/{video.id}/objects/{number}", _nothing)


def propagate(video: RemoteVideo, start: int, stop: int | None, reverse: bool) -> Call[JobInfo]:
    """Return the request that starts to track."""
    return Call("POST", f"/v1/videos/{video.id}/propagate", _job, {"start": start, "stop": stop, "reverse": reverse})


def video_masks(video: RemoteVideo, start: int, stop: int | None) -> Call[list[FrameMasks]]:
    """Return the request for the masks of frames."""
    query = f"?start={start}" + ("" if stop is None else f"&stop={stop}")
    return Call("GET", f"/v1/videos/{video.id}/masks{query}", lambda content: [_frame(each, video) for each in _values(content)["frames"]])


def export_video(video: RemoteVideo) -> Call[bytes]:
    """Return the request for the files of a tracked video."""
    return Call("GET", f"/v1/videos/{video.id}/export", bytes)


def close_video(video: RemoteVideo) -> Call[None]:
    """Return the request that closes a video."""
    return Call("DELETE", f"/v1/videos/{video.id}", _nothing)


def prompt_values(prompt: Prompt) -> dict[str, Any]:
    """Return a prompt as the server takes it. Images of examples are sent within.

    Raises:
        ConfigError: The prompt has logits, which are not sent: use the mask instead.
    """
    if isinstance(prompt, Concept):
        examples = [
            {"prompt": prompt_values(each.prompt), "positive": each.positive, "image": _inline(each.image)} for each in prompt.examples
        ]
        return {"concept": {"phrase": prompt.phrase, "label": prompt.name, "examples": examples}}
    if isinstance(prompt, SpatialPrompt) and prompt.logits is not None:
        raise ConfigError("logits are not sent to a server: prompt with Prompt.mask(mask.array), or points and the box of the mask")
    values = prompt_to_dict(prompt)
    values.pop("image_size", None)
    if "everything" in values:
        values["everything"] = {name: value for name, value in values["everything"].items() if name in SENT_SETTINGS}
    return values


def failure(status: int, content: bytes, headers: Any) -> ClientError:
    """Return an answer that is no success as an error."""
    try:
        told = json.loads(content)
        message = f"{told['title']}: {told['detail']}"
    except (ValueError, KeyError, TypeError):
        message = f"the server answered with status {status}: {shown(content[:200])}"
    after = headers.get("retry-after", "")
    return ClientError(message, status, float(after) if after.isdecimal() else None, headers.get("x-request-id"))


def _asked(image: RemoteImage, prompts: Sequence[Prompt], model: str | None, candidates: bool) -> dict[str, Any]:
    given = [prompt_values(each) for each in prompts]
    return {"image": {"id": image.id}, "prompts": given, "model": model, "candidates": candidates}


def _inline(image: Any) -> dict[str, str] | None:
    if image is None:
        return None
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return {"data": base64.b64encode(file.getvalue()).decode("ascii")}


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _values(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise ClientError(f"the server answered with something that is not JSON: {shown(content[:200])}") from error


def _result(content: bytes) -> Result:
    try:
        return result_from_dict(_values(content))
    except InputError as error:
        raise ClientError(f"the server answered with something that is not a result: {error}") from error


def _frame(values: Any, video: RemoteVideo) -> FrameMasks:
    numbers = tuple(int(each["object"]) for each in values["objects"])
    masks = Masks([mask_from_dict(each, video.size) for each in values["objects"]], video.size)
    return FrameMasks(values["frame"], numbers, masks, values["time"])


def _job(content: bytes) -> JobInfo:
    return job_info(_values(content))


def _nothing(_: bytes) -> None:
    return None


SENT_SETTINGS = (
    "points_per_side",
    "pred_iou_thresh",
    "stability_score_thresh",
    "box_nms_thresh",
    "crop_n_layers",
    "min_mask_region_area",
)
"""Settings of everything mode that a server takes."""
