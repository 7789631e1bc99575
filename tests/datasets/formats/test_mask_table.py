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
    assert list(read_mask_table(tmp_path, tmp_path / "masks").usable(findings)) == []
    assert [(finding.source, finding.kind) for finding in findings] == [("b.png", "unpaired"), ("a.png", "unreadable")]
