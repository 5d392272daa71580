"""Progress of downloads on a terminal and in a log."""

from io import StringIO

from home_sentry_engine.cli.progress import ProgressLines
from home_sentry_engine.vision.store import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def feed(lines: ProgressLines, total: int | None, pieces: int = 100) -> None:
    for done in range(pieces + 1):
        lines(Progress(model_id="m", file="m.onnx", origin="source", done_bytes=done * 1_000_000, total_bytes=total))


def test_a_log_gets_a_line_at_each_tenth():
    stream = StringIO()
    feed(ProgressLines(quiet=False, stream=stream), 100_000_000)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[5] == "  m.onnx from the source: 50.0 of 100.0 MB (50 %)"


def test_a_log_gets_few_lines_without_a_known_size():
    stream = StringIO()
    feed(ProgressLines(quiet=False, stream=stream), None)
    assert stream.getvalue().splitlines() == [
        "  m.onnx from the source: 0.0 MB",
        "  m.onnx from the source: 50.0 MB",
        "  m.onnx from the source: 100.0 MB",
    ]


def test_a_terminal_gets_one_moving_line_and_then_the_result():
    stream = Terminal()
    lines = ProgressLines(quiet=False, stream=stream)
    feed(lines, 100_000_000)
    lines.done("there")
    assert stream.getvalue().count("\r") == 101
    assert stream.getvalue().endswith("(100 %)\n  ok    there\n")


def test_quiet_tells_failures_only():
    stream = StringIO()
    lines = ProgressLines(quiet=True, stream=stream)
    feed(lines, 100_000_000)
    lines.say("something")
    lines.failed("broken")
    assert stream.getvalue() == "  FAIL  broken\n"
