"""An OpenAI-compatible endpoint as one part of a student: called like a model, paid for like a teacher.

Every answer is stored before it is used (`endpoint-<part>.sqlite` in the run's folder), so that an
interrupted evaluation pays for nothing twice. Keys, hosts and checks of answers are handled as for teachers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.engines.protocol import Decoding, Generation, StopReason
from smallsteps.errors import DATA, UserError
from smallsteps.files import read_json, to_json
from smallsteps.students.card import ENDPOINT
from smallsteps.teachers.spec import EndpointSpec, endpoint_name

if TYPE_CHECKING:
    from smallsteps.corpora.store import Store
    from smallsteps.engines.journal import Journal
    from smallsteps.teachers.model import Request, Sample
    from smallsteps.teachers.prices import Price, Prices

SCHEMA = "smallsteps.endpoint-part/1"
_MOST_STOPS = 4  # that OpenAI's own endpoint takes; all are cut here too


def is_endpoint(place: str | Path) -> bool:
    """Whether a part is an endpoint, not a model."""
    return (Path(place) / ENDPOINT).is_file()


def endpoint_data(spec: EndpointSpec) -> dict[str, Any]:
    """Content of the folder of such a part; never a key."""
    return {"schema": SCHEMA, "endpoint": spec.model_dump(mode="json")}


def read_endpoint(place: str | Path) -> EndpointSpec:
    """The endpoint of a part.

    Raises:
        UserError: the file is not one of this version.
    """
    path = Path(place) / ENDPOINT
    data = read_json(path)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise UserError("not the description of an endpoint", where=str(path), code=DATA)
    try:
        return EndpointSpec.model_validate(data.get("endpoint"))
    except ValueError as error:
        raise UserError(f"not the description of an endpoint: {error}", where=str(path), code=DATA) from error


def check_host(spec: EndpointSpec) -> None:
    """Refuse to send questions to a host that a student names, unless the user knows it.

    Raises:
        UserError: neither this machine, OpenAI's address or the environment's, nor confirmed for the key.
    """
    from smallsteps.teachers.keys import address_of, allow_command, host_of, is_loopback, trusted_pairs

    address = address_of(spec)
    known = spec.base_url is None or is_loopback(address)
    if not known and (spec.key_env, host_of(address)) not in trusted_pairs():
        raise UserError(
            f"a part of the student is an endpoint at {host_of(address)}, which would be sent every question",
            where="parts",
            fix=f"if you know that host, confirm it for its key: {allow_command(spec)}",
        )


@dataclass(slots=True)
class Counts:
    """Counts of the engine so far; prompts are never truncated here."""

    cut_prompts: int = 0


class EndpointEngine:
    """Continues prompts by asking an endpoint; a prompt with messages is sent as a chat of several turns.

    Attributes:
        part, journal, counts: as engines have them; answers are stored one by one, so no journal is written.
    """

    def __init__(self, spec: EndpointSpec, store: Path) -> None:
        from smallsteps.teachers.openai import OpenAITeacher

        check_host(spec)
        self.spec, self.store = spec, store
        self.part = ""
        self.journal: Journal | None = None
        self.counts = Counts()
        self._teacher = OpenAITeacher(spec)
        self._price, _ = _priced(spec)

    def forget(self) -> None:
        """Nothing is remembered between calls."""

    def generate(self, prompts: Sequence[str], decoding: Decoding) -> list[list[Generation]]:
        """See `Engine`. Stored answers are not requested again.

        Raises:
            UserError: the endpoint cannot serve this, or the budget is used up; what was received stays.
        """
        from smallsteps.corpora.collect import collect
        from smallsteps.corpora.store import Store
        from smallsteps.teachers.budget import Purse

        rows = [self._requests(prompt, decoding) for prompt in prompts]
        asked = [request for row in rows for request in row]
        with Store(self.store) as store:
            price = self._price
            if price is None and self.spec.budget_usd is not None:
                raise UserError(
                    "a budget needs the price of the model, and no list has it",
                    where=f"parts.{self.part}.endpoint.budget_usd",
                    fix="name a price file with 'prices'",
                )
            used = store.usage()
            spent = price.cost(used["prompt_tokens"], used["completion_tokens"]) if price else 0.0
            self._teacher.purse = Purse(price, self.spec.budget_usd, spent)
            collect(self._teacher, asked, store, check=False)
            found = store.get([request.key for request in asked])
        return [[generation(found[request.key], decoding) for request in row] for row in rows]

    def _requests(self, prompt: str, decoding: Decoding) -> list[Request]:
        from smallsteps.engines.prompts import messages_of
        from smallsteps.problems import AnswerKind, Problem
        from smallsteps.teachers.model import Request, Sampling, sample_key

        sampling = Sampling(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            max_tokens=decoding.max_new_tokens,
            stop=decoding.stop[:_MOST_STOPS],
            seed=decoding.seed,
        )
        said = to_json([list(one) for one in messages_of(prompt)], indent=None)
        text = said if self.spec.api == "chat" else prompt
        name, canonical = self._teacher.name, sampling.canonical()
        problem = Problem("prompt", prompt, "", AnswerKind.TEXT)
        return [
            Request(sample_key(name, text, canonical, index), problem, prompt, sampling, index)
            for index in range(decoding.samples)
        ]

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        """Chat endpoints give no likelihood of a given text.

        Raises:
            UserError: always.
        """
        raise UserError(
            f"the part '{self.part}' is an endpoint, which gives no likelihoods of given texts",
            fix="leave the likelihood tasks out of this study",
        )


def generation(sample: Sample, decoding: Decoding) -> Generation:
    """A stored answer as a generated text; one that failed or was filtered is empty."""
    from smallsteps.teachers.model import Status

    text, stop = sample.text, "length" if sample.status is Status.LENGTH else "eos"
    if sample.status not in (Status.OK, Status.LENGTH):
        text = ""
    for mark in decoding.stop:
        before, found, _ = text.partition(mark)
        if found:
            text, stop = before, "stop"
    reason: StopReason = "length" if stop == "length" else "stop" if stop == "stop" else "eos"
    return Generation(text, sample.completion_tokens, sample.prompt_tokens, reason)


def _priced(spec: EndpointSpec) -> tuple[Price | None, Prices]:
    """The price of the model (None when it is not listed), and the price list in force."""
    from smallsteps.teachers.prices import load_prices

    prices = load_prices(Path(spec.prices) if spec.prices else None)
    return prices.of(spec.model), prices


def identity_of(spec: EndpointSpec) -> str:
    """Identity for keys: model, interface and parameters; not the address, which may change."""
    return endpoint_name(spec)


def store_of(folder: Path | None, part: str) -> Path:
    """The store of a part's answers; without a folder, a temporary one."""
    place = folder or Path(tempfile.mkdtemp(prefix="smallsteps-endpoint-"))
    place.mkdir(parents=True, exist_ok=True)
    return place / f"endpoint-{part}.sqlite"


def bill(store: Store, spec: EndpointSpec) -> dict[str, Any]:
    """Model, requests, tokens as the endpoint counted them, and dollars (None: no price is known)."""
    used, (price, prices) = store.usage(), _priced(spec)
    return {
        "model": spec.model,
        "samples": len(store),
        "requests": used["attempts"],
        "prompt_tokens": used["prompt_tokens"],
        "completion_tokens": used["completion_tokens"],
        "dollars": price.cost(used["prompt_tokens"], used["completion_tokens"]) if price else None,
        "prices": str(prices.date) if price else None,
    }
