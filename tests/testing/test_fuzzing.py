import json
import os
import sys
import time

import pytest

from promptseg.errors import InputError
from promptseg.testing.fuzzing import Target, fuzz, run_one, runner

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the runner of fuzz targets forks")


def target(read, **options):
    return Target("t", lambda random: {"number": str(random.randrange(4)).encode()}, read, **options)


def number(folder):
    return int((folder / "number").read_text())


def test_inputs_that_are_read_and_that_are_refused_are_counted():
    def read(folder):
        if number(folder) == 3:
            raise InputError("no")

    report = fuzz([target(read)], 100, seed=5)
    assert report.read["t"] + report.refused["t"] == report.inputs == 100
    assert 10 < report.refused["t"] < 40
    assert report.faults == []


def test_another_exception_is_a_fault_with_the_number_of_its_input(tmp_path):
    def read(folder):
        if number(folder) == 3:
            raise KeyError("x")

    faults = fuzz([target(read)], 50, seed=5).faults
    assert {fault.kind for fault in faults} == {"exception"}
    assert "KeyError" in faults[0].message
    with pytest.raises(KeyError):
        run_one(target(read), 5, faults[0].index, tmp_path)


def test_the_run_goes_on_after_a_crash():
    def read(folder):
        if number(folder) == 3:
            os.abort()

    report = fuzz([target(read)], 20, seed=5)
    assert {fault.kind for fault in report.faults} == {"crash"}
    assert report.inputs == 20
    assert report.read["t"] > 5


def test_the_run_goes_on_after_a_hang(monkeypatch):
    monkeypatch.setattr(runner, "HANG_SECONDS", 0.3)

    def read(folder):
        while number(folder) == 3:
            pass

    report = fuzz([target(read)], 8, seed=5)
    assert {(fault.kind, fault.message) for fault in report.faults} == {("hang", "it took more than 0.3 seconds of processor time")}
    assert report.inputs == 8


def test_an_input_that_waits_for_something_is_a_hang_and_one_that_waits_for_the_processor_is_none(monkeypatch):
    monkeypatch.setattr(runner, "HANG_SECONDS", 0.3)

    def read(folder):
        if number(folder) == 3:
            time.sleep(0.5)

    assert fuzz([target(read)], 8, seed=5).faults == []
    monkeypatch.setattr(runner, "WAIT_SECONDS", 0.3)
    report = fuzz([target(read)], 8, seed=5)
    assert {(fault.kind, fault.message) for fault in report.faults} == {("hang", "it took more than 0.3 seconds")}
    assert report.inputs == 8


def test_memory_out_of_proportion_is_a_fault(monkeypatch):
    monkeypatch.setattr(runner, "MEMORY", 200 << 20)
    report = fuzz([target(lambda folder: b"x" * (400 << 20) if number(folder) == 3 else None)], 8, seed=5)
    assert {fault.kind for fault in report.faults} == {"memory"}


def test_a_file_outside_of_the_folder_is_a_fault():
    report = fuzz([target(lambda folder: (folder.parent / "escaped").touch() if number(folder) == 3 else None)], 20, seed=5)
    assert {fault.kind for fault in report.faults} == {"escape"}
    assert any("escaped" in fault.message for fault in report.faults)


def test_the_same_seed_gives_the_same_inputs_on_any_number_of_workers():
    def read(folder):
        if number(folder) == 3:
            raise InputError("no")

    targets = [target(read), Target("u", target(read).make, read, share=0.5)]
    one, two = (fuzz(targets, 60, seed=2, workers=workers) for workers in (1, 2))
    assert (one.read, one.refused) == (two.read, two.refused)
    assert one.read["u"] + one.refused["u"] == 30


def test_the_report_is_text_and_plain_values():
    def read(_folder):
        raise KeyError("x")

    report = fuzz([target(read)], 3)
    assert "t 0: exception: KeyError" in str(report)
    values = json.loads(json.dumps(report.to_dict()))
    assert (values["inputs"], values["read"], len(values["faults"])) == (3, {"t": 0}, 3)
    assert values["faults"][0] == {"target": "t", "index": 0, "kind": "exception", "message": report.faults[0].message}
    assert json.loads(json.dumps(fuzz([target(number)], 3).to_dict()))["read"] == {"t": 3}
