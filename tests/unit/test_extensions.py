"""Code from outside the package comes in when the user asks for it, and never by a file alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smallsteps import extensions
from smallsteps.errors import ConfigError, UserError
from smallsteps.extensions import ENVIRONMENT, Registry, add_plugin, load_plugins, plugin_modules
from smallsteps.schemes import code_of_scheme, get_scheme
from smallsteps.studies import load_recipe

RECIPE = """\
recipe: mine
scheme: {scheme}
base: {{path: some/hub-id}}
corpus: {{benchmark: micro_problems}}
optimisation: {{steps: 10, learning_rate: 1e-3}}
"""
SCHEME = """\
from smallsteps.schemes import register_scheme
class Mine:
    name = "{name}"
    parts = ("model",)
    def examples(self, problems, rationales): return {{"model": []}}
    def solve(self, questions, engines, decoding): return []
register_scheme(Mine())
"""


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "")
    monkeypatch.setattr(extensions, "_loaded", {})
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return path

    return write


def test_a_plugin_file_registers_a_scheme_that_a_recipe_can_name(
    plugin: Callable[[str, str], Path], tmp_path: Path
) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE.format(scheme="of_file"))
    with pytest.raises(ConfigError, match="unknown scheme 'of_file'"):
        load_recipe(recipe)
    path = plugin("plugin_of_file", SCHEME.format(name="of_file"))
    add_plugin(str(path))
    assert load_recipe(recipe).scheme == "of_file"
    assert extensions.os.environ[ENVIRONMENT] == str(path)  # for worker processes


def test_a_module_beside_the_user_is_found_by_name(
    plugin: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin("plugin_by_name", SCHEME.format(name="of_module"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(ENVIRONMENT, "plugin_by_name")
    assert get_scheme("of_module").name == "of_module"
    assert "plugin_by_name" in plugin_modules()


@pytest.mark.parametrize("scheme", ["os:system", "plugin_never:Mine", "plugin_never"])
def test_a_recipe_alone_imports_nothing(
    scheme: str, plugin: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin("plugin_never", "raise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE.format(scheme=f"'{scheme}'"))
    with pytest.raises(ConfigError, match="unknown scheme"):
        load_recipe(recipe)
    assert "plugin_never" not in sys.modules


def test_an_installed_package_declares_a_scheme(
    plugin: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin("packaged", SCHEME.format(name="of_package").replace("register_scheme(Mine())", "SCHEME = Mine()"))
    info = tmp_path / "packaged-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: packaged\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[smallsteps.schemes]\nof_package = packaged:SCHEME\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert get_scheme("of_package").name == "of_package"
    code = code_of_scheme("of_package")
    assert code is not None
    assert len(code) == 64
    assert code_of_scheme("cot") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_like_this", "No module named 'nothing_like_this'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError"),
    ],
)
def test_a_broken_plugin_is_one_error(plugin: Callable[[str, str], Path], text: str, message: str) -> None:
    path = plugin("plugin_broken", text)
    with pytest.raises(UserError) as caught:
        add_plugin(str(path))
    assert message in str(caught.value)
    assert f"--plugin {path}" in str(caught.value)


def test_a_plugin_cannot_take_a_shipped_name(plugin: Callable[[str, str], Path]) -> None:
    with pytest.raises(UserError, match="smallsteps has a scheme called 'cot' already"):
        add_plugin(str(plugin("plugin_cot", SCHEME.format(name="cot"))))


def test_a_missing_plugin_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        add_plugin(str(tmp_path / "nowhere.py"))


def test_unknown_names_list_all_sources_and_the_way_to_add_one() -> None:
    registry: Registry[int] = Registry("thing", "smallsteps.things", {"one": 1})
    registry.register("two", 2)
    registry.register("two", 2)  # importing a module twice is no mistake
    load_plugins()
    assert registry.names() == ["one", "two"]
    with pytest.raises(UserError, match=r"unknown thing 'zzz'\n  known: one, two; one of your own"):
        registry.find("zzz")
    with pytest.raises(UserError, match="another plugin has a thing called 'two'"):
        registry.register("two", 3)
