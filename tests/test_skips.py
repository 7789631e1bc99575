"""Plugin that lets tests be skipped only for listed reasons."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parent / "plugins"


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
