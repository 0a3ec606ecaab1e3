"""The teacher's top-k distributions of a corpus: one Parquet file, read in pieces through a memory map.

A row is a token of a rationale: `problem_id`, `sample`, `token` and `logprob` of what the teacher drew, and
the fixed-size lists `ids` and `logprobs` of its k most probable tokens. Ids are those of the teacher's
vocabulary where it is local; an endpoint gives texts, and ids then number these. The metadata hold k and the
text of every id. A token with fewer than k candidates has id -1 in the places left over.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import atomic_path, to_json
from smallsteps.problems import Rationale, TokenLogprob

SCHEMA = "smallsteps.distributions/1"
DISTRIBUTIONS = "distributions.parquet"
_GROUP = 16_384  # rows of a row group, which holds whole rationales
_MOST_TEXTS = 64 << 20  # bytes of the texts of all ids, unpacked
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One rationale's tokens with their distributions.

    Attributes:
        key: problem id and sample index.
        tokens: ids of the drawn tokens, shape (tokens,); logprobs: theirs.
        ids, top: candidates and their log-probabilities, shape (tokens, k), most probable first.
    """

    key: Key
    tokens: NDArray[np.int32]
    logprobs: NDArray[np.float32]
    ids: NDArray[np.int32]
    top: NDArray[np.float32]

    @property
    def k(self) -> int:
        """Candidates of the token that has most."""
        return int((self.ids >= 0).sum(axis=1).max()) if len(self.ids) else 0


@dataclass(frozen=True, slots=True)
class Distributions:
    """A file of distributions.

    Attributes:
        path: the file; k: candidates per token; tokens: rows; rationales: how many have any.
        texts: text of each id.
        by_id: ids are those of the teacher's vocabulary; else they number its texts.
        counts: rationales by their own k.
        digest: sha256 over the content, whatever the version of the writer.
    """

    path: Path
    k: int
    tokens: int
    rationales: int
    texts: dict[int, str]
    by_id: bool
    counts: dict[int, int]
    digest: str

    @property
    def bytes_per_token(self) -> float:
        """Size on disk."""
        return self.path.stat().st_size / max(1, self.tokens)

    def words(self) -> str:
        """A line for a person."""
        kind = "token ids" if self.by_id else "texts"
        return (
            f"top-{self.k} distributions of {self.tokens} tokens in {self.rationales} rationales ({kind}), "
            f"{self.bytes_per_token:.1f} bytes a token"
        )

    def __iter__(self) -> Iterator[Drawn]:
        """Every rationale's tokens, in the order of the file; one row group is held at a time."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path, memory_map=True) as file:
            for group in range(file.metadata.num_row_groups):
                yield from _split(file.read_row_group(group), self.k)


def write_distributions(path: Path, rationales: Sequence[Rationale]) -> Distributions | None:
    """Write the distributions of those rationales that have any; None, and no file, where none has.

    Raises:
        UserError: the disk is full.
    """
    having = [r for r in rationales if any(token.top for token in r.tokens)]
    if not having:
        path.unlink(missing_ok=True)
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    by_id = all(t.token_id is not None and len(t.top_ids) == len(t.top) for r in having for t in r.tokens)
    number = _Numbers(by_id)
    counts = Counter(max(len(t.top) for t in r.tokens) for r in having)
    k = max(counts)
    for rationale in having:  # in a first pass: the metadata stand before the rows
        for token in rationale.tokens:
            number.all_of(token)
    digest = hashlib.sha256(to_json([k, by_id, sorted(number.texts.items())], indent=None).encode())
    tokens = sum(len(r.tokens) for r in having)
    about = {"k": k, "by_id": by_id, "tokens": tokens, "rationales": len(having), "counts": dict(counts)}
    schema = pa.schema(
        [
            ("problem_id", pa.string()),
            ("sample", pa.int32()),
            ("token", pa.int32()),
            ("logprob", pa.float32()),
            ("ids", pa.list_(pa.int32(), k)),
            ("logprobs", pa.list_(pa.float32(), k)),
        ]
    )
    metadata = {"schema": SCHEMA, "about": to_json(about, indent=None), "texts": _packed(number.texts)}
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        waiting: list[pa.Table] = []
        for rationale in having:
            waiting.append(_table(rationale, number, k, schema, digest))
            if sum(len(table) for table in waiting) >= _GROUP:
                writer.write_table(pa.concat_tables(waiting), row_group_size=1 << 30)
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting), row_group_size=1 << 30)
        metadata["digest"] = digest.hexdigest()
        writer.add_key_value_metadata(metadata)
    return open_distributions(path)


def open_distributions(path: Path) -> Distributions:
    """Open a file of distributions; nothing but its metadata is read.

    Raises:
        UserError: no such file, or another kind of file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            found = {k.decode(): v for k, v in (file.metadata.metadata or {}).items()}
            shape = {field.name: str(field.type) for field in file.schema_arrow}
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(path), code=NO_INPUT) from error
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"cannot read: {error}", where=str(path), code=DATA) from error
    try:
        if found["schema"].decode() != SCHEMA:
            raise ValueError(f"schema is {found['schema'].decode()!r}")
        about: dict[str, Any] = json.loads(found["about"])
        if shape.get("ids") is None or shape.get("logprobs") is None:
            raise ValueError("no columns 'ids' and 'logprobs'")
        return Distributions(
            path,
            int(about["k"]),
            int(about["tokens"]),
            int(about["rationales"]),
            _unpacked(found["texts"]),
            bool(about["by_id"]),
            {int(k): int(count) for k, count in about["counts"].items()},
            found["digest"].decode(),
        )
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise UserError(
            f"not a file of distributions ({error}); expected schema {SCHEMA!r}", where=str(path), code=DATA
        ) from error


class _Numbers:
    """Ids of tokens: the teacher's own, or in the order in which their texts come."""

    def __init__(self, by_id: bool) -> None:
        self.by_id = by_id
        self.texts: dict[int, str] = {}
        self._known: dict[str, int] = {}

    def of(self, text: str, own: int | None) -> int:
        if self.by_id and own is not None:
            self.texts.setdefault(own, text)
            return own
        number = self._known.setdefault(text, len(self._known))
        self.texts[number] = text
        return number

    def all_of(self, token: TokenLogprob) -> tuple[int, list[int]]:
        """Id of the drawn token, and those of its candidates."""
        ids = token.top_ids if self.by_id else (None,) * len(token.top)
        top = [self.of(text, own) for (text, _), own in zip(token.top, ids, strict=True)]
        return self.of(token.token, token.token_id), top


def _table(rationale: Rationale, number: _Numbers, k: int, schema: Any, digest: Any) -> Any:
    import pyarrow as pa

    count = len(rationale.tokens)
    ids: NDArray[np.int32] = np.full((count, k), -1, dtype=np.int32)
    top: NDArray[np.float32] = np.full((count, k), -np.inf, dtype=np.float32)
    drawn: NDArray[np.int32] = np.empty(count, dtype=np.int32)
    for row, token in enumerate(rationale.tokens):
        drawn[row], found = number.all_of(token)
        order = sorted(range(len(found)), key=lambda i: (-token.top[i][1], i))
        ids[row, : len(found)] = [found[i] for i in order]
        top[row, : len(found)] = [token.top[i][1] for i in order]
    logprobs = np.array([token.logprob for token in rationale.tokens], dtype=np.float32)
    digest.update(f"{rationale.problem_id}\x1f{rationale.sample}\x1f{count}\x1e".encode())
    for part in (drawn, logprobs, ids, top):
        digest.update(part.tobytes())
    return pa.table(
        {
            "problem_id": [rationale.problem_id] * count,
            "sample": pa.array([rationale.sample] * count, pa.int32()),
            "token": pa.array(drawn),
            "logprob": pa.array(logprobs),
            "ids": pa.FixedSizeListArray.from_arrays(pa.array(ids.ravel()), k),
            "logprobs": pa.FixedSizeListArray.from_arrays(pa.array(top.ravel()), k),
        },
        schema=schema,
    )


def _split(table: Any, k: int) -> Iterator[Drawn]:
    """The rationales of a row group."""
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    names = columns["problem_id"].to_pylist()
    samples = columns["sample"].to_numpy()
    tokens, logprobs = columns["token"].to_numpy(), columns["logprob"].to_numpy()
    ids, top = (columns[name].flatten().to_numpy().reshape(-1, k) for name in ("ids", "logprobs"))
    begins = [
        row
        for row in range(len(names))
        if row == 0 or names[row] != names[row - 1] or samples[row] != samples[row - 1]
    ]
    for begin, end in zip(begins, [*begins[1:], len(names)], strict=True):
        part = slice(begin, end)
        yield Drawn((names[begin], int(samples[begin])), tokens[part], logprobs[part], ids[part], top[part])


def _packed(texts: dict[int, str]) -> str:
    raw = to_json(sorted(texts.items()), indent=None).encode("utf-8", "surrogatepass")
    return base64.b64encode(zlib.compress(raw, 6)).decode()


def _unpacked(packed: bytes) -> dict[int, str]:
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(base64.b64decode(packed), _MOST_TEXTS)
    if unpacker.unconsumed_tail:
        raise ValueError("texts of more than 64 MiB")
    return {int(i): str(text) for i, text in json.loads(raw)}
