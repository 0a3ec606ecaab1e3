"""What prompts begin with is read once, and changes nothing but the time."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from smallsteps.engines import Decoding
from smallsteps.engines.decode import Row
from smallsteps.engines.fast.attention import attend_behind
from smallsteps.engines.fast.sharing import LEAST, SHARED, STEP, Sharing, common_length, runs
from smallsteps.engines.fast.switches import left_out
from smallsteps.engines.loading import load_engine

STORIES = (  # beginnings of three "subtasks"
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. ",
    "Tom had a big red car. He drove it to the shop every day, and he always came home. One day ",
    "There was a dog. The dog was sad, because it had no friend. It went to the river. ",
)
ENDS = (
    "She saw",
    "The cat said hi.",
    "Then",
    "It was very hot and the sun",
    "Mom said",
    "He ran and ran",
    "A",
)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Leave out pieces for what is called from now on."""

    def leave(names: str) -> None:
        monkeypatch.setenv("SMALLSTEPS_PLAIN", names)
        left_out.cache_clear()

    yield leave
    monkeypatch.undo()
    left_out.cache_clear()


@pytest.fixture(scope="module")
def stories(data_dir: Path) -> Any:
    """Float32 engine over a real model of 260 thousand parameters."""
    folder = data_dir / "models" / "stories260K" / "hf"
    return lambda **options: load_engine(folder, dtype="float32", device="cpu", **options)


def shots() -> list[str]:
    """Prompts of three subtasks in turns, two that share nothing, and one asked twice."""
    prompts = [begin * 3 + end for end in ENDS for begin in STORIES]
    return [*prompts, "The end", "Blue", prompts[4]]


def texts(engine: Any, prompts: list[str], **options: Any) -> list[list[str]]:
    found = engine.generate(prompts, Decoding(**{"max_new_tokens": 16, **options}))
    return [[g.text for g in row] for row in found]


@pytest.mark.parametrize("options", [{}, {"temperature": 0.8, "top_p": 0.9, "samples": 2, "seed": 3}])
@pytest.mark.parametrize("rows", [None, 4])
def test_real_texts_are_those_without_sharing(
    stories: Any, plain: Any, options: dict[str, Any], rows: int | None
) -> None:
    sharing = stories(batch_size=rows)
    found = texts(sharing, shots(), **options)
    assert len({text for row in found for text in row}) > 15
    plain("shared")
    alone = stories(batch_size=rows)
    assert texts(alone, shots(), **options) == found
    assert alone.counts.reused == 0
    assert sharing.counts.prefilled < 0.35 * alone.counts.prefilled
    assert sharing.counts.prefilled + sharing.counts.reused >= alone.counts.prefilled


def test_real_likelihoods_are_those_without_sharing(stories: Any, plain: Any) -> None:
    pairs = [(prompt, end) for prompt in shots() for end in (" a big tree.", " and", " home. He was happy")]
    found = stories().loglikelihood(pairs)
    plain("shared")
    for (value, greedy), (other, likewise) in zip(found, stories().loglikelihood(pairs), strict=True):
        assert value == pytest.approx(other, abs=1e-4)
        assert greedy == likewise


BEGINNING = (
    "one two three four five six seven the dog ran far home . a mat and a cat sat on " * 2
)  # 40 tokens


def short(prompts: list[str]) -> list[str]:
    """Those that fit 64 positions behind the beginning."""
    return [prompt for prompt in prompts if len(prompt.split()) < 12]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox", "mistral", "t5"])
@pytest.mark.parametrize("hot", [False, True])
def test_every_architecture_gives_the_same_texts(
    engine: Any, prompts: list[str], plain: Any, name: str, hot: bool
) -> None:
    """With few tokens to come a Llama's rows are decoded apart, others take over copies."""
    prompts = [BEGINNING + prompt for prompt in prompts] + prompts
    options = {"max_new_tokens": 8, "temperature": (8.0 if name == "t5" else 0.9) if hot else 0.0, "seed": 5}
    sharing = engine(name)
    found = texts(sharing, prompts, **options)
    plain("shared")
    assert texts(engine(name), prompts, **options) == found
    shares = name not in ("mistral", "t5")  # a window counts empty slots; an encoder reads both ways
    assert (sharing.counts.reused >= 5 * 40) == shares


def test_a_model_decoded_apart_and_one_with_copies_read_equally_little(
    engine: Any, prompts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [BEGINNING + prompt for prompt in short(prompts)]
    apart, copies = engine("llama"), engine("llama")
    wanted = texts(apart, prompts, max_new_tokens=8)
    monkeypatch.setattr("smallsteps.engines.fast.sharing.STEP", 1 << 20)  # never worth a batch of its own
    assert texts(copies, prompts, max_new_tokens=8) == wanted
    assert copies.counts == apart.counts
    assert apart.counts.prefilled == 40 + sum(len(prompt.split()) - 40 for prompt in prompts)


def test_a_beginning_is_not_held_by_every_row(engine: Any, prompts: list[str]) -> None:
    """The cache's budget counts what rows hold themselves, so that more of them fit."""
    prompts = [BEGINNING + prompt for prompt in short(prompts)]
    sizes: list[tuple[int, int]] = []
    loaded = engine("llama")
    forward = loaded.forward

    class Seen:
        shares = forward.shares
        new_cache = staticmethod(forward.new_cache)

        def __call__(self, ids: Any, mask: Any, *args: Any) -> Any:
            sizes.append((len(ids), mask.shape[1]))
            return forward(ids, mask, *args)

    loaded.forward = Seen()
    loaded.limits = type(loaded.limits)(cache_bytes=6 * 30 * loaded.token_bytes)
    texts(loaded, prompts, max_new_tokens=8)
    assert sizes[0] == (1, 40)
    assert max(rows for rows, _ in sizes) == 6
    assert max(slots for _, slots in sizes[1:]) <= 30


def test_what_is_shared_keeps_within_its_budget(stories: Any, plain: Any) -> None:
    tight = stories()
    tight.limits = type(tight.limits)(memory_bytes=40 * tight.token_bytes)
    found = texts(tight, shots())
    assert tight.counts.reused == 0
    roomy = stories()
    assert texts(roomy, shots()) == found
    assert roomy.counts.reused > 1000


@pytest.mark.parametrize("saves", [1, 3])
def test_a_killed_run_goes_on_with_the_same_texts(stories: Any, saves: int) -> None:
    from smallsteps.engines.journal import Entries, Journal

    class Killed(BaseException):
        pass

    kept: list[Entries] = []

    def save(entries: Entries) -> None:
        kept.append({key: list(value) for key, value in entries.items()})
        if len(kept) == saves:
            raise Killed

    wanted = texts(stories(), shots())
    first, ticks = stories(), iter(range(100_000))
    first.journal = Journal({}, save, save_every=7.0, clock=lambda: float(next(ticks)))
    with pytest.raises(Killed):
        texts(first, shots())
    second = stories()
    second.journal = Journal(kept[-1], lambda entries: None)
    assert texts(second, shots()) == wanted
    assert any(len(tokens) > 0 and stop is None for tokens, stop, _ in kept[-1].values())


@pytest.mark.parametrize("rows", [1, 3, 11])
@pytest.mark.parametrize("length", [1, 6])
@pytest.mark.parametrize(("heads", "groups", "dim"), [(6, 2, 8), (4, 4, 8), (3, 1, 16)])
def test_attention_behind_a_beginning_is_attention_over_both(
    monkeypatch: pytest.MonkeyPatch, rows: int, length: int, heads: int, groups: int, dim: int
) -> None:
    monkeypatch.setattr("smallsteps.engines.fast.attention.PRODUCT", 20)  # in several products
    generator = torch.Generator().manual_seed(rows + length)

    def made(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    first = made(groups, 37, dim), made(groups, 37, dim)
    query, own = made(rows, length, heads, dim), (made(rows, groups, 10, dim), made(rows, groups, 10, dim))
    bias = torch.zeros(rows, 1, length, 10)
    bias[:, :, :, 7:] = torch.finfo(bias.dtype).min
    bias[0, :, :, :2] = torch.finfo(bias.dtype).min
    whole = [
        torch.cat([a.expand(rows, -1, -1, -1), b], 2).repeat_interleave(heads // groups, 1)
        for a, b in zip(first, own, strict=True)
    ]
    wanted = torch.nn.functional.scaled_dot_product_attention(
        query.transpose(1, 2),
        *whole,
        attn_mask=torch.cat([torch.zeros(rows, 1, length, 37), bias], 3),
        scale=0.3,
    )
    found = attend_behind(*first, query, *own, bias, 0.3)
    torch.testing.assert_close(found.view(rows, length, heads, dim), wanted.transpose(1, 2))


def test_runs_hold_every_prompt_once_and_what_it_begins_with() -> None:
    generator = random.Random(0)
    for _ in range(50):
        stems = [tuple(generator.choices(range(3), k=generator.randrange(20, 80))) for _ in range(4)]
        prompts = [
            (*generator.choice(stems), *generator.choices(range(3), k=generator.randrange(1, 9)))
            for _ in range(generator.randrange(1, 40))
        ]
        found = list(runs(prompts))
        assert sorted(prompt for run in found for prompt in run.prompts) == sorted(set(prompts))
        for run in found:
            assert run.shared == 0 or run.shared >= SHARED / 2
            assert {prompt[: run.shared] for prompt in run.prompts} == {run.prompts[0][: run.shared]}
            assert all(len(prompt) > run.shared for prompt in run.prompts)


def test_subtasks_are_told_apart() -> None:
    stems = [tuple(range(start, start + 200)) for start in (0, 50, 300)]
    prompts = [(*stem, 1000 + i, 7) for i in range(20) for stem in stems]
    assert [(run.shared, len(run.prompts)) for run in runs(prompts)] == [(200, 20)] * 3
    assert common_length(prompts[0], prompts[3]) == 200


def test_what_saves_little_is_not_decoded_apart(engine: Any) -> None:
    forward = engine("llama").forward
    sharing = Sharing(forward, torch.device("cpu"), 2048, 1 << 30, 100)
    pair = [Row(i, 0, (*range(40), 50 + i), 10) for i in range(2)]
    few = [Row(i, 0, (*range(100, 140), 50 + i), 200) for i in range(2, 2 + LEAST // 40 + 2)]
    many = [Row(i, 0, (*range(200, 240), 50 + i), 10) for i in range(20, 20 + STEP * 10 // 40 + 1)]
    plan = sharing.plan([*pair, *few, *many], apart=True)
    assert [rows for _, rows in plan.together] == [many]
    assert plan.others == [*pair, *few]
    assert [run.shared for run in plan.copied] == [40]
    apart = sharing.plan([*pair, *few, *many], apart=False)
    assert (apart.together, apart.others) == ([], [*pair, *few, *many])


def test_a_dialogue_reads_what_its_first_turns_share_once(engine: Any, prompts: list[str]) -> None:
    loaded = engine("llama", remember=True)
    first = [BEGINNING + prompt for prompt in short(prompts)]
    replies = texts(loaded, first, max_new_tokens=4)
    assert loaded.counts.reused == 6 * 40
    second = [f"{prompt} {reply} the dog ?" for prompt, (reply,) in zip(first, replies, strict=True)]
    assert texts(loaded, second, max_new_tokens=4) == texts(engine("llama"), second, max_new_tokens=4)
    assert loaded.counts.prefilled < sum(len(prompt.split()) for prompt in second)


def test_unknown_piece_is_named(plain: Any) -> None:
    from smallsteps.errors import UserError

    plain("shred")
    with pytest.raises(UserError, match="shared"):
        left_out()


def test_a_run_says_what_was_left_out(plain: Any) -> None:
    from smallsteps.engines.numerics import resolve

    usual = resolve(device="cpu").identity()
    plain("shared,files")
    assert resolve(device="cpu").identity() == {**usual, "plain": ["files", "shared"]}
