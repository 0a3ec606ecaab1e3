"""The table "Two ways to find clusters" of docs/corpora.md: TF-IDF against a sentence encoder.

SMALLSTEPS_DATA=... python benchmarks/corpus_diversity.py    (needs the extra `encoder`; minutes on one core)
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from corpus_quality import loaded
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from smallsteps.corpora import select
from smallsteps.corpora.filters import Encode, unique_bigrams
from smallsteps.engines.sentences import find_encoder
from smallsteps.problems import Rationale

K = 3


def spread(groups: dict[str, list[Rationale]], encode: Encode) -> float:
    """Mean cosine distance between two kept rationales of one problem."""
    distances: list[float] = []
    for group in groups.values():
        vectors = encode([r.text for r in group])
        distances += [1.0 - float(vectors[a] @ vectors[b]) for a, b in combinations(range(len(group)), 2)]
    return float(np.mean(distances))


def shared(one: set[tuple[str, int]], other: set[tuple[str, int]]) -> str:
    return f"{100 * len(one & other) / len(one):.1f} %"


def main() -> None:
    data = Path(os.environ["SMALLSTEPS_DATA"])
    encoder = find_encoder("minilm")
    with tempfile.TemporaryDirectory() as folder:
        path = data / "teacher" / "mcc_kd_svamp_train.jsonl.gz"
        problems, samples, most = loaded(path, data, Path(folder))
    everything = select(problems, samples, samples_per_problem=most).rationales
    texts = sorted({r.text for r in everything})
    known: dict[str, NDArray[np.float32]] = {}

    def sentence(wanted: Sequence[str]) -> NDArray[np.float32]:
        if any(text not in known for text in wanted):
            known.update(zip(wanted, encoder.encode(wanted), strict=True))
        return np.stack([known[text] for text in wanted])

    words = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", sublinear_tf=True).fit(texts)

    def tfidf(wanted: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray(words.transform(wanted).todense(), dtype=np.float32)

    chosen: dict[str, dict[str, list[Rationale]]] = {}
    for title, filtering, encode, seed in (
        ("random", "random", None, 0),
        ("random, another seed", "random", None, 1),
        ("TF-IDF", "diversity", None, 0),
        ("minilm", "diversity", sentence, 0),
        ("minilm, another seed", "diversity", sentence, 1),
    ):
        found = select(
            problems, samples, samples_per_problem=most, per_problem=K, filtering=filtering, seed=seed,
            encode=encode,
        )  # type: ignore[arg-type]  # fmt: skip
        groups: dict[str, list[Rationale]] = {}
        for rationale in found.rationales:
            groups.setdefault(rationale.problem_id, []).append(rationale)
        chosen[title] = groups
    crowded = {name for name in chosen["random"] if sum(r.problem_id == name for r in everything) > K}
    kept = {
        title: {(r.problem_id, r.sample) for name in crowded for r in groups[name]}
        for title, groups in chosen.items()
    }
    print(f"{len(crowded)} problems have more than {K} right rationales; {encoder.name}\n")
    print("| clusters by | kept there | shared with random | with TF-IDF | with minilm ", end="")
    print("| distance (TF-IDF) | distance (minilm) | bigrams a problem |\n|---|" + "---|" * 7)
    for title, groups in chosen.items():
        own = {name: groups[name] for name in sorted(crowded)}
        bigrams = np.mean([unique_bigrams(group) for group in own.values()])
        print(
            f"| {title} | {len(kept[title])} | "
            + " | ".join(shared(kept[title], kept[name]) for name in ("random", "TF-IDF", "minilm"))
            + f" | {spread(own, tfidf):.3f} | {spread(own, sentence):.3f} | {bigrams:.1f} |"
        )


if __name__ == "__main__":
    main()
