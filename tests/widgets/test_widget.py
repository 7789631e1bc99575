"""The widget between Python and a page: masks that are live on both sides."""

import io
import threading
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

import fake_pipelines
import promptseg as ps
from promptseg.datasets.reading import open_dataset
from promptseg.errors import BackendError, InputError
from promptseg.pipeline.runner import BuiltPipeline
from promptseg.testing import FakeConceptSegmenter, FakeDetector, FakeSegmenter

IMAGE = np.zeros((60, 80, 3), np.uint8)
POINT = {"points": [[40, 30]], "foreground": [True]}
BOXES = {"cup": [[10, 10, 20, 20], [40, 20, 60, 40]], "spoon": [[2, 2, 8, 8]]}


def an_object(uid, mask, **changed):
    return {
        "uid": uid,
        "label": None,
        "mask": mask.to_coco_rle(),
        "score": None,
        "source": "model",
        "locked": False,
        "hidden": False,
        "color": None,
        "attributes": {},
        "prompts": [],
        **changed,
    }


def box(x0, y0, x1, y1, size=(60, 80)):
    return ps.Mask.from_crop(np.ones((y1 - y0, x1 - x0), bool), (x0, y0), size)


def change(*put, remove=(), **more):
    return {"put": list(put), "remove": list(remove), **more}


@pytest.fixture
def widget(frontend, built):
    made = ps.click(IMAGE, built())
    yield made
    made.close()


class TestClicks:
    def test_a_click_is_answered_with_the_masks_of_the_pipeline(self, widget, frontend, built):
        frontend.send("segment", id=7, image=0, prompts=[POINT], candidates=True)
        answer = frontend.told("found", id=7)
        expected = built()(IMAGE, ps.Prompt.point(40, 30), candidates=True).masks
        assert [each["segmentation"] for each in answer["masks"]] == [mask.to_coco_rle() for mask in expected]
        assert [each["score"] for each in answer["masks"]] == [mask.score for mask in expected]

    def test_a_change_of_the_page_is_in_the_masks_and_their_observers_are_told(self, widget, frontend):
        seen = []
        widget.observe(lambda told: seen.append(told["new"]), "masks")
        frontend.send("change", image=0, change=change(an_object("a", box(1, 2, 30, 40), label="cup", prompts=[POINT])))
        assert widget.masks == ps.Masks([box(1, 2, 30, 40)])
        assert widget.masks.labels == ("cup",)
        assert seen == [widget.masks]
        ((prompt,),) = widget.prompts
        assert prompt.same_as(ps.Prompt.point(40, 30))

    def test_the_result_has_image_prompts_and_models(self, widget, frontend):
        frontend.comes_to(_model=lambda model: model["state"] == "ready")
        frontend.send("change", image=0, change=change(an_object("a", box(1, 2, 30, 40)), an_object("b", box(5, 5, 9, 9), prompts=[POINT])))
        result = widget.result
        assert [mask.prompt_index for mask in result.masks] == [None, 0]
        assert len(result.prompts) == 1
        assert np.array_equal(result.image, IMAGE)
        assert [model.model for model in result.provenance] == ["fake-segmenter"]

    def test_a_new_label_of_the_same_mask_is_told_as_well(self, widget, frontend):
        frontend.send("change", image=0, change=change(an_object("a", box(1, 2, 30, 40), label="cup")))
        seen = []
        widget.observe(lambda told: seen.append((told["old"].labels, told["new"].labels)), "masks")
        frontend.send("change", image=0, change=change(an_object("a", box(1, 2, 30, 40), label="mug")))
        assert seen == [(("cup",), ("mug",))]

    def test_objects_are_removed_and_put_in_order(self, widget, frontend):
        frontend.send("change", image=0, change=change(*(an_object(uid, box(1, 2, 30, 40), label=uid) for uid in "abc")))
        frontend.send("change", image=0, change=change(remove=["b"], order=["c", "a"]))
        assert widget.masks.labels == ("c", "a")


class TestFinding:
    """Tools that find several objects at once: by words, by an example, everything, and what stands out."""

    @pytest.fixture
    def widget(self, frontend):
        made = ps.click(IMAGE, fake_pipelines.built(FakeDetector(BOXES).detect(IMAGE)))
        yield made
        made.close()

    def found(self, frontend, *prompts):
        frontend.send("segment", id=1, image=0, prompts=list(prompts))
        return frontend.told("found", id=1)["masks"]

    def test_the_page_knows_what_the_pipeline_can_find(self, widget, frontend):
        frontend.comes_to(_model=lambda model: model["state"] == "ready")
        model = frontend.state["_model"]
        assert {"point", "text", "example", "everything"} <= set(model["accepts"])
        assert (model["detects"], model["classes"]) == (True, [])

    def test_a_pipeline_without_a_detector_finds_nothing_by_words(self, frontend, built):
        widget = ps.click(IMAGE, built())
        frontend.comes_to(_model=lambda model: model["state"] == "ready")
        assert "text" not in frontend.state["_model"]["accepts"]
        assert not frontend.state["_model"]["detects"]
        frontend.send("segment", id=1, image=0, prompts=[{"text": ["cup"]}])
        assert "detect" in frontend.told("failed", id=1)["error"]
        widget.close()

    def test_words_find_what_they_name(self, widget, frontend):
        masks = self.found(frontend, {"text": ["cup"]})
        assert [each["label"] for each in masks] == ["cup", "cup"]
        assert [each["score"] for each in masks] == [mask.score for mask in widget._built()(IMAGE, ps.Prompt.text("cup")).masks]

    def test_without_a_prompt_the_detector_finds_all_that_it_knows(self, widget, frontend):
        assert [each["label"] for each in self.found(frontend)] == ["cup", "cup", "spoon"]

    def test_everything_is_found(self, widget, frontend):
        expected = widget._built()(IMAGE, ps.Prompt.everything(points_per_side=4)).masks
        masks = self.found(frontend, {"everything": {"points_per_side": 4}})
        assert [each["segmentation"] for each in masks] == [mask.to_coco_rle() for mask in expected]
        assert len(masks) > 0

    def test_an_example_on_the_image_finds_what_is_like_it(self, frontend):
        pipeline = BuiltPipeline(ps.Pipeline().segment().config, None, FakeSegmenter(), FakeConceptSegmenter(radius=5))
        widget = ps.click(IMAGE, pipeline)
        example = {"concept": {"examples": [{"prompt": {"box": [10, 10, 30, 30]}}], "label": "cup"}}
        (mask,) = self.found(frontend, example)
        assert mask["label"] == "cup"
        assert mask["segmentation"] == box(10, 10, 30, 30).to_coco_rle()
        widget.close()

    def test_what_was_found_is_kept_with_its_prompt(self, widget, frontend):
        prompt = {"text": ["spoon"]}
        (mask,) = self.found(frontend, prompt)
        put = an_object("a", box(2, 2, 8, 8), label=mask["label"], score=mask["score"], prompts=[prompt])
        frontend.send("change", image=0, change=change(put))
        assert widget.masks.labels == ("spoon",)
        assert widget.prompts == ((ps.Prompt.text("spoon"),),)


class TestDraft:
    """A mask that a person is still clicking on."""

    def test_it_is_in_the_masks_before_it_is_kept(self, widget, frontend):
        frontend.send("draft", image=0, object=an_object("draft", box(1, 2, 30, 40), prompts=[POINT]))
        assert widget.masks == ps.Masks([box(1, 2, 30, 40)])
        assert len(widget.prompts[0]) == 1
        frontend.send("draft", image=0, object=None)
        assert len(widget.masks) == 0

    def test_it_stands_in_the_place_of_the_object_that_it_changes(self, widget, frontend):
        frontend.send("change", image=0, change=change(*(an_object(uid, box(1, 2, 30, 40)) for uid in "abc")))
        frontend.send("draft", image=0, object=an_object("b", box(5, 5, 9, 9)))
        assert widget.masks == ps.Masks([box(1, 2, 30, 40), box(5, 5, 9, 9), box(1, 2, 30, 40)])

    def test_it_ends_with_the_change_that_keeps_it(self, widget, frontend):
        frontend.send("draft", image=0, object=an_object("draft", box(1, 2, 30, 40)))
        frontend.send("change", image=0, change=change(an_object("a", box(1, 2, 30, 40))))
        assert widget.masks == ps.Masks([box(1, 2, 30, 40)])

    def test_masks_that_are_set_keep_it_as_an_object_of_its_own(self, widget, frontend):
        frontend.send("draft", image=0, object=an_object("draft", box(1, 2, 30, 40), prompts=[POINT]))
        widget.masks = [*widget.masks, box(5, 5, 9, 9)]
        frontend.send("draft", image=0, object=an_object("draft", box(3, 3, 4, 4)))
        assert widget.masks == ps.Masks([box(1, 2, 30, 40), box(5, 5, 9, 9), box(3, 3, 4, 4)])
        assert [len(each) for each in widget.prompts] == [1, 0, 0]

    def test_one_that_is_of_no_use_is_refused(self, widget, frontend):
        frontend.send("draft", image=0, object=an_object("draft", box(0, 0, 1, 1, (9, 9))))
        assert frontend.told("refused")["error"]
        assert len(widget.masks) == 0


class TestMasksFromPython:
    def test_masks_that_are_set_are_sent_to_the_page(self, widget, frontend):
        widget.masks = ps.Masks([box(1, 2, 30, 40)]).labeled("cup")
        (shown,) = frontend.told("document")["objects"]
        assert shown["mask"] == box(1, 2, 30, 40).to_coco_rle()
        assert (shown["label"], shown["source"]) == ("cup", "import")

    def test_a_result_and_a_list_of_masks_are_taken_as_well(self, widget, built):
        result = built()(IMAGE, ps.Prompt.point(40, 30))
        widget.masks = result
        assert widget.masks == result.masks
        widget.masks = [box(1, 2, 30, 40)]
        assert widget.masks == ps.Masks([box(1, 2, 30, 40)])

    def test_a_mask_that_stays_keeps_its_name_and_prompts(self, widget, frontend):
        frontend.send("change", image=0, change=change(an_object("a", box(1, 2, 30, 40), prompts=[POINT])))
        widget.masks = [*widget.masks, box(5, 5, 9, 9)]
        assert [each["uid"] == "a" for each in frontend.told("document")["objects"]] == [True, False]
        assert [len(each) for each in widget.prompts] == [1, 0]

    def test_masks_that_are_set_again_change_nothing(self, widget, frontend):
        widget.masks = [box(1, 2, 30, 40)]
        frontend.told("document")
        seen = []
        widget.observe(seen.append, "masks")
        widget.masks = list(widget.masks)
        assert (seen, frontend.messages) == ([], [])

    @pytest.mark.parametrize("given", [[box(0, 0, 1, 1, (9, 9))], 3, ["mask"], None])
    def test_what_are_no_masks_of_the_image_is_refused(self, widget, given):
        with pytest.raises(InputError):
            widget.masks = given
        assert len(widget.masks) == 0


class TestViews:
    def test_a_view_that_opens_gets_all_objects(self, widget, frontend):
        widget.masks = [box(1, 2, 30, 40)]
        frontend.send("open", view="late")
        assert len(frontend.told("document", view="late")["objects"]) == 1

    def test_a_change_of_one_view_reaches_the_others(self, widget, frontend):
        frontend.send("open", view="one")
        frontend.send("open", view="two")
        frontend.send("change", view="one", image=0, change=change(an_object("a", box(1, 2, 30, 40))))
        told = frontend.told("changed")
        assert (told["view"], told["image"], [each["uid"] for each in told["change"]["put"]]) == ("one", 0, ["a"])

    def test_the_only_view_is_not_told_of_its_own_change(self, widget, frontend):
        frontend.send("open", view="one")
        frontend.send("open", view="two")
        frontend.send("close", view="two")
        frontend.send("change", view="one", image=0, change=change(an_object("a", box(1, 2, 30, 40))))
        assert [each["kind"] for each in frontend.messages] == ["document", "document"]


class TestErrors:
    @dataclass(frozen=True)
    class Failing(FakeSegmenter):
        def open(self, image):
            raise BackendError("the device is gone")

    def test_a_prompt_outside_the_image_is_answered_with_the_reason(self, widget, frontend):
        frontend.send("segment", id=1, image=0, prompts=[{"points": [[400, 3]]}])
        assert "lies outside the image" in frontend.told("failed", id=1)["error"]

    def test_a_model_that_fails_is_told_in_the_page(self, frontend, built):
        widget = ps.click(IMAGE, built(self.Failing()))
        frontend.send("segment", id=1, image=0, prompts=[POINT])
        assert frontend.told("failed", id=1)["error"] == "the device is gone"
        widget.close()

    def test_weights_that_are_not_there_are_told_in_the_page(self, frontend, tmp_path):
        widget = ps.click(IMAGE, ps.Pipeline().segment(weights=str(tmp_path / "gone")))
        frontend.comes_to(_model=lambda model: model["state"] == "failed")
        frontend.comes_to(_model=lambda model: "gone" in model.get("error", ""))
        widget.close()

    @pytest.mark.parametrize(
        "wrong",
        [
            None,
            change(an_object("a", box(0, 0, 1, 1, (9, 9)))),
            change(an_object("", box(1, 2, 3, 4))),
            change(an_object("a", box(1, 2, 3, 4), source="magic")),
            change(an_object("a", box(1, 2, 3, 4), color="red")),
            change(an_object("a", box(1, 2, 3, 4), attributes={"a": 1})),
            change(an_object("a", box(1, 2, 3, 4), prompts=[{"points": [[1, 2, 3]]}])),
            change({**an_object("a", box(1, 2, 3, 4)), "mask": {"size": [60, 80], "counts": "zz"}}),
            change({**an_object("a", box(1, 2, 3, 4)), "locked": None}),
            {"put": 3},
            {"remove": "abc"},
            {"order": [1]},
        ],
    )
    def test_a_change_that_is_of_no_use_is_refused_and_the_page_gets_what_there_is(self, widget, frontend, wrong):
        widget.masks = [box(1, 2, 30, 40)]
        frontend.told("document")
        frontend.send("change", image=0, change=wrong)
        assert frontend.told("refused")["error"]
        assert len(frontend.told("document", view="view-1")["objects"]) == 1
        assert widget.masks == ps.Masks([box(1, 2, 30, 40)])

    @pytest.mark.parametrize("message", ["text", {}, {"kind": "open"}, {"kind": "dance", "view": "a"}, {"kind": "open", "view": 3}])
    def test_a_message_that_is_of_no_use_is_passed_over(self, widget, frontend, message):
        frontend.comm.handle_msg({"content": {"data": {"method": "custom", "content": message}}, "buffers": []})
        assert frontend.messages == []

    def test_a_change_of_an_image_that_is_not_there_is_refused(self, widget, frontend):
        frontend.send("change", image=5, change=change(an_object("a", box(1, 2, 30, 40))))
        assert "there is no open image 5" in frontend.told("refused")["error"]


class TestThread:
    def test_a_request_that_nobody_waits_for_is_not_answered(self, frontend, built):
        begun, go_on = threading.Event(), threading.Event()

        class Waiting(FakeSegmenter):
            def open(self, image):
                begun.set()
                assert go_on.wait(60)
                return super().open(image)

        widget = ps.click(IMAGE, built(Waiting(radius=10)))
        assert begun.wait(60)
        for number in (1, 2):
            frontend.send("segment", id=number, image=0, prompts=[POINT])
        frontend.send("cancel", id=1)
        go_on.set()
        assert len(frontend.told("found")["masks"]) == 1
        assert frontend.messages == []
        widget.close()


class TestSeveralImages:
    @pytest.fixture
    def widget(self, frontend, built):
        made = ps.studio([IMAGE, np.zeros((30, 40, 3), np.uint8)], built(), ["cup"])
        yield made
        made.close()

    def test_each_image_has_masks_of_its_own(self, widget):
        widget.masks = [box(1, 2, 30, 40)]
        widget.index = 1
        assert widget.masks == ps.Masks([], (30, 40))
        widget.masks = [box(1, 2, 3, 4, (30, 40)), box(5, 5, 9, 9, (30, 40))]
        widget.index = 0
        assert [len(result.masks) for result in widget.results] == [1, 2]
        assert widget.masks == ps.Masks([box(1, 2, 30, 40)])

    def test_the_page_asks_for_another_image(self, widget, frontend):
        seen = []
        widget.observe(lambda told: seen.append(told["new"].size), "masks")
        frontend.send("go", index=1)
        frontend.comes_to(_picture=lambda picture: picture["index"] == 1, index=lambda index: index == 1)
        assert seen == [(30, 40)]

    def test_an_image_that_is_not_there_is_told_in_the_page(self, widget, frontend):
        frontend.send("go", index=2)
        assert frontend.told("failed")["error"] == "index is from 0 to 1, got 2"
        assert widget.index == 0

    def test_masks_are_saved_as_a_dataset_with_the_images(self, widget, tmp_path):
        widget.masks = ps.Masks([box(1, 2, 30, 40)]).labeled("cup")
        widget.index = 1
        reports = widget.save(tmp_path, ["coco", "yolo-seg"])
        assert {name: report.masks for name, report in reports.items()} == {"coco": 1, "yolo-seg": 1}
        assert np.array_equal(ps.load_image(tmp_path / "images" / "image-1.png"), IMAGE)
        dataset = open_dataset(coco=tmp_path / "coco.json", images=tmp_path / "images")
        assert [[each.label for each in image.objects] for image in dataset] == [["cup"], []]

    def test_an_unknown_format_is_refused_before_anything_is_written(self, widget, tmp_path):
        with pytest.raises(ps.PromptSegError, match="there is no format 'cocco'"):
            widget.save(tmp_path / "out", ["coco", "cocco"])
        assert not (tmp_path / "out").exists()


class TestPicture:
    def test_a_large_image_is_shown_smaller_and_keeps_its_size(self, frontend, built):
        widget = ps.click(np.zeros((100, 40_001, 3), np.uint8), built())
        picture = frontend.state["_picture"]
        assert (picture["width"], picture["height"], picture["reduced"]) == (40_001, 100, 4)
        with Image.open(io.BytesIO(picture["data"])) as image:
            assert image.size == (10_001, 25)
        assert widget.masks.size == (100, 40_001)
        widget.close()

    def test_a_small_image_is_shown_without_loss(self, frontend, built):
        pixels = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
        widget = ps.click(pixels, built())
        picture = frontend.state["_picture"]
        with Image.open(io.BytesIO(picture["data"])) as image:
            assert np.array_equal(np.asarray(image), pixels)
        widget.close()

    def test_where_no_widget_runs_there_is_a_still_picture(self, widget):
        data, _ = widget._repr_mimebundle_()
        assert {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"} <= set(data)
