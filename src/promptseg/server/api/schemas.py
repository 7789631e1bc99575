"""Bodies and answers of the API."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from .bodies import FORM

Number = Annotated[float, Field(allow_inf_nan=False)]
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]
Corners = Annotated[list[Number], Field(min_length=4, max_length=4, description="x0, y0, x1, y1 in pixels, half-open.")]
ImageId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def _by_key(told: str, **forms: str) -> Discriminator:
    """Return what chooses a form by a key that only it has, so that a mistake in one form is not told as a mistake in all."""

    def form_of(given: Any) -> str | None:
        keys = given if isinstance(given, dict) else given.model_fields_set if isinstance(given, BaseModel) else ()  # Read, or written.
        found = [form for key, form in forms.items() if key in keys]
        return FORM + found[0] if found else None

    return Discriminator(form_of, "form", told)


class Body(BaseModel):
    """Base of what clients send: nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ById(Body):
    """An image that was sent before."""

    id: ImageId


class ByData(Body):
    """The file of an image in base64, also as a `data:` address."""

    data: str


class ByPath(Body):
    """An image file below a folder that the server allows."""

    path: Annotated[str, Field(max_length=4096)]


class ByUrl(Body):
    """The address of an image on a host that the server allows."""

    url: Annotated[str, Field(max_length=4096)]


ImageRef = Annotated[
    Union[
        Annotated[ById, Tag(FORM + "id")],
        Annotated[ByData, Tag(FORM + "data")],
        Annotated[ByPath, Tag(FORM + "path")],
        Annotated[ByUrl, Tag(FORM + "url")],
    ],
    _by_key("an image is an object with id, data, path or url", id="id", data="data", path="path", url="url"),
]


class RunLengths(Body):
    """A mask as COCO RLE."""

    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2, description="Height and width.")]
    counts: Union[str, list[int]]


class SpatialIn(Body):
    """Points, a box and an earlier mask that together describe one object. Coordinates are pixels; (0, 0) is the center of the first."""

    points: Annotated[list[Pair], Field(min_length=1, max_length=4096)] | None = None
    foreground: list[bool] | None = Field(None, description="Whether each point is on the object. Default: all are.")
    box: Corners | None = None
    mask: RunLengths | None = None


class TextIn(Body):
    """Phrases that name what to find."""

    text: Annotated[list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(min_length=1, max_length=1000)]


class ExampleIn(Body):
    """An object that a concept is like, or unlike."""

    prompt: SpatialIn
    positive: bool = True
    image: ImageRef | None = Field(None, description="The image of the example. Default: the one that is searched.")


class ConceptValues(Body):
    """A phrase, examples, or both."""

    phrase: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    label: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    examples: Annotated[list[ExampleIn], Field(max_length=256)] = []


class ConceptIn(Body):
    """Every instance of what a phrase or examples describe."""

    concept: ConceptValues


class EverythingValues(Body):
    """Settings of everything mode."""

    points_per_side: Annotated[int, Field(ge=1, le=128)] = 32
    pred_iou_thresh: Annotated[Number, Field(ge=0, le=1)] | None = None
    stability_score_thresh: Annotated[Number, Field(ge=0, le=1)] = 0.95
    box_nms_thresh: Annotated[Number, Field(ge=0, le=1)] = 0.7
    crop_n_layers: Annotated[int, Field(ge=0, le=2)] = 0
    min_mask_region_area: Annotated[int, Field(ge=0, le=100_000_000)] = 0


class EverythingIn(Body):
    """Every object of the image."""

    everything: EverythingValues


PromptIn = Annotated[
    Union[
        Annotated[SpatialIn, Tag(FORM + "spatial")],
        Annotated[TextIn, Tag(FORM + "text")],
        Annotated[ConceptIn, Tag(FORM + "concept")],
        Annotated[EverythingIn, Tag(FORM + "everything")],
    ],
    _by_key(
        "a prompt is an object with points, a box or a mask; or with text, a concept, or everything",
        text="text",
        concept="concept",
        everything="everything",
        points="spatial",
        box="spatial",
        mask="spatial",
    ),
]


class SegmentIn(Body):
    """An image and what to segment in it."""

    image: ImageRef
    prompts: list[PromptIn] = Field(
        [], description="Each spatial prompt gives one mask. Without any prompt, the detector finds its classes."
    )
    model: Annotated[str, Field(max_length=200)] | None = Field(None, description="Name of a model. Default: the first.")
    candidates: bool = Field(False, description="Return all masks that the model proposes for a spatial prompt.")


class EncodeIn(Body):
    """The model that is to encode an image."""

    model: Annotated[str, Field(max_length=200)] | None = None


class OpenVideoIn(Body):
    """A video file, or a folder of frames, below a folder that the server allows."""

    path: Annotated[str, Field(max_length=4096)]
    model: Annotated[str, Field(max_length=200)] | None = None


class VideoPromptIn(Body):
    """A prompt for an object on a frame."""

    frame: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    object: Annotated[int, Field(ge=0, le=10_000_000)] = 1
    prompt: SpatialIn


class PropagateIn(Body):
    """Which frames to track: from `start` to before `stop`, or backward."""

    start: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    stop: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    reverse: bool = False


class AnnotateIn(Body):
    """A folder of images to annotate as a dataset. The same call goes on with a run that was stopped."""

    folder: Annotated[str, Field(max_length=4096, description="A folder that the server allows to read.")]
    out: Annotated[str, Field(min_length=1, max_length=4096, description="A folder below one that the server allows to write.")]
    prompts: list[PromptIn] = []
    formats: Annotated[list[Annotated[str, Field(max_length=50)]], Field(min_length=1, max_length=20)] = ["coco"]
    model: Annotated[str, Field(max_length=200)] | None = None


class ImageOut(BaseModel):
    """An image that the server keeps."""

    id: str
    width: int
    height: int
    format: str
    bytes: int


class MaskOut(BaseModel):
    """A mask. With polygons, `segmentation` is a list of parts, each a list of rings: the outline, then the holes."""

    segmentation: Union[RunLengths, list[list[list[Pair]]]]
    area: int
    box: list[float]
    score: float | None
    label: str | None
    prompt_index: int | None = None
    detection_index: int | None = None
    from_box: bool = False
    score_kind: str | None = None
    predicted_iou: float | None = None


class SizeOut(BaseModel):
    """The size of an image in pixels."""

    height: int
    width: int


class ResultOut(BaseModel):
    """Masks of an image, as `promptseg.Result.to_dict` gives them."""

    image: str = Field(description="Id of the image.")
    model: str
    size: SizeOut
    masks: list[MaskOut]
    phrases: list[dict[str, Any]] = []
    timings: dict[str, float] = {}
    provenance: list[dict[str, Any]] = []


class ModelOut(BaseModel):
    """A model that the server offers."""

    name: str
    accepts: list[str]
    classes: list[str]
    detects: bool
    stages: list[dict[str, Any]] = Field(description="The models of its stages: name, backend, device, license.")


class ModelsOut(BaseModel):
    """The models that the server offers. The first is the default."""

    models: list[ModelOut]


class ProgressOut(BaseModel):
    """How far a job is."""

    stage: str
    done: int
    total: int
    unit: str
    failed: int


class JobOut(BaseModel):
    """A job."""

    id: str
    kind: str
    state: Literal["running", "done", "failed", "cancelled"]
    progress: ProgressOut | None
    error: str | None
    created: float


class JobsOut(BaseModel):
    """The jobs of the server."""

    jobs: list[JobOut]


class HealthOut(BaseModel):
    """Whether the server runs."""

    status: str
    version: str


class VideoOut(BaseModel):
    """An open video."""

    id: str
    model: str
    width: int
    height: int
    frames: int | None = Field(description="As its file states it, which may be wrong.")
    fps: float | None
    objects: list[int]
    masked_frames: int
    busy: bool = Field(description="Whether a job tracks it now.")


class VideosOut(BaseModel):
    """The open videos."""

    videos: list[VideoOut]


class ObjectMaskOut(MaskOut):
    """The mask of an object on a frame. It is empty where the object cannot be seen."""

    object: int


class FrameOut(BaseModel):
    """The masks of a frame."""

    frame: int
    time: float | None
    objects: list[ObjectMaskOut]


class FramesOut(BaseModel):
    """The masks of some frames."""

    frames: list[FrameOut]


class AnnotationOut(BaseModel):
    """What a run of annotation has done."""

    images: int
    objects: int
    classes: dict[str, int]
    failed: dict[str, str] = Field(description="Reasons by image.")
    stopped: bool


class ProblemOut(BaseModel):
    """A problem (RFC 9457)."""

    type: str
    status: int
    title: str
    detail: str
    request_id: str
