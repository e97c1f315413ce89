import io
import json

from lobdesk.progress import BarProgress, JsonProgress, NoProgress, make_progress


def test_json_lines_carry_phase_counts_and_facts() -> None:
    stream = io.StringIO()
    progress = JsonProgress(stream)
    progress.update("train", 0, 10, loss=0.5)
    progress.update("train", 10, 10)
    progress.finish("finished", run="t0001")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["progress", "progress", "finished"]
    assert (lines[0]["phase"], lines[0]["done"], lines[0]["total"]) == ("train", 0, 10)
    assert lines[0]["loss"] == 0.5
    assert lines[2]["run"] == "t0001"


def test_a_flood_of_updates_is_thinned_but_the_last_one_is_kept() -> None:
    stream = io.StringIO()
    progress = JsonProgress(stream)
    for done in range(10_001):
        progress.update("scan", done, 10_000)

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) < 1000
    assert (lines[0]["done"], lines[-1]["done"]) == (0, 10_000)


def test_a_bar_shows_the_share() -> None:
    stream = io.StringIO()
    BarProgress(stream).update("index", 1, 2)
    assert " 50%" in stream.getvalue()


def test_auto_is_silent_without_a_terminal() -> None:
    assert isinstance(make_progress("auto", io.StringIO()), NoProgress)
    assert isinstance(make_progress("json", io.StringIO()), JsonProgress)
