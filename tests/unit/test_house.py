"""The house keeps its floors: imports run downwards, no circles, small files, lazy heavy imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "harness" / "smallsteps"

FLOORS: dict[str, int] = {
    **dict.fromkeys(
        (
            "errors",
            "extensions",
            "crashes",
            "files",
            "integrity",
            "locks",
            "config",
            "problems",
            "answers",
            "outcomes",
            "manifest",
            "memory",
            "resources",
            "startup",
            "terminal",
        ),
        0,
    ),
    **dict.fromkeys(("stats", "schemes", "engines", "students"), 1),
    **dict.fromkeys(("teachers", "corpora", "training", "evaluation", "comparing", "microworld"), 2),
    **dict.fromkeys(("reports", "leaderboard", "gate"), 3),
    "studies": 4,
    "cli": 5,
}


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a file imports, wherever in the file the import stands."""
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "smallsteps" and len(parts) > 1 and parts[1] in FLOORS:
                rooms.add(parts[1])
    return rooms


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "_shipped" not in path.parts)


def edges() -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for path in sources():
        room = room_of(path)
        if room not in ("__init__", "__main__"):
            graph.setdefault(room, set()).update(imported_rooms(path) - {room})
    return graph


def test_every_room_has_a_floor() -> None:
    assert set(edges()) <= set(FLOORS)


def files_imported(path: Path, files: dict[str, Path]) -> set[str]:
    """Files of the package that a file imports when it runs, by dotted name, wherever the import stands."""
    found: set[str] = set()
    for node in _running(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside if inside <= set(files) else {node.module, *inside}
    return found & set(files)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`."""
    yield node
    for child in ast.iter_child_nodes(node):
        types_only = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        for part in child.orelse if isinstance(child, ast.If) and types_only else [child]:
            yield from _running(part)


def test_files_form_no_circle() -> None:
    """Over all rooms and their folders."""
    files = {_dotted(path): path for path in sources() if path.name != "__main__.py"}
    graph = {name: files_imported(path, files) - {name} for name, path in files.items()}
    while graph:
        free = {name for name, below in graph.items() if not below & set(graph)}
        if not free:
            pytest.fail("circle: " + " -> ".join(_circle(graph)))
        graph = {name: below for name, below in graph.items() if name not in free}


def _dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """Names along one circle of a graph in which every node has a way on."""
    way = [min(graph)]
    while way.count(way[-1]) == 1:
        way.append(min(graph[way[-1]] & set(graph)))
    return way[way.index(way[-1]) :]


def test_imports_never_run_upwards() -> None:
    upward = [(a, b) for a, rooms in edges().items() for b in rooms if FLOORS[b] > FLOORS[a]]
    assert upward == []


def test_rooms_form_no_circle() -> None:
    graph = edges()
    done: set[str] = set()

    def visit(room: str, way: tuple[str, ...]) -> None:
        assert room not in way, " -> ".join((*way, room))
        if room not in done:
            for below in sorted(graph.get(room, ())):
                visit(below, (*way, room))
            done.add(room)

    for room in sorted(graph):
        visit(room, ())


def test_statistics_open_no_file_and_know_no_model() -> None:
    for path in (PACKAGE / "stats").rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                assert name.split(".")[0] not in {"torch", "transformers", "pathlib", "os", "io", "pandas"}, (
                    path
                )
            assert not (isinstance(node, ast.Name) and node.id == "open"), path


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_can_be_read_in_one_go(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_no_file_evaluates_text() -> None:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, path


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = "('torch', 'transformers', 'numpy', 'pydantic')"
    code = f"import sys, smallsteps.cli.main; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "place", ["smallsteps.corpora", "smallsteps.cli.teaching", "smallsteps.studies.plan"]
)
def test_collecting_and_planning_load_no_model_library(place: str) -> None:
    """Some 200 MiB, when they are not wanted."""
    heavy = "('torch', 'transformers', 'openai')"
    code = f"import sys, {place}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
