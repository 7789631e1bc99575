import contextlib
import json
import os
import random
import resource

import pytest

from promptseg.annotation.journal import Journal
from promptseg.errors import ConfigError, InputError, OutputError

HEADER = {"config": {"segment": {"model": "a"}}, "prompts": []}
MODEL = {"model": "a", "weights": {"a.onnx": "12"}, "version": "1", "fallback_from": []}


def record(name, status="done", **more):
    return {"name": name, "status": status, **more}


@pytest.fixture
def path(tmp_path):
    """A journal of images ``0`` to ``3``, of which ``2`` failed."""
    path = tmp_path / "journal.jsonl"
    with contextlib.closing(Journal(path, HEADER)) as journal:
        for name in "3102":
            journal.append(record(name, "failed" if name == "2" else "done"), [] if name == "2" else [MODEL])
    return path


def test_a_journal_that_is_opened_again_knows_its_images_and_gives_them_by_name(path):
    with contextlib.closing(Journal(path, HEADER)) as journal:
        assert len(journal) == 4
        assert "3" in journal
        assert "4" not in journal
        assert journal.failed == {"2"}
        assert [one["name"] for one in journal.records()] == ["0", "1", "2", "3"]
        assert journal.models() == [MODEL]


def test_a_later_record_takes_the_place_of_an_earlier_one(path):
    with contextlib.closing(Journal(path, HEADER)) as journal:
        journal.append(record("2"), [MODEL])
    with contextlib.closing(Journal(path, HEADER)) as journal:
        assert journal.failed == frozenset()
        assert [one["status"] for one in journal.records()] == ["done"] * 4


def test_a_line_that_was_cut_short_anywhere_is_removed_and_its_image_is_not_there(path):
    whole = path.read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    for cut in range(last, len(whole)):
        path.write_bytes(whole[:cut])
        with contextlib.closing(Journal(path, HEADER)) as journal:
            assert "2" not in journal
            journal.append(record("2", "failed"))
        assert path.read_bytes() == whole


def test_a_header_that_was_cut_short_is_written_again(path):
    header = path.read_bytes().splitlines(keepends=True)[0]
    for cut in (0, 1, len(header) - 1):
        path.write_bytes(header[:cut])
        with contextlib.closing(Journal(path, HEADER)) as journal:
            assert len(journal) == 0
        assert path.read_bytes() == header


def test_a_damaged_line_is_counted_and_its_image_is_not_there(path):
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = b"\0" * (len(lines[3]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    with contextlib.closing(Journal(path, HEADER)) as journal:
        assert journal.damaged == 1
        assert [one["name"] for one in journal.records()] == ["0", "2", "3"]


def test_another_header_is_refused_with_the_differences(path):
    with pytest.raises(ConfigError) as raised:
        Journal(path, {"config": {"segment": {"model": "b"}, "clean": {"min_area": 4}}, "prompts": ["x"]})
    message = str(raised.value)
    assert message.splitlines()[1:] == [
        '  config.segment.model: was "a", is "b"',
        "  config.clean.min_area: was absent, is 4",
        '  prompts: was [], is ["x"]',
    ]


def test_a_journal_without_a_image_takes_any_header(tmp_path):
    Journal(tmp_path / "j", HEADER).close()
    with contextlib.closing(Journal(tmp_path / "j", {"other": 1})) as journal:
        assert len(journal) == 0
    assert json.loads((tmp_path / "j").read_text())["other"] == 1


def test_other_weights_of_a_model_are_refused_and_another_model_is_not(path):
    with contextlib.closing(Journal(path, HEADER)) as journal:
        with pytest.raises(ConfigError, match=r'weights.a.onnx: was "12", is "13"'):
            journal.check_models([{**MODEL, "weights": {"a.onnx": "13"}}])
        with pytest.raises(ConfigError, match="version"):
            journal.append(record("9"), [{**MODEL, "version": "2"}])
        journal.append(record("9"), [{**MODEL, "model": "b", "fallback_from": ["a"]}])


@pytest.mark.parametrize("content", [b'{"a": 1}\n', b"no JSON\n", b"[1]\n"])
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(tmp_path, content):
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(InputError, match="not a journal"):
        Journal(tmp_path / "j", HEADER)
    assert (tmp_path / "j").read_bytes() == content


def test_a_record_that_the_disk_has_no_room_for_leaves_nothing_behind(path):
    before = path.read_bytes()
    journal = Journal(path, HEADER)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(OutputError, match="the finished images are in it"):
            journal.append(record("long" * 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    journal.append(record("4"))
    journal.close()
    with contextlib.closing(Journal(path, HEADER)) as journal:
        assert path.read_bytes().startswith(before)
        assert [one["name"] for one in journal.records()] == ["0", "1", "2", "3", "4"]
        assert journal.damaged == 0


def whole_records(path):
    """The records of the journal at `path` by name, without what names their line."""
    with contextlib.closing(Journal(path, HEADER)) as journal:
        return {one["name"]: one for one in journal.records()}


def damages(whole):
    """Damaged copies of a journal: bits, letters and lines that are changed, lost, doubled, joined or exchanged."""
    rng = random.Random(1)
    lines = whole.splitlines(keepends=True)
    for _ in range(300):
        at = rng.randrange(len(whole))
        yield whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :]
        yield whole[:at] + whole[at + rng.randrange(1, 30) :]
        yield whole[:at] + rng.randbytes(rng.randrange(1, 30)) + whole[at:]
    for index in range(len(lines)):
        yield b"".join(lines[:index] + lines[index + 1 :])
        yield b"".join([*lines[: index + 1], lines[index], *lines[index + 1 :]])
        yield b"".join([*lines[:index], lines[index][:-1], *lines[index + 1 :]])
        yield b"".join([*lines[:index], b"\0" * 20 + b"\n", *lines[index + 1 :]])
        yield b"".join([*lines[index:], *lines[:index]])


def test_a_journal_that_is_damaged_anyhow_has_only_records_that_were_written(path):
    whole, known = path.read_bytes(), whole_records(path)
    lost = 0
    for damaged in damages(whole):
        path.write_bytes(damaged)
        try:
            found = whole_records(path)
        except (ConfigError, InputError):
            continue
        assert all(known[name] == record for name, record in found.items())
        lost += len(found) < len(known)
    assert lost > 300


def test_a_damaged_header_is_written_again_for_the_same_settings_and_refused_for_others(path):
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"segment"', b'"segmint"', 1))
    with pytest.raises(ConfigError, match="its header is damaged"):
        Journal(path, {**HEADER, "prompts": ["x"]})
    with contextlib.closing(Journal(path, HEADER)) as journal:
        assert (len(journal), journal.damaged) == (4, 1)
    with pytest.raises(ConfigError, match="prompts: was"):
        Journal(path, {**HEADER, "prompts": ["x"]})


def test_records_of_a_damaged_list_of_models_are_not_there(path):
    path.write_bytes(path.read_bytes().replace(b'"a.onnx":"12"', b'"a.onnx":"13"'))
    with contextlib.closing(Journal(path, HEADER)) as journal:
        assert (journal.damaged, set(journal.names)) == (4, {"2"})
        journal.append(record("0"), [{**MODEL, "weights": {"a.onnx": "14"}}])


def test_records_of_another_run_in_the_file_do_not_count(path, tmp_path):
    with contextlib.closing(Journal(tmp_path / "other", {"prompts": ["y"]})) as journal:
        journal.append(record("9"))
    path.write_bytes(path.read_bytes() + (tmp_path / "other").read_bytes())
    with contextlib.closing(Journal(path, HEADER)) as journal:
        assert (len(journal), journal.damaged) == (4, 2)


def test_a_record_that_is_damaged_after_the_journal_was_opened_is_not_read(path):
    with contextlib.closing(Journal(path, HEADER)) as journal:
        content = path.read_bytes()
        path.write_bytes(content.replace(b'"name":"1"', b'"name":"7"'))
        with pytest.raises(InputError, match=r"the record of 1 .* was damaged"):
            list(journal.records())


def test_a_record_that_the_check_refuses_counts_as_damaged(path):
    def no_threes(content):
        if content["name"] == "3":
            raise ValueError("no")

    with contextlib.closing(Journal(path, HEADER, no_threes)) as journal:
        assert (journal.damaged, journal.names) == (1, ["0", "1", "2"])


def test_images_that_are_left_out_keep_their_records(path):
    with contextlib.closing(Journal(path, HEADER)) as journal:
        journal.leave_out(frozenset({"1"}))
        assert [one["name"] for one in journal.records()] == ["0", "2", "3"]
        assert "1" in journal


def test_a_journal_of_an_older_format_is_refused_by_its_number(tmp_path):
    (tmp_path / "j").write_text('{"journal": 1, "promptseg": "0.2"}\n{"name": "a"}\n')
    with pytest.raises(InputError, match="journal of format 1"):
        Journal(tmp_path / "j", HEADER)


def test_a_journal_is_synced_to_the_disk_when_it_is_closed(tmp_path, monkeypatch):
    synced = []
    with contextlib.closing(Journal(tmp_path / "journal.jsonl", HEADER)) as journal:
        monkeypatch.setattr("promptseg.annotation.journal.os.fsync", lambda number: synced.append(os.fstat(number).st_size))
        journal.append(record("0"), [MODEL])
    assert synced
    assert synced[-1] == (tmp_path / "journal.jsonl").stat().st_size


class TestAdopted:
    """A journal that is opened by somebody who has no settings of a run, and goes on with any."""

    def test_its_header_is_kept_and_its_run_goes_on(self, path):
        with contextlib.closing(Journal(path, {"studio": 1}, adopt=True)) as journal:
            assert len(journal) == 4
            journal.append(record("5"))
        with contextlib.closing(Journal(path, HEADER)) as journal:
            assert (journal.damaged, "5" in journal) == (0, True)

    def test_models_that_are_added_are_not_compared(self, path):
        other = {**MODEL, "version": "2"}
        with contextlib.closing(Journal(path, {"studio": 1}, adopt=True)) as journal:
            journal.append(record("5"), [other])
        with contextlib.closing(Journal(path, HEADER)) as journal:
            journal.check_models([MODEL])
            assert journal.models() == [MODEL, other]
            with pytest.raises(ConfigError):
                journal.check_models([other])

    def test_a_run_with_any_settings_goes_on_with_an_open_header(self, tmp_path):
        path = tmp_path / "journal.jsonl"
        with contextlib.closing(Journal(path, {"studio": 1}, adopt=True)) as journal:
            journal.append(record("1"), [MODEL])
        for header, model in ((HEADER, {**MODEL, "version": "2"}), ({**HEADER, "prompts": ["x"]}, MODEL)):
            with contextlib.closing(Journal(path, header)) as journal:
                assert "1" in journal
                journal.append(record("2"), [model])
        with contextlib.closing(Journal(path, {"studio": 1}, adopt=True)) as journal:
            assert (len(journal), journal.damaged) == (2, 0)

    def test_a_journal_without_records_keeps_its_header(self, tmp_path):
        Journal(tmp_path / "j", HEADER).close()
        Journal(tmp_path / "j", {"studio": 1}, adopt=True).close()
        assert json.loads((tmp_path / "j").read_text())["config"] == HEADER["config"]


class TestCompact:
    def test_only_the_last_records_and_the_models_stay(self, path):
        with contextlib.closing(Journal(path, HEADER)) as journal:
            for number in range(50):
                journal.append(record("1", number=number), [MODEL])
            before = list(journal.records())
            journal.compact()
            assert list(journal.records()) == before
            journal.append(record("6"), [MODEL])
        assert len(path.read_bytes().splitlines()) == 1 + 1 + 5
        with contextlib.closing(Journal(path, HEADER)) as journal:
            assert [*journal.records()][:4] == before
            assert (journal.damaged, journal.failed) == (0, {"2"})

    def test_damaged_lines_are_left_for_somebody_to_look_at(self, path):
        path.write_bytes(path.read_bytes() + b"damaged\n")
        before = path.read_bytes()
        with contextlib.closing(Journal(path, HEADER)) as journal:
            journal.compact()
        assert path.read_bytes() == before

    def test_a_record_that_was_damaged_meanwhile_is_not_copied(self, path):
        with contextlib.closing(Journal(path, HEADER)) as journal:
            damaged = path.read_bytes().replace(b'"name":"3"', b'"name":"8"')
            path.write_bytes(damaged)
            with pytest.raises(InputError, match="was damaged since the run began"):
                journal.compact()
            assert path.read_bytes() == damaged

    def test_a_full_disk_leaves_the_file_as_it_is(self, path, monkeypatch):
        before = path.read_bytes()
        with contextlib.closing(Journal(path, HEADER)) as journal, monkeypatch.context() as patch:
            patch.setattr("promptseg.runtime.files.os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            with pytest.raises(OutputError, match="No space left"):
                journal.compact()
            patch.undo()
            assert len(list(journal.records())) == 4
            journal.append(record("7"), durable=True)
        assert path.read_bytes().startswith(before)


def test_a_record_that_could_not_be_read_again_is_not_written(path, monkeypatch):
    before = path.read_bytes()
    with contextlib.closing(Journal(path, HEADER)) as journal:
        monkeypatch.setattr("promptseg.annotation.journal.MAX_LINE", 100)
        with pytest.raises(OutputError, match="longer than a journal takes"):
            journal.append(record("9", text="x" * 100))
    assert path.read_bytes() == before
