"""The documents agree with the project: layers, paths, links, modules and settings that they name exist."""

import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from text2graph_dagster.settings.reference import iterate_sections, iterate_settings

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "text2graph_dagster"
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
ALL_DOCUMENTS = sorted([*DOCUMENTS, *(ROOT / "examples").glob("*/README.md")])
HISTORY = ROOT / "docs" / "log.md"  # names what is gone

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_MODULE = re.compile(r"python -m ((?:benchmarks|examples|text2graph_dagster)[\w.]*)")
_SUFFIXES = (".py", ".yaml", ".jinja", ".toml", ".md")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _layers_of_contract() -> list[set[str]]:
    """Return the packages of each layer, top to bottom, from the import-linter contract."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["id"]: contract for contract in config["tool"]["importlinter"]["contracts"]}
    layers = contracts["layers"]["layers"]
    return [{package.strip().removeprefix("text2graph_dagster.") for package in layer.split("|")} for layer in layers]


def _blocks(path: Path, language: str) -> list[str]:
    return [body for kind, body in _FENCED.findall(path.read_text(encoding="utf-8")) if kind == language]


def test_the_picture_of_the_layers_is_the_contract() -> None:
    [picture] = _blocks(ROOT / "docs" / "architecture.md", "layers")
    drawn = [{package.strip() for package in line.split("|")} for line in picture.splitlines() if line.strip()]
    assert drawn == _layers_of_contract()


def test_the_picture_in_the_readme_is_the_contract() -> None:
    [picture] = [block for block in _blocks(ROOT / "README.md", "mermaid") if "L1[" in block]
    labels = dict(re.findall(r'(L\d+)\["(.*?)"\]', picture))
    order = re.findall(r"L\d+", next(line for line in picture.splitlines() if "-->" in line))
    drawn = [{package.split(":")[0] for package in labels[layer].split("<br>")} for layer in order]
    assert drawn == _layers_of_contract()


def test_every_package_is_in_the_table_of_packages() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("\n## Packages\n")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for cell in first_cells for name in _CODE.findall(cell)} == set.union(*_layers_of_contract())


def _named_paths(path: Path) -> Iterator[str]:
    """Yield what a document names as a path of the project: in code marks, outside of fenced blocks."""
    packages = {entry.name for entry in (*ROOT.iterdir(), *LIBRARY.iterdir()) if entry.is_dir()} | {"assets"}
    for name in _CODE.findall(_FENCED.sub("", path.read_text(encoding="utf-8"))):
        if " " in name or "…" in name or name.startswith(("/", "-", "http")):
            continue
        first, slash, _ = name.partition("/")
        if (slash and first in packages and first != "home") or (slash and name.endswith(_SUFFIXES)):
            yield name


def _exists(name: str, beside: Path) -> bool:
    return any(any(folder.glob(name.rstrip("/"))) for folder in (ROOT, LIBRARY, beside))


@pytest.mark.parametrize("path", [path for path in ALL_DOCUMENTS if path != HISTORY], ids=_name)
def test_every_path_in_a_document_exists(path: Path) -> None:
    missing = [name for name in _named_paths(path) if not _exists(name, path.parent)]
    assert not missing


def _anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", ALL_DOCUMENTS, ids=_name)
def test_every_link_in_a_document_resolves(path: Path) -> None:
    broken = []
    for link in _LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("path", ALL_DOCUMENTS, ids=_name)
def test_every_program_in_a_document_exists(path: Path) -> None:
    modules = {name.rstrip(".") for name in _MODULE.findall(path.read_text(encoding="utf-8"))}
    places = {name: ROOT / name.replace(".", "/") for name in modules}
    assert not [n for n, place in places.items() if not place.with_suffix(".py").is_file() and not place.is_dir()]


@pytest.mark.parametrize("path", ALL_DOCUMENTS, ids=_name)
def test_every_import_in_a_document_works(path: Path) -> None:
    for block in _blocks(path, "python"):
        for module, names in re.findall(r"^from (text2graph_dagster[\w.]*) import (.+)$", block, re.MULTILINE):
            assert all(hasattr(import_module(module), name.strip()) for name in names.split(","))


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path != HISTORY], ids=_name)
def test_every_setting_in_a_document_exists(path: Path) -> None:
    settings, sections = set(), set()
    for prefix, section in iterate_sections():
        sections.add(prefix)
        settings |= {f"{prefix}.{name}".lstrip(".") for name, _ in iterate_settings(section)}
    tops = {name.split(".")[0] for name in sections if name}
    named = re.findall(r"`(\w+(?:\.\w+)+)(?::[^`]*)?`", path.read_text(encoding="utf-8"))
    asked = {name for name in named if name.split(".")[0] in tops and not name.endswith((".py", ".yaml", ".jsonl"))}
    assert not asked - settings - sections


def test_the_makefile_has_every_target_in_the_documents() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        named = set(re.findall(r"^make ([\w-]+)|`make ([\w-]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        assert {first or second for first, second in named} <= targets


def _expand(pattern: str) -> list[str]:
    """Return the patterns of `a/{b,c}` and of `a, b`, without braces and commas."""
    if found := re.fullmatch(r"(.*){(.*)}", pattern):
        return [f"{found[1]}{name}" for name in found[2].split(",")]
    return [name.strip() for name in pattern.split(",")]


def _rooted(path: str) -> str:
    return path if path.startswith(("assets/", "resources/", "system/")) else f"text2graph_dagster/{path}"


def test_every_module_has_a_test_file_or_a_line_that_names_one() -> None:
    (block,) = _blocks(ROOT / "docs" / "architecture.md", "tests")
    lines = [re.split(r"\s{2,}", line.strip()) for line in block.splitlines() if line.strip()]
    listed = {_rooted(name): _rooted(test) for pattern, test in lines for name in _expand(pattern)}
    missing = {test for test in listed.values() if not (ROOT / "tests" / f"{test}.py").is_file()}
    assert not missing
    without, used = [], set()
    for folder in ("assets", "resources", "text2graph_dagster"):
        for path in sorted((ROOT / folder).rglob("[!_]*.py")):
            module = path.relative_to(ROOT).with_suffix("").as_posix()
            package, _, name = module.rpartition("/")
            if (ROOT / "tests" / package / f"test_{name}.py").is_file():
                continue
            matches = {module, f"{package}/*"} & set(listed)
            used |= matches
            without += [] if matches else [module]
    assert not without
    assert not set(listed) - used, "these modules have a test file now, or are gone"
