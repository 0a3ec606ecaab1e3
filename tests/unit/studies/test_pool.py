"""The worker pool: jobs side by side, every failure told, a dead worker costs one job."""

from __future__ import annotations

from pathlib import Path

from smallsteps.errors import SOFTWARE, ConfigError
from smallsteps.studies.pool import Event, Job, Pool


def run(jobs: list[Job], workers: int = 1) -> list[Event]:
    waiting = list(jobs)
    with Pool(workers) as pool:
        return list(pool.run(lambda: waiting.pop(0) if waiting else None))


def job(name: str, **payload: object) -> Job:
    return Job(name, f"pool_jobs:{name}", payload)


def test_progress_then_done_with_one_thread_each(tmp_path: Path) -> None:
    events = run([job("write", path=str(tmp_path / "out"))])
    assert [(e.kind, e.done, e.note) for e in events] == [
        ("progress", 1, "half"),
        ("progress", 2, ""),
        ("done", 0, ""),
    ]
    assert (tmp_path / "out").read_text() == "1"


def test_failures_arrive_whole_and_the_next_job_still_runs(tmp_path: Path) -> None:
    jobs = [
        job("mistake"),
        job("mistakes"),
        job("defect"),
        job("die"),
        job("write", path=str(tmp_path / "out")),
    ]
    events = [e for e in run(jobs) if e.kind != "progress"]
    mistake, mistakes, defect, dead, last = events
    assert mistake.error is not None
    assert (str(mistake.error), mistake.error.code) == ("a.yaml:3: no such file\n  make it", 66)
    assert isinstance(mistakes.error, ConfigError)
    assert str(mistakes.error) == "2 errors in the configuration:\n- one\n- two"
    assert defect.error is not None
    assert defect.error.code == SOFTWARE
    assert "ZeroDivisionError: oops" in str(defect.error)
    assert "in defect" in defect.trace
    assert dead.error is not None
    assert "signal 9" in str(dead.error)
    assert last.kind == "done"


def test_jobs_run_side_by_side() -> None:
    events = run([job("sleep", seconds=1.0), job("sleep", seconds=1.0)], workers=2)
    assert sum(e.seconds for e in events) >= 2.0


def test_a_worker_that_has_grown_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    sizes = [1, 1, 1200, 1]
    events = run([job("grow", megabytes=size, path=str(path)) for size in sizes])
    assert [e.kind for e in events] == ["done"] * 4
    first, second, third, fourth = path.read_text().split()
    assert first == second == third != fourth
