"""docs/plans.md is what the recipes say today."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_the_page_of_plans_is_current(repository: Path) -> None:
    spec = importlib.util.spec_from_file_location("plans", repository / "docs" / "scripts" / "plans.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.page()
    assert made == (repository / "docs" / "plans.md").read_text(), "run docs/scripts/plans.py"
    # parameters as the models' publishers state them, in millions
    for base, millions in {"gpt2-large": 774, "flan-t5-xl": 2850, "phi-2": 2780, "gemma-7b": 8538}.items():
        assert f"/{base} | {millions:,} M |" in made
