"""Batch jobs: submitted once, found again after a crash, read in any order."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smallsteps.corpora import Store, collect, plan
from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem
from smallsteps.teachers import Sampling, Status
from smallsteps.teachers.batch import BatchTeacher
from smallsteps.teachers.prompting import Template
from smallsteps.teachers.spec import OpenAISpec

SPEC = OpenAISpec(kind="openai", model="m", base_url="http://127.0.0.1:9/v1", batch=True)
PROBLEMS = [Problem(str(i), f"What is {i}?", str(i), AnswerKind.NUMBER) for i in range(5)]


class Service:
    """The three collections of the client that batch jobs use; jobs end at the second look."""

    def __init__(self) -> None:
        self.uploads: dict[str, str] = {}
        self.jobs: dict[str, SimpleNamespace] = {}
        self.die_after_create = False
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
        stranger = json.dumps({"custom_id": "unknown", "response": None})
        return SimpleNamespace(text="\n".join([*reversed(lines), lines[0], stranger]))


def run(service: Service, path: Path) -> Store:
    teacher = BatchTeacher(SPEC, poll=0.0)
    teacher._client = service
    store = Store(path)
    teacher.memory = store.note
    requests = plan(teacher.name, PROBLEMS, Template("t", "{{ question }}"), Sampling(), 1)
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
