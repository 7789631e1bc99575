"""Alpha matting: soft borders of cutouts, by a guided filter or by a model, and the colors of the object there."""

from .foreground import foreground_colors as foreground_colors
from .guided import GuidedMatting as GuidedMatting
from .protocol import Matting as Matting
from .trimap import make_trimap as make_trimap
