"""The client of a promptseg server, with and without ``async``. It needs the extra ``client``."""

from .async_client import AsyncClient as AsyncClient
from .client import Client as Client
from .values import ClientError as ClientError
from .values import JobInfo as JobInfo
from .values import ModelInfo as ModelInfo
from .values import RemoteImage as RemoteImage
from .values import RemoteVideo as RemoteVideo
