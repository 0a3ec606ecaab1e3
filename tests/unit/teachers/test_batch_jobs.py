"""Batch jobs: submitted once, found again after a crash, read in any order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smallsteps.corpora import Store, collect, plan
from smallsteps.corpora.build import Collection, equip
from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem
from smallsteps.teachers import Sampling, Status
from smallsteps.teachers.batch import BatchTeacher
from smallsteps.teachers.budget import BudgetReachedError, Purse
from smallsteps.teachers.openai import OpenAITeacher
from smallsteps.teachers.prices import Price
from smallsteps.teachers.prompting import Template
from smallsteps.teachers.spec import OpenAISpec

SPEC = OpenAISpec(kind="openai", model="m", base_url="http://127.0.0.1:9/v1", batch=True)
PROBLEMS = [Problem(str(i), f"What is {i}?", str(i), AnswerKind.NUMBER) for i in range(5)]
DOLLAR_EACH = Price(input=0.0, output=1e6 / 512)  # a request costs at most one dollar, 6 tokens 0.0117


class Service:
    """The three collections of the client that batch jobs use; jobs end at the second look."""

    def __init__(self) -> None:
        self.uploads: dict[str, str] = {}
        self.jobs: dict[str, SimpleNamespace] = {}
        self.die_after_create = self.die_before_create = False
        self.broken = False
        self.errors: set[int] = set()
        self.api_key = "none"
        self.files = SimpleNamespace(create=self._upload, content=self._content)
        self.batches = SimpleNamespace(
            create=self._create, retrieve=self._retrieve, list=lambda limit: list(self.jobs.values())
        )

    def _upload(self, file: tuple[str, Any], purpose: str) -> SimpleNamespace:
        assert purpose == "batch"
        name = f"in{len(self.uploads)}"
        self.uploads[name] = file[1].read().decode()
        return SimpleNamespace(id=name)

    def _create(self, input_file_id: str, endpoint: str, completion_window: str, metadata: Any) -> Any:
        if self.die_before_create:
            raise KeyboardInterrupt
        job = SimpleNamespace(
            id=f"job{len(self.jobs)}", status="in_progress", metadata=metadata, errors=None,
            output_file_id=f"out:{input_file_id}", error_file_id=None,
        )  # fmt: skip
        self.jobs[job.id] = job
        if self.die_after_create:
            raise KeyboardInterrupt
        return job

    def _retrieve(self, name: str) -> Any:
        job = self.jobs[name]
        job.status = "completed"
        return job

    def _content(self, name: str) -> SimpleNamespace:
        lines = []
        for index, line in enumerate(self.uploads[name.removeprefix("out:")].strip().split("\n")):
            request = json.loads(line)
            text = f"The answer is {request['body']['messages'][0]['content'].split()[-1][:-1]}."
            choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 5, "completion_tokens": 6}
            body = {"choices": [choice], "usage": usage}
            status = 500 if index in self.errors else 200
            row = {
                "custom_id": request["custom_id"],
                "response": {"status_code": status, "body": body if status == 200 else {"error": "x"}},
            }
            lines.append(json.dumps(row))
        if self.broken:
            lines[-1] = lines[-1][:-9]
        stranger = json.dumps({"custom_id": "unknown", "response": None})
        return SimpleNamespace(text="\n".join([*reversed(lines), lines[0], stranger]))


def run(
    service: Service, path: Path, problems: Sequence[Problem] = PROBLEMS, purse: Purse | None = None
) -> Store:
    teacher = BatchTeacher(SPEC, poll=0.0)
    teacher._client = service
    teacher.purse = purse or Purse()
    store = Store(path)
    teacher.memory = store.note
    requests = plan(teacher.name, problems, Template("t", "{{ question }}"), Sampling(), 1)
    try:
        collect(teacher, requests, store)
    except BaseException:
        store.close()
        raise
    return store


def test_one_job_in_any_order(tmp_path: Path) -> None:
    service = Service()
    with run(service, tmp_path / "s") as store:
        assert store.counts() == {Status.OK: 5}
        assert all(row.text == f"The answer is {row.problem_id}." for row in store)
        assert store.usage()["completion_tokens"] == 30
    with run(service, tmp_path / "s"):
        assert len(service.jobs) == 1


def test_a_job_whose_id_was_lost_is_found_again(tmp_path: Path) -> None:
    service = Service()
    service.die_after_create = True
    with pytest.raises(KeyboardInterrupt):
        run(service, tmp_path / "s")
    service.die_after_create = False
    with run(service, tmp_path / "s") as store:
        assert store.counts() == {Status.OK: 5}
    assert len(service.jobs) == 1


def test_waiting_is_not_silent(tmp_path: Path) -> None:
    service = Service()
    heard: list[str] = []
    create = service.batches.create

    def counted(**kwargs: Any) -> Any:
        job = create(**kwargs)
        job.request_counts = SimpleNamespace(total=5, completed=2, failed=0)
        return job

    service.batches.create = counted
    teacher = BatchTeacher(SPEC, poll=0.0)
    teacher._client, teacher.on_progress = service, heard.append
    with Store(tmp_path / "s") as store:
        teacher.memory = store.note
        collect(teacher, plan(teacher.name, PROBLEMS, Template("t", "{{ question }}"), Sampling(), 1), store)
    assert heard == ["batch job job0: in_progress, 2 of 5 answered; may take a day (Ctrl-C is safe)"]


def sizes(service: Service) -> list[int]:
    return [text.count("custom_id") for text in service.uploads.values()]


def test_a_job_of_other_requests_is_waited_for_too(tmp_path: Path) -> None:
    """A changed limit made another digest, and the open job's samples were paid a second time."""
    service = Service()
    service.die_after_create = True
    with pytest.raises(KeyboardInterrupt):
        run(service, tmp_path / "s", PROBLEMS[:3])
    service.die_after_create = False
    with run(service, tmp_path / "s") as store:
        assert store.counts() == {Status.OK: 5}
    assert sizes(service) == [3, 2]


def test_a_job_of_another_section_is_left_to_it(tmp_path: Path) -> None:
    service = Service()
    service.die_after_create = True
    with pytest.raises(KeyboardInterrupt):
        run(service, tmp_path / "s", PROBLEMS[:3])
    service.die_after_create = False
    with run(service, tmp_path / "s", PROBLEMS[2:]) as store:
        assert sorted(row.problem_id for row in store) == ["2", "3", "4"]
    with run(service, tmp_path / "s", PROBLEMS[:3]) as store:
        assert store.counts() == {Status.OK: 5}
        assert json.loads(store.note("batch:open") or "") == []
    assert sizes(service) == [3, 2], "no sample was asked for twice"


def test_samples_of_an_open_job_are_not_asked_for_one_by_one(tmp_path: Path) -> None:
    service = Service()
    service.die_after_create = True
    with pytest.raises(KeyboardInterrupt):
        run(service, tmp_path / "s", PROBLEMS[:3])
    service.die_after_create = False
    teacher = OpenAITeacher(SPEC.model_copy(update={"batch": False}))
    requests = plan(teacher.name, PROBLEMS, Template("t", "{{ question }}"), Sampling(), 1)
    with (
        Store(tmp_path / "s") as store,
        pytest.raises(UserError, match="3 of these samples are in a batch"),
    ):
        equip(Collection(teacher, PROBLEMS, requests), store)
    run(service, tmp_path / "s", PROBLEMS[:3]).close()
    with Store(tmp_path / "s") as store:
        equip(Collection(teacher, PROBLEMS, requests), store)


def test_a_job_that_never_came_to_be_is_submitted_anew(tmp_path: Path) -> None:
    service = Service()
    service.die_before_create = True
    with pytest.raises(KeyboardInterrupt):
        run(service, tmp_path / "s")
    service.die_before_create = False
    with run(service, tmp_path / "s") as store:
        assert store.counts() == {Status.OK: 5}
    assert len(service.jobs) == 1


def test_a_broken_file_of_answers_is_read_again(tmp_path: Path) -> None:
    service = Service()
    service.broken = True
    with pytest.raises(UserError, match="arrived damaged"):
        run(service, tmp_path / "s")
    service.broken = False
    with run(service, tmp_path / "s") as store:
        assert store.counts() == {Status.OK: 5}
    assert len(service.jobs) == 1


def test_a_budget_cuts_the_jobs_at_the_worst_case(tmp_path: Path) -> None:
    many = [Problem(str(i), f"What is {i}?", str(i), AnswerKind.NUMBER) for i in range(20)]
    service = Service()
    purse = Purse(DOLLAR_EACH, 8.5)
    room: list[float] = []
    create = service.batches.create

    def watched(**kwargs: Any) -> Any:
        room.append(8.5 - purse.spent - service.uploads[kwargs["input_file_id"]].count("custom_id"))
        return create(**kwargs)

    service.batches.create = watched
    with run(service, tmp_path / "s", many, purse) as store:
        assert store.counts() == {Status.OK: 20}
    assert sizes(service) == [8, 8, 4]
    assert all(left >= 0 for left in room), "the worst case of every job was within the budget"
    assert purse.spent == pytest.approx(20 * 6 / 512)


def test_a_spent_budget_stops_and_can_be_raised(tmp_path: Path) -> None:
    service = Service()
    with pytest.raises(BudgetReachedError) as caught:
        run(service, tmp_path / "s", PROBLEMS, Purse(DOLLAR_EACH, 0.99))
    assert caught.value.code == 2
    assert not service.jobs
    with pytest.raises(BudgetReachedError, match=r"0\.0352 of 1\.0300 dollars"):
        run(service, tmp_path / "s", PROBLEMS, Purse(DOLLAR_EACH, 1.03))
    assert sizes(service) == [1, 1, 1]
    with run(service, tmp_path / "s", PROBLEMS, Purse(DOLLAR_EACH, 9.0, spent=0.0352)) as store:
        assert store.counts() == {Status.OK: 5}
    assert sizes(service) == [1, 1, 1, 2]


def test_crumbs_of_a_budget_are_not_worth_a_job(tmp_path: Path) -> None:
    many = [Problem(str(i), f"What is {i}?", str(i), AnswerKind.NUMBER) for i in range(100, 190)]
    service = Service()
    # a dollar a prompt token: twelve are feared of each request, five are billed
    with pytest.raises(BudgetReachedError, match=r"330\.00 of 360\.00"):
        run(service, tmp_path / "s", many, Purse(Price(input=1e6, output=0.0), 360.0))
    assert sizes(service) == [30, 17, 10, 6, 3], "30 dollars would bear two requests more"


def test_failed_lines_go_into_a_new_job(tmp_path: Path) -> None:
    service = Service()
    service.errors = {1, 3}
    with run(service, tmp_path / "s") as store:
        assert store.counts() == {Status.OK: 3, Status.ERROR: 2}
    service.errors = set()
    with run(service, tmp_path / "s") as store:
        assert store.counts() == {Status.OK: 5}
    assert [text.count("custom_id") for text in service.uploads.values()] == [5, 2]


def test_a_job_that_fails_as_a_whole_is_told(tmp_path: Path) -> None:
    service = Service()

    def failed(name: str) -> Any:
        job = service.jobs[name]
        job.status, job.output_file_id = "failed", None
        job.errors = SimpleNamespace(data=[SimpleNamespace(message="bad model")])
        return job

    service.batches.retrieve = failed
    with pytest.raises(UserError, match="job0 is failed: bad model"):
        run(service, tmp_path / "s")
