"""Pipeline files: the configuration that is read, and the messages for files that are not valid."""

import json
import re

import pytest

from promptseg.errors import ConfigError
from promptseg.pipeline.config import (
    CleanStage,
    DetectStage,
    PipelineConfig,
    SegmentStage,
    TrackStage,
    json_schema,
    parse_config,
    read_config,
)

VALUES = {
    "detect": {"model": "grounding-dino-swin-t", "threshold": 0.25, "max_detections": 20},
    "segment": {"model": "superpixel", "options": {"n_segments": 50, "compactness": 5.5}},
    "clean": {"fill_holes": True, "min_area": 64, "nms": 0.7},
    "device": "cpu",
    "licenses": ["Apache-2.0", "MIT"],
}

YAML = """
detect:
  model: grounding-dino-swin-t
  threshold: 0.25
  max_detections: 20
segment: {model: superpixel, options: {n_segments: 50, compactness: 5.5}}
clean: {fill_holes: true, min_area: 64, nms: 0.7}
device: cpu
licenses: [Apache-2.0, MIT]
"""

TOML = """
device = "cpu"
licenses = ["Apache-2.0", "MIT"]

[detect]
model = "grounding-dino-swin-t"
threshold = 0.25
max_detections = 20

[segment]
model = "superpixel"
options = { n_segments = 50, compactness = 5.5 }

[clean]
fill_holes = true
min_area = 64
nms = 0.7
"""


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", YAML), ("a.yml", YAML), ("a.YAML", YAML), ("a.toml", TOML), ("a.json", json.dumps(VALUES))]
)
def test_every_format_gives_the_same_pipeline(name, text, tmp_path):
    (tmp_path / name).write_text(text, "utf-8")
    assert read_config(tmp_path / name) == parse_config(VALUES)


def test_what_is_left_out_has_its_default():
    config = parse_config({"segment": {}})
    assert config == PipelineConfig(segment=SegmentStage(model="mini-sam"))
    assert (config.detect, config.clean, config.device, config.licenses) == (None, None, "auto", "any")


def test_an_empty_file_is_a_pipeline_without_stages(tmp_path):
    for name, text in (("a.yaml", ""), ("a.toml", ""), ("a.json", "{}")):
        (tmp_path / name).write_text(text)
        assert read_config(tmp_path / name) == PipelineConfig()


@pytest.mark.parametrize(
    ("values", "where", "near"),
    [
        ({"detector": {}}, "detector", "detect"),
        ({"segment": {"modle": "mini-sam"}}, "segment.modle", "model"),
        ({"detect": {"model": "yolo11n", "treshold": 0.5}}, "detect.treshold", "threshold"),
        ({"clean": {"min-area": 5}}, "clean.min-area", "min_area"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(values, where, near):
    with pytest.raises(ConfigError, match=rf"unknown key '{where}'.*Did you mean '{near}'"):
        parse_config(values)


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("threads", 2, "An option of the model is given in options: {'threads': 2}"),
        ("cache", None, "An option of the model is given in options: {'cache': None}"),
        ("device", "cpu", "It is a key of the top level, and in Python an argument of build(): device"),
        ("licenses", "any", "It is a key of the top level, and in Python an argument of build(): licenses"),
    ],
)
@pytest.mark.parametrize("stage", ["detect", "segment"])
def test_an_option_of_the_model_or_the_pipeline_in_a_stage_is_sent_to_its_place(stage, key, value, hint):
    with pytest.raises(ConfigError, match=re.escape(hint)):
        parse_config({stage: {"model": "mini-sam", key: value}})


def test_an_unknown_key_that_resembles_none_gets_the_keys_of_its_own_stage():
    with pytest.raises(ConfigError) as caught:
        parse_config({"clean": {"zzz": 1}})
    assert "expected one of fill_holes, min_island, min_area, nms, merge, max_masks." in str(caught.value)
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"detect": {"model": "d", "threshold": 1.5}}, "detect.threshold"),
        ({"detect": {"model": "d", "threshold": -0.1}}, "detect.threshold"),
        ({"detect": {"model": "d", "nms": 1.01}}, "detect.nms"),
        ({"detect": {"model": "d", "max_detections": 0}}, "detect.max_detections"),
        ({"detect": {"model": "d", "box_padding": 2}}, "detect.box_padding"),
        ({"detect": {"model": 7}}, "detect.model"),
        ({"detect": {"model": "d", "thresholds": {"red car": 1.5}}}, "detect.thresholds.red car"),
        ({"detect": {"model": "d", "thresholds": {"red car": float("nan")}}}, "detect.thresholds.red car"),
        ({"detect": {"model": "d", "thresholds": {"red car": "high"}}}, "detect.thresholds.red car"),
        ({"detect": {"model": "d", "thresholds": 0.5}}, "detect.thresholds"),
        ({"segment": {"score": "sum"}}, "segment.score"),
        ({"segment": {"min_mask_score": 1.1}}, "segment.min_mask_score"),
        ({"segment": {"failed_mask": "keep"}}, "segment.failed_mask"),
        ({"clean": {"min_area": -1}}, "clean.min_area"),
        ({"clean": {"min_island": -3}}, "clean.min_island"),
        ({"clean": {"fill_holes": -5}}, "clean.fill_holes"),
        ({"clean": {"nms": 70}}, "clean.nms"),
        ({"clean": {"max_masks": 0}}, "clean.max_masks"),
        ({"clean": {"min_area": float("nan")}}, "clean.min_area"),
        ({"segment": {"options": [1]}}, "segment.options"),
        ({"segment": {"fallback": "sam-vit-b"}}, "segment.fallback"),
        ({"licenses": "gpl"}, "licenses"),
        ({"device": None}, "device"),
    ],
)
def test_a_value_out_of_its_range_is_named_with_where_it_stands(values, where):
    value = values
    for key in where.split("."):
        value = value[key]
    with pytest.raises(ConfigError) as caught:
        parse_config(values)
    assert where in str(caught.value)
    assert f"got {value!r}" in str(caught.value)


@pytest.mark.parametrize("phrase", ["", "  ", "car|", "|car", "car||automobile"])
def test_a_blank_phrase_has_no_threshold(phrase):
    with pytest.raises(ConfigError, match=r"detect\.thresholds: .*blank") as caught:
        parse_config({"detect": {"model": "d", "thresholds": {"dog": 0.5, phrase: 0.5}}})
    assert repr(phrase) in str(caught.value)


def test_two_thresholds_of_one_label_are_refused_with_both():
    with pytest.raises(ConfigError, match=r"'car' and 'car\|automobile' have the same label"):
        parse_config({"detect": {"model": "d", "thresholds": {"car": 0.5, "car|automobile": 0.4}}})


def test_a_phrase_has_its_threshold_or_the_common_one():
    stage = DetectStage(model="d", threshold=0.4, thresholds={"car|automobile": 0.2, "dog": 0.9})
    assert [stage.threshold_of(label) for label in ("car", "dog", "cat")] == [0.2, 0.9, 0.4]
    assert stage.lowest_threshold == 0.2
    assert DetectStage(model="d").lowest_threshold == 0.3


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_config({"clean": {"min_area": -1, "nms": 2}, "devise": "cpu"}, "my.yaml")
    message = str(caught.value)
    assert message.startswith("my.yaml is not valid:\n")
    assert all(part in message for part in ("clean.min_area", "clean.nms", "unknown key 'devise'"))


def test_a_detector_needs_a_model():
    with pytest.raises(ConfigError, match=r"detect\.model: Field required"):
        parse_config({"detect": {"threshold": 0.2}})


@pytest.mark.parametrize("values", ["mini-sam", [1, 2], 7, None])
def test_values_that_are_no_mapping_are_refused(values):
    with pytest.raises(ConfigError, match="top level"):
        parse_config(values)


@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False), (1, 1), (64, 64), (0, 0)])
def test_fill_holes_tells_true_from_one_pixel(value, expected):
    stage = CleanStage(fill_holes=value)
    assert stage.fill_holes == expected
    assert type(stage.fill_holes) is type(expected)


def test_a_stage_cannot_be_changed():
    stage = DetectStage(model="yolo11n")
    with pytest.raises(ValueError, match="frozen"):
        stage.threshold = 0.9


def test_a_file_of_another_format_is_refused_with_those_that_are_read(tmp_path):
    with pytest.raises(ConfigError, match=r"\.yaml, \.yml, \.toml, \.json, got .*pipeline\.ini"):
        read_config(tmp_path / "pipeline.ini")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*absent\.yaml: .*No such file") as caught:
        read_config(tmp_path / "absent.yaml")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match=r"folder\.toml is a folder: give the file in it"):
        read_config(tmp_path / "folder.toml")


@pytest.mark.parametrize("name", ["a.yaml", "a.toml", "a.json"])
def test_a_file_that_is_not_text_is_refused(name, tmp_path):
    (tmp_path / name).write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigError, match=f"cannot read .*{name}"):
        read_config(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [("a.yaml", "segment: [", "YAML"), ("a.yml", "a: b: c", "YAML"), ("a.toml", "segment = ", "TOML"), ("a.json", '{"segment": }', "JSON")],
)
def test_a_file_that_is_not_of_its_format_is_refused_with_the_reason(name, text, kind, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=rf"{name} is not valid {kind}: .+"):
        read_config(tmp_path / name)


def test_a_yaml_file_cannot_run_code(tmp_path):
    (tmp_path / "a.yaml").write_text(f"device: !!python/object/apply:os.mkdir [{tmp_path / 'trapped'}]")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        read_config(tmp_path / "a.yaml")
    assert not (tmp_path / "trapped").exists()


def test_a_mistake_in_a_file_is_reported_with_the_file(tmp_path):
    (tmp_path / "a.toml").write_text("[segment]\nmodel = 'mini-sam'\nwieghts = 'x'")
    with pytest.raises(ConfigError, match=r"a\.toml is not valid:\n.*'segment\.wieghts'.*Did you mean 'weights'"):
        read_config(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"$schema": "pipeline.schema.json", "segment": {"model": "superpixel"}}'),
        ("a.yaml", "# yaml-language-server: $schema=pipeline.schema.json\nsegment: {model: superpixel}"),
        ("a.toml", "#:schema ./pipeline.schema.json\n[segment]\nmodel = 'superpixel'"),
    ],
)
def test_a_file_may_say_where_its_schema_is(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert read_config(tmp_path / name) == PipelineConfig(segment=SegmentStage(model="superpixel"))


def test_a_schema_belongs_to_the_top_of_a_file():
    with pytest.raises(ConfigError, match=r"unknown key 'segment\.\$schema'"):
        parse_config({"segment": {"$schema": "x"}})


class TestJsonSchema:
    STAGES = (
        ("detect", "DetectStage", DetectStage),
        ("segment", "SegmentStage", SegmentStage),
        ("clean", "CleanStage", CleanStage),
        ("track", "TrackStage", TrackStage),
    )

    @pytest.mark.parametrize(("key", "name", "stage"), STAGES)
    def test_every_key_of_a_stage_has_its_description_and_default(self, key, name, stage):
        schema = json_schema()
        assert {"$ref": f"#/$defs/{name}"} in schema["properties"][key]["anyOf"]
        properties = schema["$defs"][name]["properties"]
        assert list(properties) == list(stage.model_fields)
        for setting, field in stage.model_fields.items():
            assert properties[setting]["description"] == field.description
            if field.is_required():
                assert setting in schema["$defs"][name]["required"]
            else:
                assert properties[setting]["default"] == json.loads(json.dumps(field.default))

    def test_the_top_level_has_them_too_and_the_place_of_the_schema(self):
        properties = json_schema()["properties"]
        assert list(properties) == ["$schema", *PipelineConfig.model_fields]
        assert all(value["description"] for value in properties.values())

    def test_unknown_keys_are_marked_everywhere(self):
        schema = json_schema()
        assert [part["additionalProperties"] for part in (schema, *schema["$defs"].values())] == [False] * 6

    def test_bounds_and_choices_are_in_it(self):
        stages = json_schema()["$defs"]
        assert stages["SegmentStage"]["properties"]["failed_mask"]["enum"] == ["box", "empty", "drop"]
        assert stages["DetectStage"]["properties"]["thresholds"]["additionalProperties"] == {"minimum": 0, "maximum": 1, "type": "number"}
        assert stages["DetectStage"]["properties"]["max_detections"]["minimum"] == 1


def test_a_file_whose_aliases_stand_for_gigabytes_is_refused(tmp_path):
    bomb = "device:\n  - &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"  - &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    (tmp_path / "a.yaml").write_text(bomb)
    with pytest.raises(ConfigError, match="stands for more than 1000000 values") as caught:
        read_config(tmp_path / "a.yaml")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "a = " + "[" * 100_000),
        ("a.toml", f"[{'a.' * 5000}a]"),
        ("a.json", "[" * 100_000),
        ("a.yaml", "[" * 100_000),
        ("a.yaml", "&a [*a]"),
    ],
    ids=["toml", "table", "json", "yaml", "circle"],
)
def test_a_file_that_nests_deep_is_refused(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match="in each other"):
        read_config(tmp_path / name)


@pytest.mark.parametrize("name", ["a.yaml", "a.toml", "a.json"])
def test_a_large_file_is_refused(name, tmp_path):
    (tmp_path / name).write_bytes(b" " * ((2 << 20) + 1))
    with pytest.raises(ConfigError, match="is larger than 2097152 bytes"):
        read_config(tmp_path / name)


@pytest.mark.parametrize(("name", "text"), [("a.yaml", "device: cpu"), ("a.toml", "device = 'cpu'"), ("a.json", '{"device": "cpu"}')])
def test_a_byte_order_mark_is_not_part_of_the_file(name, text, tmp_path):
    (tmp_path / name).write_text(text, "utf-8-sig")
    assert read_config(tmp_path / name).device == "cpu"


def _circle():
    values = {"segment": {}}
    values["segment"]["options"] = values
    return values


def _deep():
    values = {}
    for _ in range(5000):
        values = {"options": values}
    return values


def _shared():
    values = ["x"] * 9
    for _ in range(9):
        values = [values] * 9
    return {"device": values}


@pytest.mark.parametrize("make", [_circle, _deep, _shared])
def test_values_that_cannot_be_written_out_are_refused(make):
    with pytest.raises(ConfigError, match=r"the configuration (has values that lie in each other|stands for more than)"):
        parse_config(make())


@pytest.mark.parametrize(
    "values",
    [
        {"x" * 10**6: 1},
        {"device": ["x"] * 10**5},
        {"licenses": "x" * 10**6},
        {str(n): n for n in range(1000)},
        {"segment": {"model": [[[["x" * 10**6]]]]}},
        {"detect": {"model": "a", "thresholds": {"x" * 900: 2}}},
        {"\ud800": 1},
    ],
    ids=["key", "list", "license", "keys", "nested", "phrase", "surrogate"],
)
def test_the_message_about_large_values_is_short(values):
    with pytest.raises(ConfigError) as caught:
        parse_config(values)
    assert len(str(caught.value)) < 6000


@pytest.mark.parametrize(
    "values",
    [{"detect": {"model": "a", name: True}} for name in ("threshold", "nms", "max_detections", "box_padding")]
    + [{"clean": {name: True}} for name in ("min_island", "min_area", "nms", "max_masks")]
    + [{"segment": {"min_mask_score": True}}, {"detect": {"model": "a", "thresholds": {"dog": True}}}],
    ids=str,
)
def test_true_is_no_number(values):
    with pytest.raises(ConfigError, match=r"expected a number, got .*True"):
        parse_config(values)


@pytest.mark.parametrize("every", [1, 4, "auto"])
def test_how_often_a_tracker_asks_is_a_key_of_its_own(every):
    config = parse_config({"segment": {}, "track": {"every": every}})
    assert config.track == TrackStage(every=every)
    assert parse_config(config.model_dump(mode="json", exclude_defaults=True)) == config


@pytest.mark.parametrize("every", [0, -3, 1.5, True, "often", "4", None, []])
def test_an_every_of_another_kind_is_refused_with_its_key_and_value(every):
    with pytest.raises(ConfigError, match=r"track\.every.*expected a whole number of frames of at least 1, or auto, got"):
        parse_config({"segment": {}, "track": {"every": every}})
