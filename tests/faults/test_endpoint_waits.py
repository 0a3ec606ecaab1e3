"""Servers that ask for long waits: said at once, capped, and other work goes on."""

from __future__ import annotations

import datetime
import email.utils
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from endpoint_cases import BAD, Hostile, Scripted, body, collected, raw, teacher_of

from smallsteps.errors import UNAVAILABLE, UserError
from smallsteps.teachers import Status, dispatch, limits
from smallsteps.teachers.limits import Pacer, retry_after, span

pytestmark = pytest.mark.timeout(90)
SLOW_DOWN = raw({"error": {"message": "slow down", "code": "rate_limit_exceeded"}})
YEAR = str(365 * 86400)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest wait is two seconds, and every wait of more than one is announced."""
    for module in (limits, dispatch):
        monkeypatch.setattr(module, "LONGEST_WAIT", 2.0)
    monkeypatch.setattr(dispatch, "_SAID", 1.0)


def heard(teacher: Any) -> list[str]:
    said: list[str] = []
    teacher.announce = said.append
    return said


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("status", [429, 503])
def test_a_request_that_is_to_wait_a_year_holds_up_no_other(tmp_path: Path, status: int) -> None:
    """The run waited, and said nothing."""
    order: list[str] = []

    def script(asked: dict[str, Any], number: int) -> Scripted:
        prompt = asked["messages"][-1]["content"]
        order.append(prompt)
        if f"What is {BAD} +" in prompt and order.count(prompt) == 1:
            return Scripted(SLOW_DOWN, status, {"retry-after": YEAR})
        return Scripted(raw(body()))

    with Hostile(script=script) as server:
        teacher = teacher_of(server)
        said = heard(teacher)
        rows = collected(teacher, tmp_path / "s", 20)
    assert [row.status for row in rows] == [Status.OK] * 20
    assert said == [
        "the endpoint asks to wait 365 days (Retry-After): this request is tried again in 2 s, "
        "the others continue"
    ]
    assert f"What is {BAD} +" in order[-1], "tried again after all others"


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("after", [YEAR, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_tells_all_to_wait_ends_the_run(tmp_path: Path, after: str) -> None:
    refusal = Scripted(SLOW_DOWN, 429, {"retry-after": after})
    with Hostile(script=lambda asked, number: refusal) as server:
        teacher = teacher_of(server)
        said = heard(teacher)
        with pytest.raises(UserError, match=r"asks to wait [0-9]+ days .*slow down") as caught:
            collected(teacher, tmp_path / "s", 40)
        assert caught.value.code == UNAVAILABLE
        assert "run the same command again" in str(caught.value)
        assert len(server.times) <= 12
    assert len(said) == 1


@pytest.mark.usefixtures("short")
def test_a_pause_within_reason_is_kept_and_said(tmp_path: Path) -> None:
    def script(asked: dict[str, Any], number: int) -> Scripted:
        if number == 3:
            return Scripted(SLOW_DOWN, 429, {"retry-after-ms": "1500"})
        return Scripted(raw(body()))

    with Hostile(script=script) as server:
        teacher = teacher_of(server, limits={"concurrency": 1})
        said = heard(teacher)
        collected(teacher, tmp_path / "s")
        assert server.times[3] - server.times[2] >= 1.45
    assert said == ["waiting 2 s: the endpoint asks for it (Retry-After)"]


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "999999h"},
        {"x-ratelimit-limit-requests": "0.000000001"},
        {"x-ratelimit-limit-tokens": "1.5"},
        {"x-ratelimit-limit-requests": "1"},
    ],
    ids=["reset", "none a minute", "tokens", "one a minute"],
)
def test_absurd_limits_in_headers_are_capped(tmp_path: Path, headers: dict[str, str]) -> None:
    with Hostile(script=lambda asked, number: Scripted(raw(body()), 200, headers)) as server:
        teacher = teacher_of(server)
        said = heard(teacher)
        started = time.monotonic()
        rows = collected(teacher, tmp_path / "s", 3)
        assert time.monotonic() - started < 20
    assert [row.status for row in rows] == [Status.OK] * 3
    assert all(text.startswith("waiting ") for text in said)
    assert said or "0.000000001" in headers.values()


def test_every_form_of_retry_after() -> None:
    now = datetime.datetime.now(datetime.UTC)
    soon = email.utils.format_datetime(now + datetime.timedelta(seconds=30), usegmt=True)
    found = retry_after({"retry-after": soon}, now.timestamp())
    assert found is not None
    assert 28 < found <= 30
    for value in ("-5", "NaN", "inf", "1e9", "Fri, 31 Dec 99999999 23:59:59 GMT", "", "soon", "9" * 50):
        assert retry_after({"retry-after": value}) is None, value
    for value in ("Fri, 31 Dec 0001 23:59:59 +2359", "Mon, 01 Jan 0001 00:00:00 +0000"):
        assert retry_after({"retry-after": value}) in (None, 0.0)
    far = retry_after({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"})
    assert far is not None
    assert far > 7000 * 365 * 86400
    assert [span(s) for s in (5, 90, 150, 9000, 200_000)] == ["5 s", "90 s", "2 minutes", "2 hours", "2 days"]


def test_a_limit_of_the_user_is_never_cut_short() -> None:
    """Only what a server states is capped."""
    pacer = Pacer(1.0, clock=lambda: 0.0)
    pacer.wait()
    pacer.learn(0.5)
    pacer.learn(2.0)
    assert (pacer.per_minute, pacer.learned) == (1.0, False)
    assert 60 < pacer.wait() < 63
