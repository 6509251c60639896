"""What the README says is on disk is on disk, and what is on disk it says."""

import re
import tomllib


def tree(root):
    """The README's tree as paths."""
    text = (root / "README.md").read_text("utf-8")
    block = re.search(r"<!-- tree.*?-->\n```\n(.*?)```", text, re.S)[1]
    parents, paths = [], []
    for line in block.splitlines():
        indent = (len(line) - len(line.lstrip())) // 2
        parents[indent:] = [line.split()[0]]
        paths.append("".join(parents))
    return paths


def test_every_path_of_the_tree_exists(root):
    assert [path for path in tree(root) if not (root / path).exists()] == []


def test_every_room_of_the_library_is_in_the_tree(root):
    rooms = {
        f"src/pluralign/{p.name}{'/' if p.is_dir() else ''}"
        for p in (root / "src/pluralign").iterdir()
        if p.name[0] not in "_." and (p.is_dir() or p.suffix == ".py")
    }
    assert rooms <= set(tree(root))


def test_every_tracked_folder_is_in_the_tree(root):
    folders = {
        p.name
        for p in root.iterdir()
        if p.is_dir() and p.name[0] != "." and p.name not in {"build", "dist", "node_modules"}
    }
    assert folders == {path.split("/")[0] for path in tree(root)}


def test_links_of_the_pages_lead_somewhere(root):
    broken = []
    for page in [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", page.read_text("utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_the_readme_s_test_command_is_what_ci_runs(root):
    assert re.search(r"make test(?![-\w])", (root / "README.md").read_text("utf-8"))
    assert "make test" in (root / ".ci/run").read_text("utf-8").splitlines()


def test_versions_that_tests_run_on_are_pinned_and_allowed(root):
    pins = dict(
        line.split("==")
        for line in (root / "constraints.txt").read_text().splitlines()
        if "==" in line and line[0] != "#"
    )
    assert pins["torch"] == "2.13.0"
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [d for extra in project["optional-dependencies"].values() for d in extra]
    names = {re.match(r"[\w.-]+", d)[0].lower().replace("_", "-") for d in wanted} - {"pluralign"}
    assert sorted(names - {name.lower().replace("_", "-") for name in pins}) == []


def test_nothing_that_is_tracked_names_a_machine_s_paths(root):
    import subprocess

    files = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split()
    wanted = re.compile("/" + r"(root|home|work)/\w")
    found = [
        f
        for f in files
        if f.endswith((".py", ".md", ".toml", ".yaml", ".json", ".txt", ".cff"))
        and wanted.search((root / f).read_text("utf-8"))
    ]
    assert found == []


def test_every_extra_that_a_message_or_a_page_names_is_one(root):
    extras = set(tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    named = {}
    for place in [
        *root.glob("*.md"),
        *(p for d in ("src", "docs", "baselines", "tasks", "examples", "tests") for p in (root / d).rglob("*")),
    ]:
        if place.suffix in (".py", ".md", ".yaml"):
            for several in re.findall(r"(?:pluralign|\.)\[([a-z, -]+)\]'", place.read_text("utf-8")):
                named |= {one.strip(): place.name for one in several.split(",")}
    assert len(named) > 8
    assert {name: place for name, place in named.items() if name not in extras} == {}
