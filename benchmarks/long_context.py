"""Memory and speed of long generations: a tiny Llama with random weights writes N tokens in one text.

    python benchmarks/long_context.py [--tokens 8192 32768] [--rows 1] [--out FILE.json]

Each length runs in a process of its own. `cache` is the size of the keys and values of all tokens; `peak` is
what the process held beyond what it held before, at its most (Linux; sampled 50 times a second). The factor
between the two is what growing and copying the cache costs. Seconds are processor time, since other work on
the machine changes it little.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

SIZES = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4}


def model(folder: Path, context: int) -> Path:
    """A Llama of some 150,000 parameters with a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(["</s>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="</s>", clean_up_tokenization_spaces=False
    ).save_pretrained(folder)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(vocabulary), max_position_embeddings=context, eos_token_id=0, pad_token_id=0, **SIZES
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def generate(folder: Path, tokens: int, rows: int) -> dict[str, Any]:
    """One generation, measured in this process."""
    from smallsteps.engines import Decoding
    from smallsteps.engines.loading import load_engine

    engine = load_engine(folder, dtype="float32", device="cpu")
    engine.eos = frozenset()  # random weights would stop anywhere
    prompts = [f"{row}: once upon a time" for row in range(rows)]
    engine.generate(prompts, Decoding(8))
    memory, started = Memory(), time.process_time()
    with memory:
        found = engine.generate(prompts, Decoding(tokens))
    seconds = time.process_time() - started
    written = sum(row[0].tokens for row in found)
    return {
        "tokens": tokens,
        "rows": rows,
        "written": written,
        "seconds": round(seconds, 2),
        "tokens_per_second": round(written / seconds, 1),
        "cache_mib": round(written * engine.token_bytes / 2**20, 1),
        "peak_mib": round(memory.grown / 2**20, 1),
    }


class Memory:
    """Bytes that this process held beyond those at the start, at its most, while the context lasts."""

    def __enter__(self) -> None:
        self._before = self._most = _resident()
        self._done = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._sampler.join()

    @property
    def grown(self) -> int:
        """Bytes."""
        return self._most - self._before

    def _sample(self) -> None:
        while not self._done.wait(0.02):
            self._most = max(self._most, _resident())


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(folder: Path, tokens: int, rows: int) -> dict[str, Any]:
    """One generation in a process of its own."""
    command = [sys.executable, __file__, "--one", str(folder), "--tokens", str(tokens), "--rows", str(rows)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, nargs="+", default=[2048, 8192, 32768])
    parser.add_argument("--rows", type=int, default=1, help="texts side by side")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(generate(given.one, given.tokens[0], given.rows)))
        return
    print("| tokens | rows | CPU s | tokens/CPU s | cache MiB | peak MiB | peak / cache |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = model(Path(scratch), max(given.tokens) + 64)
        for tokens in given.tokens:
            found = measure(folder, tokens, given.rows)
            rows.append(found)
            cells = [found[name] for name in ("tokens", "rows", "seconds", "tokens_per_second")]
            cells += [found["cache_mib"], found["peak_mib"]]
            factor = found["peak_mib"] / max(found["cache_mib"], 0.1)
            print("|", " | ".join(map(str, cells)), f"| {factor:.1f} |", flush=True)
    if given.out is not None:
        given.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
