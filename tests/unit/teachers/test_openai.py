"""The endpoint teacher against a loopback server that misbehaves."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from hostile_server import FAULTS, Hostile, text_of

from smallsteps.corpora import Store, collect, plan
from smallsteps.errors import IO_ERROR, UNAVAILABLE, UserError
from smallsteps.problems import AnswerKind, Problem
from smallsteps.teachers import Sampling, Status
from smallsteps.teachers.budget import BudgetReachedError, Purse
from smallsteps.teachers.keys import confirm
from smallsteps.teachers.openai import OpenAITeacher
from smallsteps.teachers.prices import Price
from smallsteps.teachers.prompting import Template
from smallsteps.teachers.spec import LimitsSpec, OpenAISpec

TEMPLATE = Template("t", "Q: {{ question }}")
SAMPLING = Sampling(temperature=0.7, max_tokens=64, seed=100)


def problems(count: int) -> list[Problem]:
    return [Problem(str(i), f"What is {i} + 1?", str(i + 1), AnswerKind.NUMBER) for i in range(count)]


def teacher_for(server: Hostile, **limits: object) -> OpenAITeacher:
    spec = OpenAISpec(
        kind="openai",
        model="m",
        base_url=server.url,
        limits=LimitsSpec.model_validate({"timeout": 2.0, "retries": 2.0, "attempts": 12, **limits}),
    )
    return OpenAITeacher(spec)


def texts_are_right(store: Store, seed: int = 100) -> bool:
    return all(row.text == text_of(row.prompt, seed + row.sample) for row in store)


def run(teacher: OpenAITeacher, path: Path, count: int, samples: int, sampling: Sampling = SAMPLING) -> Store:
    store = Store(path, durable=False)
    try:
        collect(teacher, plan(teacher.name, problems(count), TEMPLATE, sampling, samples), store)
    except BaseException:
        store.close()
        raise
    return store


def test_plain_run_uses_n_and_places_choices(tmp_path: Path) -> None:
    with Hostile() as server:
        store = run(teacher_for(server), tmp_path / "s", 20, 4)
        assert len(server.times) == 20
        assert store.counts() == {Status.OK: 80}
        assert texts_are_right(store)
        usage = store.usage()
        assert usage["attempts"] == 20
        assert usage["prompt_tokens"] == 20 * 6
        store.close()


def test_refused_n_falls_back_to_single_requests(tmp_path: Path) -> None:
    with Hostile(refuse=("n",)) as server:
        teacher = teacher_for(server)
        store = run(teacher, tmp_path / "s", 10, 3)
        assert len(server.times) == 1 + 30
        assert store.counts() == {Status.OK: 30}
        assert texts_are_right(store)
        assert teacher.notices == ["the endpoint refuses 'n': every sample is a separate request"]
        store.close()


def test_refused_logprobs_are_said_plainly(tmp_path: Path) -> None:
    with Hostile(refuse=("logprobs",)) as server:
        with pytest.raises(UserError, match="no log-probabilities") as caught:
            run(teacher_for(server), tmp_path / "s", 10, 1, SAMPLING.model_copy(update={"logprobs": 5}))
        assert "huggingface" in str(caught.value)
        assert len(server.times) == 1


def test_a_refused_temperature_stops_the_run_at_once(tmp_path: Path) -> None:
    """Reasoning models take one temperature only; every row became an error of its own."""
    with Hostile(refuse=("temperature",)) as server:
        with pytest.raises(UserError, match="refuses the parameter 'temperature'") as caught:
            run(teacher_for(server), tmp_path / "s", 10, 1)
        assert "take 1 alone" in str(caught.value)
        assert len(server.times) == 1


def test_logprobs_are_stored(tmp_path: Path) -> None:
    with Hostile() as server:
        store = run(teacher_for(server), tmp_path / "s", 3, 1, SAMPLING.model_copy(update={"logprobs": 1}))
        row = next(iter(store))
        assert " ".join(token.token for token in row.tokens) == row.text
        assert row.tokens[0].top == ((row.tokens[0].token, -0.5),)
        store.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_loses_nothing(tmp_path: Path, fault: str) -> None:
    with Hostile(fault_rate=0.2, faults=(fault,), seed=3, slow=0.6) as server:
        teacher = teacher_for(server, timeout=0.5)
        store = run(teacher, tmp_path / "s", 30, 2)
        assert store.counts() == {Status.OK: 60}
        assert texts_are_right(store)
        assert server.counts[fault] > 0
        store.close()


def test_second_run_asks_for_nothing_and_other_parameters_for_all(tmp_path: Path) -> None:
    with Hostile() as server:
        run(teacher_for(server), tmp_path / "s", 10, 1).close()
        run(teacher_for(server), tmp_path / "s", 10, 1).close()
        assert len(server.times) == 10
        run(teacher_for(server), tmp_path / "s", 10, 1, SAMPLING.model_copy(update={"top_p": 0.9})).close()
        assert len(server.times) == 20
        store = run(teacher_for(server), tmp_path / "s", 10, 3)
        assert len(server.times) == 30
        assert server.bodies[-1]["n"] == 2  # the first sample was there already
        assert len(store) == 40
        store.close()


def test_what_keeps_failing_becomes_an_error_and_is_asked_again(tmp_path: Path) -> None:
    with Hostile(fault_rate=1.0, faults=("500",)) as server:
        server.fault_rate = 0.0
        teacher = teacher_for(server, attempts=2, retries=50.0)
        run(teacher, tmp_path / "s", 1, 1).close()
        server.fault_rate = 1.0
        with pytest.raises(UserError, match="does not answer"):
            run(teacher, tmp_path / "s", 3, 1)
        server.fault_rate = 0.0
        teacher = teacher_for(server, attempts=1, retries=50.0)
        run(teacher, tmp_path / "s", 1, 1).close()
        server.fault_rate = 0.5
        with run(teacher, tmp_path / "s", 40, 1) as store:
            assert 0 < store.counts()[Status.ERROR] < 40
            assert all(row.error.startswith("500") for row in store if row.status is Status.ERROR)
        server.fault_rate = 0.0
        with run(teacher, tmp_path / "s", 40, 1) as store:
            assert store.counts() == {Status.OK: 40}
            assert texts_are_right(store)


def test_retry_budget_of_the_run(tmp_path: Path) -> None:
    with Hostile(fault_rate=0.9, faults=("429-after",), seed=1) as server:
        with pytest.raises(UserError, match="retries are used up") as caught:
            run(teacher_for(server, retries=0.0), tmp_path / "s", 200, 1)
        assert caught.value.code == UNAVAILABLE
        assert len(server.times) < 80


def test_key_is_never_shown_or_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-verysecret0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    with Hostile(key="sk-other") as server:
        confirm(f"OPENAI_API_KEY={server.url}")
        with pytest.raises(UserError) as caught:
            run(teacher_for(server), tmp_path / "s", 2, 1)
        shown = "".join(str(e) for e in (caught.value, caught.value.__cause__, caught.value.__context__))
        assert "OPENAI_API_KEY" in shown
        assert secret not in shown
    with Hostile(key=secret, fault_rate=0.3, faults=("500",)) as server:
        confirm(f"OPENAI_API_KEY={server.url}")
        run(teacher_for(server), tmp_path / "s", 20, 1).close()
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes()


def test_missing_key_for_the_real_service_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    teacher = OpenAITeacher(OpenAISpec(kind="openai", model="m"))
    with pytest.raises(UserError, match="OPENAI_API_KEY is not set"), Store(tmp_path / "s") as store:
        collect(teacher, plan(teacher.name, problems(1), TEMPLATE, SAMPLING, 1), store)


def test_budget_is_never_exceeded_and_can_be_raised(tmp_path: Path) -> None:
    with Hostile() as server:
        teacher = teacher_for(server)
        teacher.purse = Purse(Price(input=1000.0, output=1000.0), 1.0)
        with pytest.raises(BudgetReachedError) as caught:
            run(teacher, tmp_path / "s", 200, 1)
        assert caught.value.code == 2
        with Store(tmp_path / "s") as store:
            spent = sum(store.usage()[k] for k in ("prompt_tokens", "completion_tokens")) / 1000
            assert 0.8 < spent <= 1.0
            first = len(store)
        teacher = teacher_for(server)
        teacher.purse = Purse(Price(input=1000.0, output=1000.0), 100.0)
        with run(teacher, tmp_path / "s", 200, 1) as store:
            assert len(store) == 200
        assert len(server.times) == 200
        assert first < 200


def test_full_disk_stops_the_run_with_its_reason(tmp_path: Path) -> None:
    with Hostile() as server, Store(tmp_path / "s") as store:
        teacher = teacher_for(server)
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(UserError, match="no space left") as caught:
            collect(teacher, plan(teacher.name, problems(400), TEMPLATE, SAMPLING, 1), store)
        assert caught.value.code == IO_ERROR


def worst_window(times: Sequence[float], seconds: float) -> int:
    """Most requests in any window of that length."""
    most = start = 0
    for end, moment in enumerate(times):
        while moment - times[start] > seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


@pytest.mark.parametrize("stated_by", ["settings", "headers"])
def test_throughput_just_below_the_limit(tmp_path: Path, stated_by: str) -> None:
    rate = 40.0
    with Hostile(per_minute=60 * rate, delay=0.05) as server:
        limits = {"requests_per_minute": 60 * rate} if stated_by == "settings" else {}
        started = time.monotonic()
        store = run(teacher_for(server, **limits), tmp_path / "s", 320, 1)
        elapsed = time.monotonic() - started
        assert store.counts() == {Status.OK: 320}
        assert server.over == 0
        # the headers are learned from the first answer; what is in flight by then is small
        assert 320 / elapsed >= 0.9 * rate, elapsed
        # never ahead of the limit, but for the half second that may be caught up
        assert worst_window(server.times, 5.0) <= 5.5 * rate
        store.close()


@pytest.mark.full
def test_ten_thousand_requests_with_faults(tmp_path: Path) -> None:
    import resource

    rate = 60.0
    with Hostile(fault_rate=0.05, seed=5, per_minute=60 * rate, delay=0.02, slow=5.0) as server:
        teacher = teacher_for(server, requests_per_minute=60 * rate, timeout=5.0, concurrency=128)
        run(teacher, tmp_path / "warm", 300, 1).close()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        warm = len(server.times)
        store = run(teacher, tmp_path / "s", 10_000, 1)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert store.counts() == {Status.OK: 10_000}
        assert texts_are_right(store)
        times = server.times[warm:]
        rates = len(times) / (times[-1] - times[0])
        print(f"{rates:.1f} requests/s of {rate}, memory grew by {grown:.0f} MiB, over {server.over}")
        assert rates >= 0.9 * rate
        assert server.over == 0
        assert worst_window(server.times, 60.0) <= 60.0 * rate
        assert grown < 200
        store.close()


def test_hostile_set_together(tmp_path: Path) -> None:
    with Hostile(fault_rate=0.05, seed=11, slow=1.0) as server:
        store = run(teacher_for(server, timeout=1.0), tmp_path / "s", 300, 3)
        assert store.counts() == {Status.OK: 900}
        assert texts_are_right(store)
        assert len(list(itertools.chain(store))) == 900
        store.close()
