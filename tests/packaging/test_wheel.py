"""The wheel alone gives `pluralign.load()`: built, installed into a clean environment, used outside the checkout."""

import subprocess
import sys
import venv
import zipfile

import pytest


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, root],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_carries_tables_lexicons_templates_and_licences(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "pluralign/_data/ratings/ratings.parquet",
        "pluralign/_data/ratings/provenance.json",
        "pluralign/_data/prompts/de.jsonl",
        "pluralign/_data/tasks/prompts/pluralign_en.yaml",
        "pluralign/_data/tasks/prompts/_prompts_yaml",
        "pluralign/simulate/lexicons/t/responses.yaml",
        "pluralign/simulate/calibrated/matched.json",
        "pluralign/py.typed",
    ):
        assert wanted in names
    assert [name for name in names if name.endswith("licenses/LICENSE-DATA")]
    entry_points = (
        zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    )
    assert "[lm_eval.tasks]" in entry_points


def test_a_clean_environment_loads_and_views_the_release_from_the_wheel(wheel, root, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    pip = [python, "-m", "pip", "install", "--quiet", "-c", root / "constraints.txt", wheel]
    installed = subprocess.run(pip, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert installed.returncode == 0, installed.stderr
    code = (
        "import pluralign; r = pluralign.load(); print(pluralign.__file__)\n"
        "print(r.view(group='female', scale='3pt', aggregation='majority', dimension='toxicity').num_rows, r.provenance.kind)\n"
        "from pluralign.evaluation.prompts import load_prompts; from pluralign.evaluation.include_path import tasks_dir\n"
        "print(len(load_prompts('de')), sorted(p.name for p in tasks_dir().rglob('pluralign_de.yaml')), tasks_dir())\n"
        "import importlib.util as u; print([m for m in ('torch', 'datasets', 'scipy', 'pandas') if u.find_spec(m)])"
    )
    out = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert out.returncode == 0, out.stderr
    where, shown, evaluated, heavy = out.stdout.splitlines()
    assert str(root) not in where + evaluated
    assert evaluated.startswith("216 ['pluralign_de.yaml']")
    assert int(shown.split()[0]) > 1000
    assert shown.split()[1] == "simulated"
    assert heavy == "[]"
