"""Runs the commands of a Markdown page as a reader would: every fenced `sh` block, in order, in one folder.

    from support.doc_commands import run_page
    run_page(repository / "docs/tutorial.md", tmp_path)

A block that a test cannot run (a network, a paid service, hours) has a comment on the line above it:

    <!-- not run: needs a GPU -->

Blocks in other languages (`yaml`, `json`, `text`) are not run. All blocks share the folder and nothing else:
a variable that one block sets is gone in the next. A command that fails ends its block, and fails the test
with the page, the line, and what was printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^( *)(```+)(\w*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_SKIP = re.compile(r"<!-- not run: (\S[^\n]*?) -->\s*\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced `sh` block.

    Attributes:
        page: the file; line: of its first command, from 1.
        text: the commands; not_run: why a test leaves them out, empty when it does not.
    """

    page: Path
    line: int
    text: str
    not_run: str = ""


def blocks(page: Path) -> list[Block]:
    """All `sh` blocks of a page, in order."""
    text = page.read_text()
    found = []
    for match in _FENCE.finditer(text):
        if match[3] == "sh":
            reason = _SKIP.search(text[: match.start()])
            line = text.count("\n", 0, match.start(4)) + 1
            body = re.sub(rf"^{match[1]}", "", match[4], flags=re.MULTILINE)
            found.append(Block(page, line, body, reason[1] if reason else ""))
    return found


def run_block(block: Block, folder: Path, more: Mapping[str, str] | None = None, timeout: float = 600) -> str:
    """Run a block with bash in a folder and return what it printed.

    `smallsteps` and `python` are those of this test run; its source folder, caches and data are passed on.

    Raises:
        AssertionError: a command failed, or a traceback was printed.
    """
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(folder / ".cache"),
        "OMP_NUM_THREADS": "1",
        **(more or {}),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    place = f"{block.page.name}:{block.line}"
    assert done.returncode == 0, f"{place}: exit code {done.returncode}\n{block.text}\n{done.stdout}"
    assert "Traceback" not in done.stdout, f"{place}: a traceback\n{block.text}\n{done.stdout}"
    return done.stdout


def run_page(
    page: Path, folder: Path, more: Mapping[str, str] | None = None, only: Iterable[str] = ()
) -> dict[int, str]:
    """Run the blocks of a page in order; returns what each printed, by the line it starts on.

    Args:
        page: the Markdown file.
        folder: where they are run.
        more: further environment variables.
        only: run just the blocks that contain one of these texts.
    """
    chosen = [block for block in blocks(page) if not block.not_run]
    wanted = tuple(only)
    if wanted:
        chosen = [block for block in chosen if any(text in block.text for text in wanted)]
    return {block.line: run_block(block, folder, more) for block in chosen}
