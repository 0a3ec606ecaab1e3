"""Corpora: collecting from teachers into a store that loses nothing, verifying, filtering, shaping."""

from smallsteps.corpora.build import build_corpus, shape, stored_samples
from smallsteps.corpora.collect import Progress, Tally, collect, plan
from smallsteps.corpora.corpus import Corpus, corpus_hash, read_corpus, write_corpus
from smallsteps.corpora.selection import Selection, select
from smallsteps.corpora.spec import CorpusSpec
from smallsteps.corpora.store import Store

__all__ = [
    "Corpus",
    "CorpusSpec",
    "Progress",
    "Selection",
    "Store",
    "Tally",
    "build_corpus",
    "collect",
    "corpus_hash",
    "plan",
    "read_corpus",
    "select",
    "shape",
    "stored_samples",
    "write_corpus",
]
