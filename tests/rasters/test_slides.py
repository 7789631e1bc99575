"""Slides as scanners write them: their sizes, their colors and the sizes of their pixels."""

import json
import warnings

import cv2
import numpy as np
import pytest

import promptseg as ps
from promptseg.errors import InputError
from promptseg.rasters.window import Window
from slides import NEEDS_CODECS, TILE, reduced, tissue, write_svs

tifffile = pytest.importorskip("tifffile", reason="slides need tifffile")
imagecodecs = pytest.importorskip("imagecodecs", reason=NEEDS_CODECS)

PIXELS = tissue()
WHOLE = Window(0, 0, *PIXELS.shape[:2])


def distance(pixels, others):
    """The mean difference of two images, in gray values."""
    return np.abs(pixels.astype(float) - others).mean()


class TestAperio:
    @pytest.mark.parametrize(
        "codec",
        [
            {"subsampling": (2, 2)},
            {"subsampling": (1, 1)},
            {"compressionargs": {"level": 95, "outcolorspace": "RGB"}, "subsampling": (1, 1)},
            {"compression": "aperio_jp2000_rgb", "compressionargs": {"level": 0}},
            {"compression": "jpeg2000", "compressionargs": {"level": 0}},
            {"compression": "lzw", "compressionargs": {}},
        ],
        ids=str,
    )
    def test_it_opens_with_its_sizes_and_its_colors(self, codec, tmp_path):
        write_svs(tmp_path / "slide.svs", PIXELS, **codec)
        with ps.open_raster(tmp_path / "slide.svs") as raster:
            assert (raster.size, raster.overviews) == ((320, 384), ((160, 192), (80, 96)))  # Neither thumbnail nor label nor glass.
            assert raster.description["bands"] == [1, 2, 3]
            assert raster.pixel_size == (0.252, 0.252)
            assert distance(raster.read(WHOLE), PIXELS) < 1.5
            assert distance(raster.read(Window(50, 70, 100, 90)), PIXELS[50:150, 70:160]) < 1.5
            assert distance(raster.read(WHOLE, (80, 96)), reduced(PIXELS, 4)) < 1.5

    def test_reduced_windows_are_of_the_stored_sizes(self, tmp_path):
        """The reduced sizes are of other colors, so that it shows where a window comes from."""
        write_svs(tmp_path / "slide.svs", PIXELS, stored=lambda pixels: pixels if len(pixels) == 320 else 255 - pixels)
        with ps.open_raster(tmp_path / "slide.svs") as raster:
            assert distance(raster.read(WHOLE, (160, 192)), 255 - reduced(PIXELS, 2)) < 1.5

    @pytest.mark.parametrize("subsampled", [False, True])
    def test_luma_and_chroma_in_jpeg_2000_are_shown_in_their_colors(self, subsampled, tmp_path):
        """Compression 33003, which the file calls RGB. OpenJPEG makes RGB of what has fewer samples of chroma, and of nothing else."""

        def encoded(tile):
            if subsampled:
                return with_fewer_samples(tile, tmp_path)
            luma_and_chroma = cv2.cvtColor(tile, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
            return imagecodecs.jpeg2k_encode(np.ascontiguousarray(luma_and_chroma), 0, codecformat="J2K", mct=False)

        tiles = (encoded(tile) for tile in in_tiles(PIXELS))
        codec = {"compression": "aperio_jp2000_ycbc", "photometric": "rgb", "shape": PIXELS.shape, "dtype": np.uint8}
        description = "Aperio Image Library v10.0.50\r\n384x320 (64x64) J2K/YUV16 Q=70|AppMag = 20"
        tifffile.imwrite(tmp_path / "slide.svs", tiles, tile=(TILE, TILE), description=description, metadata=None, **codec)
        with ps.open_raster(tmp_path / "slide.svs") as raster:
            assert raster.pixel_size is None
            assert distance(raster.read(WHOLE), PIXELS) < 2

    @pytest.mark.parametrize("page", [0, 2])
    def test_a_size_without_pixels_is_damage(self, page, tmp_path):
        write_svs(tmp_path / "slide.svs", PIXELS)
        with tifffile.TiffFile(tmp_path / "slide.svs", mode="r+") as file:
            file.pages[page].tags["ImageWidth"].overwrite(0)
        with pytest.raises(InputError, match=r"slide\.svs is damaged: one of its sizes has the axes .*, 0, 3\)\. Get the file again"):
            ps.open_raster(tmp_path / "slide.svs")


def in_tiles(pixels):
    for y in range(0, pixels.shape[0], TILE):
        for x in range(0, pixels.shape[1], TILE):
            yield np.ascontiguousarray(pixels[y : y + TILE, x : x + TILE])


def with_fewer_samples(tile, folder):
    """A codestream with half as many samples of chroma in each direction, as GDAL writes it."""
    rasterio = pytest.importorskip("rasterio")
    shutil = pytest.importorskip("rasterio.shutil")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        shape = {"height": TILE, "width": TILE, "count": 3, "dtype": "uint8"}
        with rasterio.open(folder / "tile.tif", "w", driver="GTiff", photometric="rgb", **shape) as file:
            file.write(tile.transpose(2, 0, 1))
        shutil.copy(folder / "tile.tif", folder / "tile.j2k", driver="JP2OpenJPEG", CODEC="J2K", YCBCR420="YES", QUALITY="100")
    return (folder / "tile.j2k").read_bytes()


class TestOfOthers:
    def test_of_ome_tiff_the_sizes_are_in_sub_ifds(self, tmp_path):
        metadata = {"axes": "YXS", "PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 500.0, "PhysicalSizeYUnit": "nm"}
        codec = {"tile": (TILE, TILE), "photometric": "rgb", "compression": "jpeg", "compressionargs": {"level": 95}}
        with tifffile.TiffWriter(tmp_path / "slide.ome.tif", bigtiff=True) as file:
            file.write(PIXELS, subifds=1, metadata=metadata, **codec)
            file.write(255 - reduced(PIXELS, 2), subfiletype=1, **codec)
        with ps.open_raster(tmp_path / "slide.ome.tif") as raster:
            assert (raster.overviews, raster.pixel_size) == (((160, 192),), (0.25, 0.5))
            assert distance(raster.read(WHOLE), PIXELS) < 1.5
            assert distance(raster.read(WHOLE, (160, 192)), 255 - reduced(PIXELS, 2)) < 1.5

    def test_of_qptiff_the_sizes_are_pages(self, tmp_path):
        codec = {"photometric": "rgb", "compression": "jpeg", "compressionargs": {"level": 95}, "metadata": None}
        with tifffile.TiffWriter(tmp_path / "slide.qptiff") as file:
            about = {"software": "PerkinElmer-QPI", "resolution": (40_000, 20_000), "resolutionunit": "CENTIMETER"}
            file.write(PIXELS, tile=(TILE, TILE), **about, **codec)
            file.write(tissue(40, 48), rowsperstrip=16, **codec)
            file.write(255 - reduced(PIXELS, 2), tile=(TILE, TILE), **codec)
        with ps.open_raster(tmp_path / "slide.qptiff") as raster:
            assert (raster.size, raster.overviews) == ((320, 384), ((160, 192),))
            assert raster.pixel_size == pytest.approx((0.25, 0.5))
            assert distance(raster.read(WHOLE), PIXELS) < 1.5
            assert distance(raster.read(WHOLE, (160, 192)), 255 - reduced(PIXELS, 2)) < 1.5

    @pytest.mark.parametrize(
        ("axes", "scale", "size"),
        [
            ([{"name": "y", "unit": "micrometer"}, {"name": "x", "unit": "micrometer"}], [0.5, 0.25], (0.25, 0.5)),
            ([{"name": "y", "unit": "millimeter"}, {"name": "x", "unit": "millimeter"}], [0.001, 0.001], (1.0, 1.0)),
            ([{"name": "y"}, {"name": "x"}], [0.5, 0.25], None),
            ([{"name": "y", "unit": "micrometer"}, {"name": "x", "unit": "micrometer"}], [0, "a"], None),
        ],
    )
    def test_of_ome_zarr_the_scale_says_it(self, axes, scale, size, tmp_path):
        zarr = pytest.importorskip("zarr")
        array = zarr.open_array(str(tmp_path / "a.zarr" / "0"), mode="w", shape=(64, 64), chunks=(32, 32), dtype="uint8", zarr_format=2)
        array[:] = 7
        datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]
        about = {"multiscales": [{"version": "0.4", "axes": [{**axis, "type": "space"} for axis in axes], "datasets": datasets}]}
        (tmp_path / "a.zarr" / ".zattrs").write_text(json.dumps(about))
        with ps.open_raster(tmp_path / "a.zarr") as raster:
            assert raster.pixel_size == size

    def test_the_resolution_of_other_files_says_nothing(self, tmp_path):
        tifffile.imwrite(tmp_path / "scan.tif", PIXELS, photometric="rgb", resolution=(72, 72), resolutionunit="INCH")
        with ps.open_raster(tmp_path / "scan.tif") as raster:
            assert raster.pixel_size is None
