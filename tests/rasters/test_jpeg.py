import numpy as np
import pytest
from PIL import Image

import promptseg as ps
from promptseg.errors import InputError
from promptseg.rasters import plain
from promptseg.rasters.jpeg import bytes_of_coefficients
from raster_files import ramp


@pytest.mark.parametrize(("subsampling", "samples"), [(0, 3), (1, 2), (2, 1.5)])
def test_a_progressive_jpeg_keeps_two_bytes_for_each_sample_as_libjpeg_does(subsampling, samples, tmp_path):
    Image.fromarray(ramp(64, 96)).save(tmp_path / "scan.jpg", progressive=True, subsampling=subsampling, exif=Image.Exif())
    assert bytes_of_coefficients(tmp_path / "scan.jpg") == 64 * 96 * samples * 2


@pytest.mark.parametrize("content", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xc2\0\1", b"\xff\xd8\xff\xc2\0\3\x08", b"II*\0"])
def test_of_what_is_no_whole_header_it_tells_nothing(content, tmp_path):
    (tmp_path / "scan.jpg").write_bytes(content)
    assert bytes_of_coefficients(tmp_path / "scan.jpg") == 0


def test_a_baseline_jpeg_is_decoded_row_by_row(tmp_path):
    Image.fromarray(ramp(64, 96)).save(tmp_path / "scan.jpg")
    assert bytes_of_coefficients(tmp_path / "scan.jpg") == 0


def test_one_that_takes_more_than_libjpeg_gives_is_named_with_what_to_do(tmp_path, monkeypatch):
    pytest.importorskip("rasterio", reason="decoding row by row needs rasterio")
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(tmp_path / "scan.jpg", progressive=True)
    assert ps.open_raster(tmp_path / "scan.jpg").size == (64, 96)
    monkeypatch.setattr(plain, "_LARGEST_PROGRESSIVE", 1000)
    with pytest.raises(InputError, match=r"scan\.jpg is a progressive JPEG, .*: make a baseline JPEG of it, such as by jpegtran"):
        ps.open_raster(tmp_path / "scan.jpg")
