"""The tool that tries faults: its list fits the code, and it tells what is noticed from what is not."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "mutants" / "run.py"


def load():
    spec = importlib.util.spec_from_file_location("mutants_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up.
    spec.loader.exec_module(module)
    return module


mutants = load()
FAULTS = mutants.read_faults()


def test_every_fault_still_applies_to_the_code():
    sources = {fault.file: (mutants.ROOT / mutants.PACKAGE / fault.file).read_text("utf-8") for fault in FAULTS}
    for fault in FAULTS:
        compile(fault.applied(sources[fault.file]), fault.file, "exec")


def test_every_fault_is_explained_and_listed_once():
    assert all(fault.why for fault in FAULTS)
    assert len({fault.key for fault in FAULTS}) == len(FAULTS)


def test_every_fault_has_tests_that_are_there():
    assert {test for fault in FAULTS for test in mutants.mirror_of(fault) if not (mutants.ROOT / test).exists()} == set()
    assert all(mutants.mirror_of(fault) not in ((), ("tests",)) for fault in FAULTS)


def test_old_text_that_is_not_there_once_is_refused():
    for source, count in (("b = 1\n", 0), ("a < b\na < b\n", 2)):
        with pytest.raises(ValueError, match=f"occurs {count} times"):
            mutants.Fault("x.py", "a < b", "a <= b", "off by one").applied(source)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one module, whose test knows the value at 2 and not the one at 3."""
    root = tmp_path / "project"
    for name, text in {
        "src/promptseg/__init__.py": "",
        "src/promptseg/double.py": "def double(x):\n    return 2 * x if x < 3 else x + x\n",
        "tests/test_double.py": "from promptseg.double import double\n\n\ndef test_two_is_doubled():\n    assert double(2) == 4\n",
        "pytest.ini": "[pytest]\nmarkers =\n    weights\n    shared\n    full_size\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    monkeypatch.setattr(mutants, "ROOT", root)
    return root


def test_what_the_tests_notice_is_told_from_what_they_do_not_and_the_checkout_stays(project, tmp_path, capsys):
    before = (project / "src/promptseg/double.py").read_bytes()
    wrong, unseen = (
        mutants.Fault("double.py", "2 * x", "3 * x", "a wrong factor"),
        mutants.Fault("double.py", "x + x", "x", "another branch"),
    )
    mutants.try_all([wrong, unseen], tmp_path / "results.jsonl", workers=1, limit=600)
    results = mutants.read_results(tmp_path / "results.jsonl")
    assert [results[fault.key]["noticed"] for fault in (wrong, unseen)] == [True, False]
    assert results[wrong.key]["by"] == "tests/test_double.py::test_two_is_doubled"
    assert (project / "src/promptseg/double.py").read_bytes() == before
    assert mutants.report([wrong, unseen], results) == 0.5
    assert "not noticed: double.py: another branch" in capsys.readouterr().out


def test_a_test_run_that_passes_the_limit_has_noticed_the_fault(project, tmp_path):
    result = mutants.Copy(tmp_path).tried(mutants.Fault("double.py", "return 2", "return 3", "a wrong factor"), 1, limit=0)
    assert (result["noticed"], result["by"]) == (True, "the limit")


def test_without_a_fault_the_tests_must_pass(project, tmp_path):
    (project / "tests/test_double.py").write_text("def test_it_fails():\n    assert False\n", "utf-8")
    with pytest.raises(SystemExit, match="fail without any fault"):
        mutants.try_all([mutants.Fault("double.py", "2 * x", "x", "a lost factor")], tmp_path / "results.jsonl", 1, 60)


def test_equivalent_faults_and_a_line_cut_off_do_not_count(tmp_path):
    seen, equivalent = mutants.Fault("a.py", "1", "2", "x"), mutants.Fault("a.py", "3", "4", "y", equivalent="the same")
    path = tmp_path / "results.jsonl"
    path.write_text(f'{{"key": "{seen.key}", "noticed": true}}\n{{"key": "{equivalent.key}", "notic', "utf-8")
    assert mutants.report([seen, equivalent], mutants.read_results(path)) == 1.0
