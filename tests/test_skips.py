"""Plugin that lets tests be skipped only for listed reasons."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PLUGINS = TESTS / "plugins"


@pytest.fixture
def is_allowed(pytestconfig):
    return pytestconfig.pluginmanager.get_plugin("skips").is_allowed


@pytest.mark.parametrize(
    "reason", ["the exporter needs torch", "superpixels need scikit-image", "video files need package av", "Ray is not installed"]
)
def test_a_missing_package_is_a_reason_unless_all_are_installed(reason, is_allowed):
    assert is_allowed(reason, all_packages=False)
    assert not is_allowed(reason, all_packages=True)


def test_what_a_host_lacks_is_a_reason_everywhere(is_allowed):
    assert is_allowed("there is no chromium on this machine", all_packages=True)


@pytest.mark.parametrize("reason", ["flaky", "unconditional skip", "it needs a rewrite some day", "takes no points"])
def test_any_other_reason_is_refused(reason, is_allowed):
    assert not is_allowed(reason, all_packages=False)


def reasons_in(path: Path) -> Iterator[tuple[int, str]]:
    """The lines and reasons of the skips that a file of tests may make. A value that an f-string inserts is "something"."""
    tree = ast.parse(path.read_bytes())
    constants = {
        node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        given = [word.value for word in call.keywords if word.arg == "reason"] if name in ("skipif", "skip", "importorskip") else []
        for reason in given or (call.args[:1] if name == "skip" and ast.unparse(call.func) == "pytest.skip" else []):
            value = constants.get(reason.id) if isinstance(reason, ast.Name) else reason
            if isinstance(value, ast.Constant):
                yield call.lineno, value.value
            elif isinstance(value, ast.JoinedStr):
                yield call.lineno, "".join(part.value if isinstance(part, ast.Constant) else "something" for part in value.values)


def test_each_reason_in_the_tests_is_allowed_wherever_it_may_come_to_pass(is_allowed):
    found = [(path.relative_to(TESTS), line, reason) for path in sorted(TESTS.rglob("*.py")) for line, reason in reasons_in(path)]
    assert len(found) > 100
    assert not [each for each in found if not is_allowed(each[2], all_packages=False)]


@pytest.fixture
def run(tmp_path):
    """Run pytest with the plugin alone in a new process, on tests with these bodies: ``run([body, …], *words)``."""

    def run(bodies, *words):
        for index, body in enumerate(bodies):
            (tmp_path / f"test_{index}.py").write_text(f"import pytest\n{body}\ndef test_that_passes():\n    pass\n")
        command = [sys.executable, "-m", "pytest", "-p", "skips", "-p", "no:cacheprovider", *words, str(tmp_path)]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(PLUGINS)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


OF_A_MODULE = "pytest.skip('flaky module', allow_module_level=True)"
OF_A_TEST = "def test_a(): pytest.skip('flaky test')"
LISTED = "def test_b(): pytest.skip('the exporter needs torch')"


@pytest.mark.parametrize("workers", [[], ["-p", "xdist", "-n", "1"]])
def test_a_skip_that_is_not_listed_fails_the_run_and_is_named(workers, run):
    if workers:
        pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    done = run([OF_A_MODULE, OF_A_TEST, LISTED], *workers)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    named = done.stdout[done.stdout.index("skips that are not allowed") :]
    assert "test_0.py:2: flaky module" in named
    assert "test_1.py:2: flaky test" in named
    assert "torch" not in named


def test_a_listed_skip_does_not_fail_the_run(run):
    assert run([LISTED]).returncode == pytest.ExitCode.OK
