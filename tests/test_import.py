"""`import pluralign` stays light, and the floors hold."""

import ast
import subprocess
import sys
from pathlib import Path

FLOORS = {
    "schema": 0, "errors": 0, "places": 0,
    "ratings": 1, "sources": 1,
    "views": 2,
    "stats": 3, "preferences": 3, "rater_model": 3,
    "simulate": 4, "judge": 4, "release": 4, "collect": 4, "analysis": 4,
    "evaluation": 5, "training": 5,
    "experiments": 6, "leaderboard": 6, "report": 6,
    "cli": 7,
}  # fmt: skip
HEAVY = ("torch", "transformers", "datasets", "lm_eval", "pandas", "polars", "scipy", "pyarrow", "numpy")


def test_importing_pluralign_loads_nothing_heavy():
    code = f"import sys, pluralign; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_loading_ratings_needs_no_model_library():
    code = "import sys, pluralign; pluralign.load(); print([m for m in ('torch', 'transformers', 'datasets', 'scipy') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "pluralign" else None


def test_lower_floors_never_import_higher_ones(root):
    wrong = []
    for path in sorted((root / "src/pluralign").rglob("*.py")):
        relative = path.relative_to(root / "src/pluralign")
        own = relative.parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), (
                f"{relative}: a relative import hides its room"
            )
            modules = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            if modules == ["pluralign"]:
                modules = [f"pluralign.{alias.name}" for alias in node.names]
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                target = room(module)
                higher = target in FLOORS and FLOORS[target] > FLOORS[own]
                # A method may hand its object up, inside the function that the user calls.
                if higher and (str(relative), module) != ("ratings/core.py", "pluralign.views"):
                    wrong.append(f"{relative}: {module}")
    assert wrong == []


def test_every_room_has_a_floor(root):
    rooms = {
        p.name.removesuffix(".py")
        for p in (root / "src/pluralign").iterdir()
        if p.name[0] not in "_." and p.suffix in ("", ".py")
    }
    assert rooms <= set(FLOORS)


def test_datasets_is_no_package(root: Path):
    assert not list((root / "datasets").rglob("__init__.py")), "it would shadow Hugging Face's datasets"
