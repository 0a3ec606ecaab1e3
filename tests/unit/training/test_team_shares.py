"""Each process's share of a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from smallsteps.schemes import Example
from smallsteps.training.collate import Collator
from smallsteps.training.targets import Extras
from smallsteps.training.team import Team
from smallsteps.training.tokens import encode


@pytest.mark.parametrize(
    ("rows", "accumulate", "size"), [(8, 1, 2), (7, 3, 2), (1, 1, 2), (5, 8, 4), (3, 2, 4)]
)
@pytest.mark.parametrize("start", [None, 1], ids=["decoder", "encoder-decoder"])
def test_every_row_goes_to_one_process_and_all_divide_by_the_same(
    start: int | None, rows: int, accumulate: int, size: int, tokenizer: Any, examples: list[Example]
) -> None:
    encoded = encode(examples, tokenizer, encoder_decoder=start is not None, max_length=64, drop_long=False)

    def batches(team: Team) -> list[Any]:
        made = Collator(encoded, pad=1, start=start, prompt_weight=0.0, accumulate=accumulate, team=team)
        return made(range(rows))

    shares = [batches(Team(rank, size)) for rank in range(size)]
    assert len({len(share) for share in shares}) == 1  # all exchange gradients equally often
    loud = [batch for share in shares for batch in share if batch.share > 0]
    assert sorted(row for batch in loud for row in batch.rows) == list(range(rows))
    alone = batches(Team())
    assert {batch.share for batch in loud} == {batch.share for batch in alone}
    labels = [torch.cat([b.labels[b.labels >= 0] for b in found]).sort().values for found in (loud, alone)]
    assert torch.equal(*labels)
    assert sum(len(found) for found in labels) * loud[0].share == pytest.approx(2)
    silent = [batch for share in shares for batch in share if batch.share == 0]
    assert all((batch.labels == -100).all() for batch in silent)


def test_a_step_that_holds_only_a_format_of_weight_0_has_no_loss(
    tokenizer: Any, examples: list[Example]
) -> None:
    encoded = encode(examples, tokenizer, encoder_decoder=False, max_length=64, drop_long=False)
    count = len(encoded.lengths)
    formats = np.arange(count) % 2
    extras = Extras(("label", "rationale"), formats, formats.astype(np.float32), np.zeros(count, dtype=bool))
    collate = Collator(encoded, pad=1, start=None, prompt_weight=0.0, accumulate=1, extras=extras)
    (silent,) = collate([0, 2])
    (heard,) = collate([0, 1])
    assert silent.share == 0
    assert heard.share > 0
