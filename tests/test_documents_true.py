"""The documents say what stands: named tests exist, commands parse, links resolve, nothing leaks.

Covers README (both), ARCHITECTURE, CONTRIBUTING, SECURITY, CHANGELOG and docs/; the last tests read
every file of the repository.
"""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from kaitong.cli.__main__ import parser as cli_parser
from kaitong.core.home import REPOSITORY
from kaitong.lab.commands import _parser as lab_parser
from kaitong.process.bpmn_kinds import ALL_ATTRIBUTES
from kaitong.process.feel.builtins import BUILTINS

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])
COVERAGE = REPOSITORY / "docs" / "coverage.md"
NAMING = (COVERAGE, REPOSITORY / "docs" / "flows.md")  # documents that name tests
REQUIREMENTS = (
    *(f"BB-{n:02}" for n in range(1, 19)),
    *(f"HALL-{n:02}" for n in (1, 9, 10, 11, 12, 13, 21)),
    *(f"QA-{n:02}" for n in (2, 3, 4, 6, 7)),
    *("ONU-02", "ONU-03", "E8C-02"),
    *(f"VER-{n:02}" for n in range(1, 6)),
    *("F-26", "F-29", "F-31"),
    *(f"SYS-{n:02}" for n in (1, 4, 9, 10, 11)),
)

# What a clerk or a manager does is proven through a page, a command or an API, not by verbs alone.
PROVEN_BY_PEOPLE = ("BB-", "HALL-", "QA-")
FACES = ("src/kaitong/web/", "src/kaitong/tmf/", "src/kaitong/cli/", "tests/browser/")

_TEST = re.compile(r"`((?:src|tests)/[\w/]+\.py)::(\w+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"\./run ([^`\n]+)")
_SETTING = re.compile(r"\bKAITONG_[A-Z_]+\b")

NAMED = sorted(
    {m.groups() for one in NAMING for m in _TEST.finditer(one.read_text(encoding="utf-8"))}
)


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


# ---- tests ---------------------------------------------------------------------------------------


@cache
def functions(file: str) -> frozenset[str]:
    """Names of the test functions of a file."""
    path = REPOSITORY / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_every_named_test_exists():
    missing = [f"{file}::{name}" for file, name in NAMED if name not in functions(file)]
    assert missing == []
    assert len(NAMED) > 100  # the pattern still reads the table


def test_no_row_stands_twice():
    """Lists that several people add to are joined line by line: one may come in two forms."""
    lines = COVERAGE.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    heads = {"row", "point", "what happens", "promise"}
    assert sorted(name for name in set(rows) if rows.count(name) > 1 and name not in heads) == []
    open_without_tests = [
        line.split("|")[1] for line in lines
        if line.startswith("| ") and "::" not in line and line.split("|")[1].strip() not in heads
    ]  # fmt: skip
    assert [name for name in open_without_tests if set(name.strip()) != {"-"}] == []


def test_every_requirement_has_its_row():
    rows = {
        line.split("|")[1].split()[0]: line
        for line in COVERAGE.read_text(encoding="utf-8").splitlines()
        if re.match(r"\| [A-Z0-9]+-\d+ ", line)
    }
    assert set(REQUIREMENTS) <= set(rows)
    for name in REQUIREMENTS:
        assert _TEST.search(rows[name]), f"{name} names no test"
        if name.startswith(PROVEN_BY_PEOPLE):
            places = {file for file, _name in _TEST.findall(rows[name])}
            assert any(place.startswith(FACES) for place in places), f"{name}: through no face"
        assert rows[name].split("|")[4].strip().startswith(("done", "partly", "missing")), name


def test_the_page_of_the_runtime_names_every_attribute_and_function():
    text = (REPOSITORY / "docs" / "process-runtime.md").read_text(encoding="utf-8")
    table = text[text.index("## Kaitong's attributes") : text.index("## One step")]
    assert {n for n in ALL_ATTRIBUTES if f"`{n}`" not in table and f"`{n}=" not in table} == set()
    part = text[text.index("### What an expression may say") :]
    part = part[part.index("these functions:") : part.index("### What an expression may cost")]
    named = {" ".join(name.split()) for name in re.findall(r"`([a-z ]+)`", part)}
    assert named == set(BUILTINS)


# ---- commands and settings -----------------------------------------------------------------------


def commands() -> list[tuple[str, str]]:
    """(document, what follows `./run`) of every command line in the documents."""
    found = []
    for path in DOCUMENTS:
        for match in _COMMAND.finditer(path.read_text(encoding="utf-8")):
            text = match[1].split("  #")[0].strip().rstrip(".,;:)。，；")
            if text[0].islower() or text[0] == "-":
                found.append((relative(path), text))
    return found


def parses(text: str) -> bool:
    """Whether the command's own parser takes it; in a sentence it may stand without arguments."""
    verb, *arguments = shlex.split(text)
    tops = {"kaitong": cli_parser, "lab": lab_parser}
    if verb not in tops:
        return verb in _verbs_of_run()
    if not arguments or arguments[-1] in ("--help", "-h", "..."):
        return True
    if arguments[0] == "lab":
        verb, arguments = "lab", arguments[1:]
    named_only = all(word.islower() and word.isalpha() for word in arguments)
    return any(
        _taken(tops[verb](), [*arguments, *["X"] * more]) for more in range(2 if named_only else 1)
    )


def _taken(parser: argparse.ArgumentParser, arguments: list[str]) -> bool:
    try:
        parser.parse_args(arguments)
    except SystemExit:
        return False
    return True


def _verbs_of_run() -> set[str]:
    source = (REPOSITORY / "run").read_text(encoding="utf-8")
    return set(re.findall(r'verb == "(\w+)"', source))


def test_every_command_named_exists(capsys):
    named = commands()
    wrong = [
        f"{document}: ./run {text}"
        for document, text in named
        if "|" not in text and not parses(text)
    ]
    assert wrong == []
    assert {text.split()[0] for _d, text in named} >= {"demo", "test", "kaitong", "lab"}
    assert not parses("kaitong order sumbit x")  # a wrong one is noticed
    assert not parses("tset")


def test_every_setting_named_is_read():
    sources = [*REPOSITORY.glob("src/**/*.py"), *REPOSITORY.glob("tests/**/*.py")]
    sources += [REPOSITORY / "run", REPOSITORY / ".ci" / "run"]
    read = set(_SETTING.findall("\n".join(p.read_text(encoding="utf-8") for p in sources)))
    for path in DOCUMENTS:
        named = set(_SETTING.findall(path.read_text(encoding="utf-8")))
        assert named <= read, f"{relative(path)}: {sorted(named - read)}"


def test_the_readme_names_every_setting_of_running():
    settings = (REPOSITORY / "src" / "kaitong" / "settings" / "base.py").read_text(encoding="utf-8")
    wanted = set(_SETTING.findall(settings)) - {"KAITONG_TEST_DATABASE", "KAITONG_REPOSITORY"}
    for name in ("README.md", "README.zh-CN.md"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        assert wanted <= set(_SETTING.findall(text)), name


def test_both_readmes_give_the_same_commands():
    def lines(name: str) -> list[str]:
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        return [
            line.split("  #")[0].strip() for line in text.splitlines() if line.startswith("    ")
        ]

    assert lines("README.md") == lines("README.zh-CN.md")


# ---- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_links_resolve(path):
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    broken = []
    for target in _LINK.findall(text):
        file, _hash, anchor = unquote(target).partition("#")
        if re.match(r"[a-z]+:", file):
            continue
        place = (path.parent / file).resolve() if file else path
        there = place.exists() and place.is_relative_to(REPOSITORY)
        if not there or (anchor and anchor not in _anchors(place)):
            broken.append(target)
    assert broken == []


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_pictures_are_small_and_shown():
    shown = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    pictures = sorted((REPOSITORY / "docs" / "pictures").glob("*"))
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size < 300 * 1024, picture.name
        assert f"pictures/{picture.name}" in shown, f"{picture.name} is shown nowhere"


# ---- what must not be in the repository ----------------------------------------------------------


def _in_the_repository() -> list[Path]:
    """Files git knows."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("lacks git's list of files")
    return [p for p in (REPOSITORY / name for name in listed.split("\0") if name) if p.is_file()]


# Written in parts, so that this file is none of what it looks for.
_LEAKS = re.compile(
    "|".join(
        [
            r"(?<![\w.\-}])/(?:wo" + r"rk/(?:main|shared|\.)|ro" + r"ot/|ho" + r"me/[a-z])",
            r"(?<![\w.\-}])/tm" + r"p/[a-z]",
            r"py" + r"pi\.(?:org|python)",
            r"python" + r"hosted",
            r"npm" + r"js\.(?:org|com)",
            r"npm" + r"mirror",
            r"deb\.deb" + r"ian\.org",
            r"\bfa" + r"rm-[a-z]+",
            r"\bissues (?:sh" + r"ow|li" + r"st)\b",
        ]
    )
)


def test_nothing_of_a_machine_or_a_registry_is_in_a_file():
    found = []
    for path in _in_the_repository():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        for number, line in enumerate(text.splitlines(), 1):
            if match := _LEAKS.search(line):
                found.append(f"{relative(path)}:{number}: {match[0]}")
    assert found == []


def test_the_guard_notices():
    for text in (
        "/wo" + "rk/main/src",
        "see /ro" + "ot/.cache",
        "https://py" + "pi.org/simple",
        "registry.npm" + "js.org",
        "fa" + "rm-lint",
    ):
        assert _LEAKS.search(text), text
    for text in ('path("work/<uuid:item_id>/")', "/work/?tab=mine", "the farm", "/tm" + "p"):
        assert not _LEAKS.search(text), text
