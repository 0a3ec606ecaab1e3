"""Tokens against tokens: the worked rows of Fu et al., real tokenizers on real rationales, and odd texts."""

from __future__ import annotations

import doctest
import json
import random
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smallsteps.files import read_jsonl
from smallsteps.training import alignment
from smallsteps.training.alignment import align, warp
from smallsteps.training.projection import Projector, Told
from smallsteps.training.spelling import Vocabulary, compare, counterparts, vocabulary_of

SAMPLE = 500
CALCULATIONS = re.compile(r"<<[^<>]*>>")


def reference(data: Path, kind: str) -> list[dict[str, Any]]:
    path = data / "teacher" / "codex_to_t5_dtw_reference.jsonl"
    return [row for line in path.read_text().splitlines() if (row := json.loads(line))["kind"] == kind]


@pytest.fixture(scope="module")
def tokenizers(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    folder = data_dir / "tokenizers"
    found = {
        name: PreTrainedTokenizerFast(tokenizer_file=str(folder / name / "tokenizer.json"))
        for name in ("gpt2", "gpt-neox-20b", "t5")
    }
    found["t5"].eos_token = "</s>"
    found["gpt2"].eos_token = "<|endoftext|>"
    place = folder / "qwen2"
    backend = Tokenizer(models.BPE.from_file(str(place / "vocab.json"), str(place / "merges.txt")))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    found["qwen2"] = PreTrainedTokenizerFast(tokenizer_object=backend)
    return found


@pytest.fixture(scope="module")
def rationales(data_dir: Path) -> list[str]:
    """GSM8K's, without the calculator's annotations: T5 has no `<`."""
    rows = [row["answer"] for _, row in read_jsonl(data_dir / "gsm8k" / "main_train.jsonl.gz")]
    return [CALCULATIONS.sub("", text) for text in random.Random(1).sample(rows, SAMPLE)]


def test_docstring_examples() -> None:
    assert doctest.testmod(alignment).failed == 0
    assert doctest.testmod(alignment).attempted > 0


def test_warping_gives_the_published_mapping(data_dir: Path) -> None:
    (tokens,) = reference(data_dir, "tokens")
    (mapping,) = reference(data_dir, "dtw_mapping")
    teacher, student = tokens["codex_tokens"], tokens["t5_tokens"]
    found = [[teacher[i] for i in path] for path in warp(teacher, student)]
    assert student == [row["t5_token"] for row in mapping["mapping"]]
    assert found == [row["codex_tokens"] for row in mapping["mapping"]]


def test_distributions_over_the_student_are_the_published_ones(
    data_dir: Path, tokenizers: dict[str, Any]
) -> None:
    """The masses of the top-5, not renormalised, where one equal token stands; one-hot elsewhere."""
    (expected,) = reference(data_dir, "transformed_step_probs")
    rows = read_jsonl(data_dir / "teacher" / "codex_gsm8k_train_logprobs.jsonl.gz")
    steps = next(row for _, row in rows if row["text"].strip("\n ").endswith("May.\nThe answer is 72"))[
        "steps"
    ]
    begin = next(i for i, step in enumerate(steps) if step["token"] == "If")
    steps = steps[begin:]
    while steps[-1]["token"].strip() == "":
        steps.pop()
    texts = sorted({t for step in steps for t in (step["token"], *(c for c, _ in step["top5"]))})
    t5 = tokenizers["t5"]
    projector = Projector([text.encode() for text in texts], vocabulary_of(t5), "dtw")
    told = Told(
        np.array([texts.index(step["token"]) for step in steps], dtype=np.int32),
        np.log(np.array([step["prob"] for step in steps], dtype=np.float32)),
        np.array([[texts.index(c) for c, _ in step["top5"]] for step in steps], dtype=np.int32),
        np.log(np.maximum([[p for _, p in step["top5"]] for step in steps], 1e-9)).astype(np.float32),
    )
    text = "".join(step["token"] for step in steps)
    ids = np.array(t5(text, add_special_tokens=False)["input_ids"], dtype=np.int32)
    found = projector.project(told, ids)
    pieces = t5.convert_ids_to_tokens(ids.tolist())
    assert len(pieces) == len(expected["steps"])
    for place, wanted in enumerate(expected["steps"]):
        names = t5.convert_ids_to_tokens([int(i) for i in found.ids[place] if i >= 0])
        masses = {
            name: round(float(np.exp(mass)), 4)
            for name, mass in zip(names, found.top[place][found.ids[place] >= 0], strict=True)
        }
        masses = {name: mass for name, mass in masses.items() if mass > 0} or {pieces[place]: 1.0}
        assert masses == pytest.approx({name: mass for name, mass in wanted.items() if mass > 0}), place


@pytest.mark.parametrize(("teacher", "student"), [("gpt2", "t5"), ("gpt-neox-20b", "t5"), ("qwen2", "gpt2")])
def test_real_rationales_are_covered(
    teacher: str, student: str, tokenizers: dict[str, Any], rationales: list[str]
) -> None:
    first, second = tokenizers[teacher], tokenizers[student]
    spell = vocabulary_of(first).spell, vocabulary_of(second).spell
    rows = [tokenizer(rationales, add_special_tokens=False)["input_ids"] for tokenizer in (first, second)]
    matched = total = 0
    for theirs, mine in zip(*rows, strict=True):
        found = align(spell[0](theirs), spell[1](mine))
        matched, total = matched + found.matched, total + found.total
        for side, size in (("teacher", len(theirs)), ("student", len(mine))):
            spans = [getattr(chunk, side) for chunk in found.chunks]
            assert [i for begin, end in spans for i in range(begin, end)] == list(range(size))
    assert matched / total >= 0.99
    if student != "t5":  # nothing is lost between two byte-level tokenizers
        assert matched == total


def test_chunks_spell_the_same_and_are_shortest(tokenizers: dict[str, Any], rationales: list[str]) -> None:
    first, second = tokenizers["qwen2"], tokenizers["gpt2"]
    vocabularies = vocabulary_of(first), vocabulary_of(second)
    for text in rationales[:50]:
        sides = [
            v.spell(t(text, add_special_tokens=False)["input_ids"])
            for v, t in zip(vocabularies, (first, second), strict=True)
        ]
        assert b"".join(sides[0]) == text.encode()
        found = align(*sides)
        assert found.exact
        for chunk in found.chunks:
            parts = [
                side[slice(*span)] for side, span in zip(sides, (chunk.teacher, chunk.student), strict=True)
            ]
            assert b"".join(parts[0]) == b"".join(parts[1])
            inner = [{len(b"".join(part[:n])) for n in range(1, len(part))} for part in parts]
            assert not inner[0] & inner[1]


@pytest.mark.parametrize("seed", range(20))
def test_texts_that_differ_are_aligned_around_the_difference(seed: int) -> None:
    """Random cuts of a text of which one side lost some characters."""
    generator = random.Random(seed)
    text = "".join(generator.choices("abcdefghij klmnop. 0123456789", k=400))
    lost = {generator.randrange(len(text)) for _ in range(4)}
    other = "".join(letter for place, letter in enumerate(text) if place not in lost)

    def cut(whole: str) -> list[bytes]:
        places = sorted({0, len(whole), *(generator.randrange(len(whole)) for _ in range(120))})
        return [whole[a:b].encode() for a, b in pairwise(places)]

    found = align(cut(text), cut(other))
    assert 0.6 < found.coverage < 1  # a difference costs its chunk, and chunks are long here
    ends = [(chunk.teacher[1], chunk.student[1]) for chunk in found.chunks]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    "sides", [([], []), ([b"a"], []), ([], [b"a"]), ([b" ", b"\n"], [b"x"]), ([b""], [b"", b""])]
)
def test_empty_sides(sides: tuple[list[bytes], list[bytes]]) -> None:
    found = align(*sides)
    for index, side in enumerate(sides):
        spans = [(chunk.teacher, chunk.student)[index] for chunk in found.chunks]
        assert [i for begin, end in spans for i in range(begin, end)] == list(range(len(side)))
    assert found.coverage in (0.0, 1.0)


def test_unlike_texts_are_not_aligned() -> None:
    assert align([b"nothing", b" alike"], [b"quite", b" other"]).coverage == 0


def test_vocabularies_are_compared_by_bytes_and_not_by_size(tokenizers: dict[str, Any]) -> None:
    gpt2 = vocabulary_of(tokenizers["gpt2"])
    longer = Vocabulary((*gpt2.spellings, b"", b""), gpt2.ids, gpt2.end, gpt2.special)
    assert compare(gpt2, longer).same
    swapped = list(gpt2.spellings)
    swapped[1000], swapped[1001] = swapped[1001], swapped[1000]
    other = compare(gpt2, Vocabulary(tuple(swapped), gpt2.ids, gpt2.end, gpt2.special))
    assert not other.same
    assert other.difference == 1000
    assert not compare(gpt2, vocabulary_of(tokenizers["t5"])).same


def test_ends_go_to_ends_and_letters_to_the_same_letters(tokenizers: dict[str, Any]) -> None:
    t5 = vocabulary_of(tokenizers["t5"])
    found = counterparts([None, b" clips", b"\xff\xfe", b""], t5)
    assert found[0] == tokenizers["t5"].eos_token_id
    assert tokenizers["t5"].convert_ids_to_tokens(found[1]) == "▁clips"
    assert found[2:] == [-1, -1]
    assert tokenizers["t5"].convert_ids_to_tokens(counterparts([b"If"], t5, lead=b" ")[0]) == "▁If"


def test_a_token_of_two_takes_the_mass_of_both(tokenizers: dict[str, Any]) -> None:
    """`▁$12` of ` $` and `12`: the product; the first token's other candidates stay."""
    t5 = tokenizers["t5"]
    texts = [" $", "12", " twelve", "15"]
    projector = Projector([text.encode() for text in texts], vocabulary_of(t5))
    told = Told(
        np.array([0, 1], dtype=np.int32),
        np.log(np.array([0.6, 0.5], dtype=np.float32)),
        np.array([[0, 2], [1, 3]], dtype=np.int32),
        np.log(np.array([[0.6, 0.3], [0.5, 0.4]], dtype=np.float32)),
    )
    ids = np.array(t5.convert_tokens_to_ids(["▁$12"]), dtype=np.int32)
    found = projector.project(told, ids)
    assert t5.convert_ids_to_tokens(found.ids[0].tolist()) == ["▁$12", "▁twelve"]
    assert np.exp(found.top[0]).tolist() == pytest.approx([0.3, 0.3])
