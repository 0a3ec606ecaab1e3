"""The loss log is the same whether losses are read at once or a step later."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from smallsteps.errors import UserError
from smallsteps.training.monitor import Monitor


def watched(lag: bool, losses: list[float]) -> tuple[Monitor, list[int]]:
    """The steps of a training with these losses; how many rows the log had after each."""
    monitor = Monitor(
        np.arange(1, len(losses) + 1) * 10, np.arange(1, len(losses) + 1), 0, None, ("nll",), lag=lag
    )
    lengths = []
    for step, loss in enumerate(losses, start=1):
        monitor.on_step_begin(None, None, None, SimpleNamespace(get_last_lr=lambda step=step: [step / 100]))
        monitor.losses.append(torch.tensor(loss))
        monitor.norm = torch.tensor(2 * loss)
        monitor.reports.append(torch.tensor([[3 * loss], [3.0]]))
        monitor.on_step_end(None, SimpleNamespace(global_step=step), None)
        lengths.append(len(monitor.rows))
    return monitor, lengths


def test_a_lagging_monitor_logs_the_same_one_step_later() -> None:
    losses = [4.0, 3.0, 2.0, 1.5]
    at_once, lengths = watched(False, losses)
    later, behind = watched(True, losses)
    assert lengths == [1, 2, 3, 4]
    assert behind == [0, 1, 2, 4]
    assert later.rows == at_once.rows
    assert [row["loss"] for row in later.rows] == losses
    assert [row["learning_rate"] for row in later.rows] == [0.01, 0.02, 0.03, 0.04]


def test_a_checkpoint_waits_for_no_later_step() -> None:
    monitor = Monitor(np.arange(1, 5) * 10, np.arange(1, 5), 0, None, lag=True)
    monitor.losses.append(torch.tensor(1.0))
    state = SimpleNamespace(global_step=1)
    monitor.on_step_end(None, state, None)
    assert monitor.rows == []
    monitor.flush(state)
    assert [row["step"] for row in monitor.rows] == [1]


def test_a_diverging_loss_is_found_one_step_later() -> None:
    with pytest.raises(UserError, match="by step 2"):
        watched(True, [1.0, float("nan"), 1.0, 1.0])
