"""Progress: reports to a function of the caller, progress bars on request, silence otherwise."""

import pytest

from promptseg.errors import ConfigError
from promptseg.runtime.progress import Progress, counter, report_to, reports_progress, shown, track


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


def test_the_command_line_shows_no_bar_in_a_pipe(capfd):
    with shown():
        work()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("wrong", [3, "yes", object()])
def test_anything_else_is_refused(wrong):
    with pytest.raises(ConfigError, match="progress is True for progress bars, or a function"):
        work(progress=wrong)
