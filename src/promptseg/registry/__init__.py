"""Registry of the available backends and models, and loading of a model by its name."""

from .builtin_backends import DEFAULT_CONCEPT_MODEL as DEFAULT_CONCEPT_MODEL
from .builtin_backends import DEFAULT_MODEL as DEFAULT_MODEL
from .catalog import backends as backends
from .catalog import find_model as find_model
from .catalog import list_models as list_models
from .choice import choose as choose
from .loading import Model as Model
from .loading import load as load
from .loading import load_concept as load_concept
from .loading import load_detector as load_detector
from .loading import load_features as load_features
from .loading import load_matting as load_matting
from .loading import load_segmenter as load_segmenter
from .loading import load_video as load_video
from .loading import tracker_of as tracker_of
from .spec import BackendSpec as BackendSpec
from .spec import Choice as Choice
from .spec import Engine as Engine
from .spec import FolderSpec as FolderSpec
from .spec import LoadRequest as LoadRequest
from .spec import ModelSpec as ModelSpec
from .weight_files import fetch as fetch
