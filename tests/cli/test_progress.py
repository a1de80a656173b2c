"""Progress reads well as plain lines and draws itself on a terminal."""

import io
import re
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ganvas.cli import console
from ganvas.cli.interrupt import StopRequest
from ganvas.cli.live import LiveDisplay
from ganvas.cli.progress import (
    PlainDisplay,
    follow,
    kimg,
    line,
    open_display,
    percent,
    watched,
)
from ganvas.cli.running import closing
from ganvas.training.events import (
    Evaluated,
    Finished,
    Noted,
    Snapshotted,
    Started,
    Stepped,
    Ticked,
)

STATS = {"loss/d": 0.694, "loss/g": 0.706}
TICK = Ticked(12_320, 40_000, 200.0, 250.0, 61.04, STATS, "healthy")
END = Finished(Path("runs/00001-a"), 40_000, 40_000, interrupted=False, already=False)


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def on(file: io.StringIO) -> Console:
    return Console(file=file, markup=False, highlight=False, width=100, height=40)


def drawn(file: io.StringIO) -> str:
    """What was written to a terminal, without its control codes."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue())


def test_a_tick_is_one_line_with_everything_in_it():
    assert line(TICK) == (
        "tick  12.3 kimg  30 %  eta 4m10s  61.0 img/s  loss/d 0.69  loss/g 0.71  healthy"
    )


def test_without_a_guard_a_tick_says_nothing_about_health():
    assert line(Ticked(20_000, 40_000, 1.0, 1.0, 1.0, STATS)).endswith("loss/g 0.71")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            Started(Path("runs/a"), 0, 40_000, False, 61.04),
            "train  runs/a  0.00 to 40.0 kimg, 61.0 img/s",
        ),
        (
            Started(Path("runs/a"), 1_000, 4_000, True, 0.0),
            "continue  runs/a  1.00 to 4.00 kimg",
        ),
        (Snapshotted(8_000, Path("runs/a/s.png")), "save  8.00 kimg  runs/a/s.png"),
        (Noted(8_000, "all is well"), "note  8.00 kimg  all is well"),
        (Noted(8_000, "it memorises", "act"), "act  8.00 kimg  it memorises"),
        (
            Evaluated(
                8_000,
                {
                    f"metric/{k}": 0.03125
                    for k in ("kid_vgg19", "kid_vgg19_std", "recall_vgg19_real")
                },
                True,
            ),
            "score  8.00 kimg  kid_vgg19 0.03125  (best so far)",
        ),
        (Stepped(8_000, 40_000), None),
    ],
)
def test_every_event_has_its_line(event, expected):
    assert line(event) == expected


def test_a_long_line_stays_one_line_in_a_log():
    file = io.StringIO()
    PlainDisplay(partial(print, file=file)).show(Noted(1, "word " * 100))
    assert file.getvalue().count("\n") == 1


def test_preparing_is_shown_rarely_in_a_log(monkeypatch):
    file, now = io.StringIO(), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    display = PlainDisplay(partial(print, file=file))
    for done in range(100):
        now = float(done)
        display.preparing(done, 100)
    assert len(file.getvalue().splitlines()) == 19


def test_ticks_come_rarely_in_a_log_but_the_first_and_the_last_always_do(monkeypatch):
    file, now = io.StringIO(), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    display = PlainDisplay(partial(print, file=file))
    for nimg in range(1, 101):
        now = float(nimg)
        display.show(Ticked(nimg, 100, 1.0, 1.0, 1.0, STATS))
    shares = [said.split("kimg  ")[1].split(" %")[0] for said in file.getvalue().splitlines()]
    assert shares == [*(str(share) for share in range(1, 100, 5)), "100"]


def test_what_is_not_a_terminal_gets_lines_and_a_terminal_gets_a_bar():
    assert isinstance(open_display(on(io.StringIO())), PlainDisplay)
    with open_display(on(Terminal())) as display:
        assert isinstance(display, LiveDisplay)


def test_a_terminal_shows_share_time_left_speed_losses_health_and_the_last_note():
    file = Terminal()
    with open_display(on(file)) as display:
        for event in (
            Started(Path("runs/a"), 0, 40_000, False, 61.0),
            TICK,
            Stepped(20_000, 40_000),
            Evaluated(20_000, {"metric/kid_vgg19": 0.03}, False),
            Noted(20_000, "the last note"),
            END,
        ):
            display.show(event)
    text = drawn(file)
    for part in ("50 %", "eta 4m", "61.0 img/s", "loss/d 0.69", "healthy", "kid_vgg19 0.03"):
        assert part in text
    assert "the last note" in text


def test_the_cursor_comes_back_after_an_error():
    file = Terminal()
    with pytest.raises(RuntimeError), open_display(on(file)):
        raise RuntimeError
    shown = file.getvalue()
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_following_shows_everything_and_returns_the_end():
    file = io.StringIO()
    note = Noted(12_320, "a word")
    assert follow([TICK, note, END], PlainDisplay(partial(print, file=file))) == END
    assert len(file.getvalue().splitlines()) == 2


def test_only_the_first_of_several_processes_speaks(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    open_display(console.out()).show(TICK)
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("RANK", "0")
    open_display(console.out()).show(TICK)
    assert capsys.readouterr().out.startswith("tick")


def test_a_request_to_stop_ends_a_preparation():
    request = StopRequest()
    on_prepare = watched(PlainDisplay(print), request)
    on_prepare(1, 2)
    request._asked = True
    with pytest.raises(KeyboardInterrupt):
        on_prepare(2, 2)


def test_the_end_says_where_the_pictures_are_and_what_to_type(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    samples = Path("runs/00001-a/samples")
    samples.mkdir(parents=True)
    for name in ("000009kimg.png", "000010kimg.png"):
        (samples / name).touch()
    text = closing(END, again="")
    assert "runs/00001-a/samples/000010kimg.png" in text
    assert "ganvas generate 00001-a -o pictures --grid" in text


def test_an_interrupted_training_says_how_it_goes_on():
    stopped = Finished(Path("runs/a"), 1_000, 40_000, interrupted=True, already=False)
    text = closing(stopped, again="ganvas train 'my photos'")
    assert "ganvas train 'my photos'" in text
    assert "1.00 of 40.0 kimg" in text


@given(st.floats(0, 1e7))
def test_durations_keep_at_least_their_two_largest_units(seconds):
    text = console.duration(seconds)
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"(\d+)([dhms])", text)
    assert "".join(number + unit for number, unit in parts) == text
    back = sum(int(number) * units[unit] for number, unit in parts)
    assert abs(back - seconds) <= max(0.5, units[parts[-1][1]] if len(parts) == 2 else 0.5)


def test_a_time_that_is_not_known_is_not_an_error():
    assert console.duration(float("inf")) == "?"


@given(st.integers(1, 10**9), st.integers(0, 100))
def test_a_training_is_at_100_percent_only_at_its_end(total, missing):
    done = max(0, total - missing)
    assert (percent(done / total) == "100 %") == (done == total)


@pytest.mark.parametrize(("nimg", "text"), [(64, "0.06"), (9_999, "10.00"), (123_456, "123.5")])
def test_short_runs_are_counted_more_finely(nimg, text):
    assert kimg(nimg) == text


@pytest.mark.parametrize(
    ("num", "text"), [(0, "0 B"), (999, "999 B"), (20_100_000, "20.1 MB"), (4e12, "4000.0 GB")]
)
def test_sizes(num, text):
    assert console.size(num) == text
