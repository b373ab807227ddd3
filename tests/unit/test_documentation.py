"""The pages of the documentation refer only to what exists: links, files, classes and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support.docs import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/*/README.md"))
)
LISTS_OF_FILES = ("docs/add-a-provider.md", "docs/add-a-field.md", "docs/add-an-rpc.md", "CONTRIBUTING.md")
"""Pages that name the files of a change."""

SERVICE = ROOT / "service" / "arouter"
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_PATH = re.compile(r"`([\w./-]+(?:/|\.(?:py|proto|sql|md|lua|yaml|binpb)))`")


@cache
def prose(page: str) -> str:
    """Returns a page without its blocks of code."""
    return _FENCE.sub("", (ROOT / page).read_text("utf-8"))


@cache
def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def targets(page: str) -> Iterator[tuple[Path, str]]:
    """Yields the file and the anchor of each link to a file."""
    for link in re.findall(r"\]\(([^)]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        if not path.startswith(("http:", "https:", "mailto:")):
            yield ((ROOT / page).parent / path).resolve() if path else ROOT / page, anchor


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    broken = [
        f"{path}#{anchor}"
        for path, anchor in targets(page)
        if not path.exists() or (anchor and anchor not in anchors(path.relative_to(ROOT).as_posix()))
    ]

    assert broken == []


@pytest.mark.parametrize("page", LISTS_OF_FILES)
def test_the_files_that_a_change_touches_exist(page: str) -> None:
    """A path is relative to the root, to the service's package, or a file of one of its packages."""
    named = [path for path in _PATH.findall(prose(page)) if path != "arouter.yaml"]
    packages = [ROOT, ROOT / "docs", SERVICE, *(path for path in SERVICE.iterdir() if path.is_dir())]

    assert [path for path in named if not any((folder / path).exists() for folder in packages)] == []


def test_the_glossarys_names_are_those_of_the_code() -> None:
    missing = []
    for path, names in re.findall(r"`([\w/]+\.py)`((?:,? `\w+`)+)", prose("docs/glossary.md")):
        file = SERVICE / path
        code = file.read_text("utf-8") if file.exists() else ""
        missing += [
            f"{path} {name}"
            for name in re.findall(r"`(\w+)`", names)
            if not re.search(rf"^(?:class )?{name}\b", code, re.MULTILINE)
        ]

    assert missing == []


def test_the_glossarys_messages_are_those_of_the_protos() -> None:
    protos = "\n".join(path.read_text("utf-8") for path in (ROOT / "protos/arouter/v1").glob("*.proto"))
    named = re.findall(r"`arouter\.v1\.(\w+)", prose("docs/glossary.md"))

    assert [name for name in named if not re.search(rf"^(?:message|service|enum) {name}\b", protos, re.MULTILINE)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/decisions/")])
def test_a_decision_has_a_status_and_a_date(page: str) -> None:
    assert re.search(r"^# \d+\. .+\n\nStatus: accepted.*\nDate: \d{4}-\d\d-\d\d\n", prose(page))


def test_the_references_to_the_design_have_a_section() -> None:
    sections = set(re.findall(r"^## (\d+)\.", prose("docs/design.md"), re.MULTILINE))
    referred = {
        number
        for path in (*SERVICE.rglob("*.py"), ROOT / "pyproject.toml")
        for number in re.findall(r"design §(\d+)", path.read_text("utf-8"))
    }

    assert referred <= sections
