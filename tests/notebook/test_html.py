"""What values show in a notebook: an image and a table, bounded and escaped; never an exception."""

import base64
import io
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import promptseg as ps
from promptseg import Detections, FrameMasks, Mask, Masks, Prompt, Result
from promptseg.notebook.html import html_of, png_of
from promptseg.notebook.session import SessionDisplay
from promptseg.testing import FakeSegmenter

HASH = re.compile(r"[0-9a-f]{32}")


def images(html):
    """Return the images in a page, the large one first."""
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r'src="data:image/\w+;base64,([^"]+)"', html)]


def png(value):
    return Image.open(io.BytesIO(value._repr_png_()))


def rows(html):
    return [
        [re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)] for row in re.findall(r"<tr>.*?</tr>", html)
    ]


@pytest.fixture
def session():
    return FakeSegmenter().open(np.full((40, 60, 3), 200, np.uint8))


def every_value(result, session):
    frame = FrameMasks(3, (7, 8), result.masks, 0.5)
    return [result, result.masks, result.masks[0], result.detections, frame, session]


def test_every_value_has_an_image_and_its_facts_and_no_hash(result, session):
    for value in every_value(result, session):
        html = value._repr_html_()
        assert images(html)[0].size == images(value._repr_html_())[0].size
        assert max(png(value).size) <= 800
        assert "60 wide, 40 high" in html
        assert not HASH.search(re.sub('src="[^"]*"', "", html))
        assert not HASH.search(repr(value))
        assert len(repr(value)) < 160
        assert "\n" not in repr(value)


def test_a_result_shows_label_score_area_and_box_of_each_mask(result):
    html = result._repr_html_()
    assert rows(html) == [
        ["", "mask", "label", "score", "area", "box (x0, y0, x1, y1)"],
        ["0", "", "cup", "0.90", "486 px (20%)", "2, 3, 20, 30"],
        ["1", "", "spoon", "0.50", "200 px (8%)", "30, 10, 50, 20"],
    ]
    assert "mini-sam (MIT, cpu)" in html
    assert "encode 1.50 s" in html
    assert "cup.jpg" in html


def test_columns_without_a_value_are_left_out(masks):
    bare = Masks([Mask(mask.size, mask.counts) for mask in masks])
    assert rows(bare._repr_html_())[0] == ["", "mask", "area", "box (x0, y0, x1, y1)"]


def test_the_image_of_a_result_has_its_masks(result):
    drawn = np.asarray(png(result).resize((60, 40), Image.Resampling.BOX)).astype(int)
    assert np.abs(drawn[38, 58] - 200).max() <= 2
    assert np.abs(drawn[25, 10] - 200).max() > 20


def test_masks_without_their_image_stand_on_gray_which_is_no_color_of_a_mask(masks):
    drawn = np.asarray(png(masks))
    assert tuple(drawn[-1, -1]) == (88, 88, 88)
    assert len({tuple(drawn[y * 4, x * 4]) for x, y in ((10, 25), (35, 15), (58, 38))}) == 3


def test_a_result_that_lost_its_image_shows_its_masks(masks):
    assert tuple(np.asarray(png(Result(masks)))[-1, -1]) == (88, 88, 88)


def test_a_frame_names_its_objects_and_its_time(masks):
    frame = FrameMasks(3, (7, 8), masks, 0.5)
    html = frame._repr_html_()
    assert [row[0] for row in rows(html)] == ["object", "7", "8"]
    assert "frame 3 at 0.50 s" in html
    assert repr(frame) == "FrameMasks(frame 3 at 0.50 s, objects (7, 8), 60 wide, 40 high)"


def test_detections_show_a_row_for_each_box(result):
    assert rows(result.detections._repr_html_())[1] == ["0", "spoon", "0.80", "30, 10, 50, 20"]
    assert repr(result.detections) == "Detections(1: 'spoon' 0.80, 60 wide, 40 high)"


def test_of_many_masks_twenty_rows_are_shown_and_the_rest_is_counted(masks):
    many = Masks([masks[0]] * 5000)
    html = Result(many, image=np.zeros((40, 60, 3), np.uint8))._repr_html_()
    assert len(rows(html)) == 21
    assert "… and 4980 more" in html
    assert "5000 masks, the 300 largest are drawn" in html
    assert len(html) < 200_000


def test_of_very_many_masks_the_largest_are_drawn():
    ground = np.zeros((40, 60), bool)
    small = [Mask.from_array(np.pad([[True]], ((0, 39), (x % 30, 59 - x % 30)))) for x in range(400)]
    ground[20:, 30:] = True
    drawn = np.asarray(png(Masks([*small, Mask.from_array(ground)])))
    assert tuple(drawn[-1, -1]) != (88, 88, 88)


def test_an_image_is_shown_at_most_800_pixels_long_and_masks_of_a_few_pixels_are_enlarged():
    large = Masks([Mask.from_array(np.ones((900, 3000), bool))])
    assert png(large).size == (800, 240)
    assert png(Masks([Mask.from_array(np.eye(3, dtype=bool))])).size == (240, 240)
    assert png(Masks([Mask.from_array(np.ones((1, 5000), bool))])).size == (800, 1)


def test_what_comes_from_outside_is_escaped_and_cut(masks):
    label = "<script>alert(1)</script> & \n" + "x" * 5000 + "\ud800"
    html = Result(Masks([Mask(masks.size, masks[0].counts, label=label)]), source="<b>.jpg")._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; xxx" in html
    assert len(re.sub('src="[^"]*"', "", html)) < 3000
    html.encode()


def test_nothing_to_show_is_shown_as_such(session):
    for value in (Masks([], (40, 60)), Result(Masks([], (40, 60))), Detections.empty((40, 60))):
        assert rows(value._repr_html_()) == []
        assert value._repr_html_().startswith("<div")
        assert value._repr_png_()
    assert "0 masks" in repr(Masks([], (40, 60)))
    assert Mask.from_array(np.zeros((4, 6), bool))._repr_png_()


@pytest.mark.parametrize(
    "value",
    [Result(5), Result(None, image="no array"), Result(Masks([], (4, 6)), timings=3), Result(Masks([], (4, 6)), provenance=("x",))],
    ids=["no masks", "nothing", "timings", "provenance"],
)
def test_a_value_of_wrong_fields_raises_nothing_when_it_is_shown(value):
    assert repr(value)
    assert value._repr_html_() is None or value._repr_html_().startswith("<div")
    assert value._repr_png_() is None or value._repr_png_()


def test_an_image_that_cannot_be_drawn_leaves_the_table(result, masks):
    broken = Result(masks, image=np.zeros((3, 3, 3), np.float64), source="x.jpg")
    html = broken._repr_html_()
    assert html is None or "cannot be drawn" in html
    assert broken._repr_png_() is None


def test_a_session_shows_its_image_with_coordinates_its_model_and_its_time(session):
    html = session._repr_html_()
    assert "fake-segmenter (Apache-2.0, cpu)" in html
    assert "encode 0.00 s" in html
    drawn = np.asarray(png(session))
    assert drawn.shape[0] == 40 * 4 + 20
    assert (drawn[-1, -1] == 200).all()
    assert repr(session) == "FakeSession(60 wide, 40 high, fake-segmenter, encode 0.00 s)"


def test_a_session_of_another_package_need_not_show_itself_and_may():
    class Foreign(SessionDisplay):
        def __init__(self, inner):
            self.image, self.size, self.provenance, self.timings = inner.image, inner.size, inner.provenance, {"cache": 0.25}

    shown = Foreign(FakeSegmenter().open(np.zeros((40, 60, 3), np.uint8)))
    assert "taken from the cache 0.25 s" in shown._repr_html_()
    assert not hasattr(ps.Session, "_repr_html_")


def test_a_built_pipeline_shows_its_stages(add_model):
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    pipeline = ps.Pipeline().segment("fake").clean(min_area=64)
    assert repr(pipeline) == "Pipeline().segment('fake').clean(min_area=64)"
    built = pipeline.build()
    assert repr(built) == "BuiltPipeline(segment by fake-segmenter on cpu, clean)"
    assert rows(built._repr_html_())[1:] == [["segment", "fake-segmenter", "Apache-2.0", "cpu", ""], ["clean", "", "", "", "min_area=64"]]
    assert built._repr_png_() is None


def test_values_that_fail_in_any_way_are_left_to_the_plain_repr():
    class Broken(SessionDisplay):
        def _view(self):
            raise RecursionError

        def _summary(self):
            raise MemoryError

    assert html_of(Broken()) is None
    assert png_of(Broken()) is None
    assert "Broken object" in repr(Broken())


def test_values_import_no_display_before_they_are_shown():
    code = "import sys, promptseg.results; print(*[name for name in sys.modules if name.startswith('promptseg.notebook')])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == ""


def test_prompts_are_drawn_where_they_were_given():
    image = np.zeros((2000, 1000, 3), np.uint8)
    result = Result(Masks([], (2000, 1000)), prompts=(Prompt.box(500, 1000, 900, 1800),), image=image)
    drawn = np.asarray(png(result))
    ys, xs = np.nonzero(drawn.sum(axis=2) > 300)
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == pytest.approx((200, 400, 360, 720), abs=1)
