import numpy as np
import pytest
from PIL import ImageFont

from promptseg import Mask, Masks
from promptseg.errors import InputError
from promptseg.fonts import label_font
from promptseg.overlay import draw


def drawn(label, **style):
    pixels = np.zeros((60, 200), bool)
    pixels[30:50, 10:60] = True
    return np.asarray(draw(np.full((60, 200, 3), 200, np.uint8), Masks([Mask.from_array(pixels, label=label)]), **style))


def test_a_label_in_ascii_is_written_in_the_font_of_pillow():
    assert label_font("cup 0.93", 20).getname() == ImageFont.load_default(size=20).getname()


@pytest.mark.parametrize(("one", "other"), [("猫", "犬"), ("ж", "щ"), ("café", "cafü"), ("Ελ", "Εκ"), ("개", "말"), ("ねこ", "いぬ")])
def test_labels_outside_ascii_are_legible(one, other):
    pytest.importorskip("cvttf_NotoSansCJK_Regular", reason="the fonts need cvttf-notosanscjk-regular")
    assert (drawn(one) != drawn(other)).any()


def test_a_chosen_font_is_used_and_one_that_is_none_is_refused(tmp_path):
    fontpkg = pytest.importorskip("fontpkg_noto_sans", reason="the fonts need fontpkg-noto-sans")
    path = f"{fontpkg.__path__[0]}/files/NotoSans[wdth,wght].ttf"
    assert (drawn("cup", font=path) != drawn("cup")).any()
    (tmp_path / "no.ttf").write_text("no")
    for wrong in (tmp_path / "no.ttf", tmp_path / "gone.ttf", "a\x00b"):
        with pytest.raises(InputError, match="is not a font"):
            drawn("cup", font=wrong)


def test_a_character_that_no_font_has_is_drawn_all_the_same():
    assert drawn("\U0010fffe").shape == (60, 200, 3)
