"""Progress: reports to a function of the caller, progress bars on request, silence otherwise."""

import io

import pytest

from promptseg.errors import ConfigError
from promptseg.runtime.progress import Lines, Progress, counter, report_to, reports_progress, shown, track


@reports_progress
def work(count=3, *, done=0, progress=None):
    return list(track(range(done, count), stage="work", total=count, done=done, unit="item"))


@reports_progress
def outer(*, progress=None):
    return work(2), work(1)


def test_every_item_is_reported_once_after_a_report_of_what_was_done_before():
    reports = []
    assert work(3, done=1, progress=reports.append) == [1, 2]
    assert reports == [Progress("work", done, 3, "item") for done in (1, 2, 3)]


def test_an_item_is_done_when_the_next_one_is_asked_for():
    seen = []

    @reports_progress
    def steps(*, progress=None):
        seen.extend(("worked on", item) for item in tracked())

    def tracked():
        return track("ab", stage="work", total=2, unit="item")

    steps(progress=lambda report: seen.append(report.done))
    assert seen == [0, ("worked on", "a"), 1, ("worked on", "b"), 2]


def test_the_parts_of_a_call_report_to_the_listener_of_the_call():
    reports = []
    outer(progress=reports.append)
    assert [(report.done, report.total) for report in reports] == [(0, 2), (1, 2), (2, 2), (0, 1), (1, 1)]


def test_a_block_listens_to_all_calls_in_it():
    reports = []
    with report_to(reports.append):
        work(1)
        work(1)
    assert [report.done for report in reports] == [0, 1, 0, 1]


def test_the_bar_of_a_part_is_gone_when_the_part_ends_before_all_is_done(capfd):
    @reports_progress
    def steps(*, progress=None):
        for _ in track(range(2), stage="images", total=2, unit="image"):
            next(iter(track(range(9), stage="parts", total=9, unit="part")))

    steps(progress=True)
    assert capfd.readouterr().err.count("parts:   0%") == 2


def test_nothing_listens_after_the_call():
    reports = []
    work(progress=reports.append)
    heard = len(reports)
    work()
    assert len(reports) == heard


def test_failures_are_counted():
    reports = []

    @reports_progress
    def count_failures(*, progress=None):
        with counted() as count:
            count(0)
            count(1)

    def counted():
        return counter(stage="annotate", total=5, done=3, unit="image")

    count_failures(progress=reports.append)
    assert [(report.done, report.failed) for report in reports] == [(3, 0), (4, 0), (5, 1)]


def test_an_exception_of_the_listener_stops_the_work_and_is_the_callers_own():
    class StopError(Exception):
        pass

    def stop(report):
        if report.done == 1:
            raise StopError

    with pytest.raises(StopError):
        work(progress=stop)
    assert work() == [0, 1, 2]


def test_true_shows_a_bar_with_the_stage_even_where_standard_error_is_no_terminal(capfd):
    work(progress=True)
    assert "work:" in capfd.readouterr().err


@pytest.mark.parametrize("silent", [None, False])
def test_library_calls_are_silent_by_default(silent, capfd):
    work(progress=silent)
    assert capfd.readouterr() == ("", "")


def test_quick_work_of_the_command_line_is_silent_in_a_pipe(capfd):
    with shown():
        work()
    assert capfd.readouterr() == ("", "")


class TestLines:
    """Lines in a pipe or a log, in place of a bar. A clock that a test sets says when one is due."""

    @pytest.fixture
    def clock(self, monkeypatch):
        now = [0.0]
        monkeypatch.setattr("promptseg.runtime.progress.monotonic", lambda: now[0])
        return now

    def test_a_line_comes_when_it_is_due_and_not_before(self, clock, capfd):
        lines = Lines()
        for second in range(95):
            clock[0] = float(second)
            lines.tell(f"{second} s")
        assert capfd.readouterr() == ("", "promptseg: 30 s\npromptseg: 60 s\npromptseg: 90 s\n")

    def test_it_names_the_stages_at_work_and_none_that_ended(self, clock, capfd):
        with shown():
            for _ in track(range(3), stage="annotate", total=3, unit="image"):
                for _ in track(range(2), stage="everything", total=2, unit="batch"):
                    clock[0] += 20
        assert capfd.readouterr().err.splitlines() == [
            "promptseg: annotate: 0 of 3 images; everything: 2 of 2 batches",
            "promptseg: annotate: 1 of 3 images; everything: 2 of 2 batches",
            "promptseg: annotate: 2 of 3 images; everything: 2 of 2 batches",
        ]

    def test_failures_are_told(self, clock, capfd):
        with shown(), counter(stage="annotate", total=1, done=0, unit="image") as count:
            clock[0] = 31
            count(1)
        assert capfd.readouterr().err == "promptseg: annotate: 1 of 1 image, 1 failed\n"

    @pytest.mark.parametrize("closed", [True, False])
    def test_a_log_that_cannot_be_written_stops_no_work(self, closed, clock, monkeypatch):
        stream = io.StringIO()
        if closed:
            stream.close()
        stream.isatty = lambda: False
        stream.write = raising(BrokenPipeError()) if not closed else stream.write
        monkeypatch.setattr("sys.stderr", stream)
        with shown():
            for _ in track(range(2), stage="train", total=2, unit="step"):
                clock[0] += 40

    def test_a_terminal_has_bars_and_no_lines(self, clock, monkeypatch, capfd):
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        lines = Lines()
        clock[0] = 100
        lines.tell("too much")
        assert capfd.readouterr().err == ""
        with shown():
            work()
        assert "work:" in capfd.readouterr().err


def raising(error):
    def write(_):
        raise error

    return write


@pytest.mark.parametrize("wrong", [3, "yes", object()])
def test_anything_else_is_refused(wrong):
    with pytest.raises(ConfigError, match="progress is True for progress bars, or a function"):
        work(progress=wrong)
