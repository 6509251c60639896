"""Runs and submissions made on the spot. Copies are taken of the ones that a session makes once."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for made_runs and broken, which benchmarks/ uses too

import made_runs


@pytest.fixture(autouse=True, scope="session")
def listed():
    """The keepers list two judges of the tests', by their identities; the shipped one needs no list."""
    from pluralign.leaderboard.judges import Known
    from pluralign.leaderboard.manifest import identity_sha256

    kept = {
        identity_sha256(one): Known("a judge of the tests", ("listed by the tests",), False) for one in made_runs.LISTED
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pluralign.leaderboard.judges.keepers_judges", lambda *_: kept)
        yield


@pytest.fixture(scope="session")
def make_run():
    return made_runs.make_run


@pytest.fixture(scope="session")
def make_submission():
    return made_runs.make_submission


@pytest.fixture(scope="session")
def base_en(tmp_path_factory) -> Path:
    """A submission in English; not to be changed."""
    return made_runs.make_submission(tmp_path_factory.mktemp("base"), languages=("en",)).folder


@pytest.fixture(scope="session")
def base_both(tmp_path_factory) -> Path:
    """A submission in both languages; not to be changed."""
    return made_runs.make_submission(tmp_path_factory.mktemp("base")).folder


@pytest.fixture
def copy_of(tmp_path):
    """Copies a submission with its place."""

    def copy(folder: Path) -> Path:
        target = tmp_path / folder.parent.name / folder.name
        shutil.copytree(folder, target)
        return target

    return copy
