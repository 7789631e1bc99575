import numpy as np
import pytest

from promptseg.datasets.formats.mask_table import read_mask_table
from promptseg.errors import InputError


def test_a_table_that_is_none_is_refused_and_what_it_lists_in_vain_is_named(tmp_path, save):
    (tmp_path / "masks").mkdir()
    table = tmp_path / "masks" / "objects.csv"
    table.write_text("file,number\na.png,1\n")
    with pytest.raises(InputError, match="is not a table with the columns image, mask"):
        read_mask_table(tmp_path, tmp_path / "masks")
    save("a.png")
    table.write_text("image,mask,number,label,score,ignored\na.png,a.png,1,cat,,0\nb.png,b.png,1,cat,,0\n")
    findings = []
    (image,) = read_mask_table(tmp_path, tmp_path / "masks").usable(findings)
    assert image.objects == ()
    assert [(finding.source, finding.kind) for finding in findings] == [("b.png", "unpaired"), ("a.png#a.png", "dropped")]


@pytest.mark.parametrize("bad", ["a.png,../a.png,1,cat,,0", "a.png,/etc/a.png,1,cat,,0", "a.png,m.png,x,cat,,0"])
def test_a_bad_row_is_dropped_by_its_line_and_the_others_are_read(tmp_path, save, square, bad):
    save("a.png")
    save("masks/m.png", square.astype(np.uint8) * 3)
    table = tmp_path / "masks" / "objects.csv"
    table.write_text(f"\ufeffimage,mask,number,label,score,ignored\n{bad}\na.png,m.png,3,cat,,0\n", "utf-8")
    findings = []
    (image,) = read_mask_table(tmp_path, tmp_path / "masks").usable(findings)
    assert (image.objects[0].mask.array == square).all()
    assert [(finding.source, finding.kind) for finding in findings] == [("objects.csv: line 2", "dropped")]
