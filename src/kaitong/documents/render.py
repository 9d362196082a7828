"""From template and data to a PDF, by Typst with the bundled fonts.

The same sources, data and versions give the same bytes: system fonts are ignored, the time in the
file is given, the template reads no clock. Output is PDF/A-2b, fit to be kept.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import pylopdf_fonts_zh_cn
import typst

from kaitong.core.errors import InputFault
from kaitong.core.home import library
from kaitong.documents.errors import PaperError

IMPORT = re.compile(r'#(?:import|include)\s+"([^"@]+)"')
FIXED_TIME = datetime(2020, 1, 1, tzinfo=UTC)
STANDARD: Literal["a-2b"] = "a-2b"


@dataclass(frozen=True, slots=True)
class Sources:
    """A template with everything it imports, as paths below the library and texts."""

    main: str
    files: tuple[tuple[str, str], ...]

    @property
    def hash(self) -> str:
        """Fingerprint of the sources and of what sets them: compiler and fonts."""
        parts = [self.main, f"typst {metadata.version('typst')}", _font_version()]
        parts += [f"{path}\x1f{text}" for path, text in self.files]
        return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()


def read_sources(template: str, root: Path | None = None) -> Sources:
    """Read a template of the library (``home-broadband/papers/receipt.typ``) and its imports.

    ``root`` is the folder in which a playbook stands that is not the library's own; what it has
    not (``common``) the library gives. Raises ``PaperError`` naming the file when one is missing
    or lies outside.
    """
    bases = list(dict.fromkeys([(root or library()).resolve(), library()]))
    found: dict[str, str] = {}
    waiting = [PurePosixPath(template)]
    while waiting:
        name = waiting.pop()
        if str(name) in found:
            continue
        path = next((p for b in bases if (p := _inside(b, name)) is not None), None)
        if path is None:
            raise PaperError(
                f"There is no template file {name} in the library.", "Correct the path or add it."
            )
        text = path.read_text(encoding="utf-8")
        found[str(name)] = text
        for target in IMPORT.findall(text):
            imported = PurePosixPath(target)
            if imported.is_absolute():
                waiting.append(imported.relative_to("/"))
            else:
                waiting.append(PurePosixPath(_joined(name.parent, imported)))
    return Sources(template, tuple(sorted(found.items())))


def render(template: str, data: Mapping[str, Any], root: Path | None = None) -> bytes:
    """A PDF of a template of the library with this data."""
    return render_sources(read_sources(template, root), data)


def render_sources(
    sources: Sources, data: Mapping[str, Any], *, at: datetime = FIXED_TIME
) -> bytes:
    """A PDF of sources kept from before, dated ``at``.

    Raises ``PaperError`` with Typst's own place and words.
    """
    with tempfile.TemporaryDirectory(prefix="kaitong-paper-") as folder:
        for name, text in sources.files:
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        try:
            made = typst.compile(
                str(Path(folder) / sources.main),
                root=folder,
                font_paths=fonts(),
                sys_inputs={"json": json.dumps(data, ensure_ascii=False, default=str)},
                format="pdf",
                pdf_standards=[STANDARD],
                timestamp=at.replace(microsecond=0),
            )
        except typst.TypstError as error:
            # Typst names files from where it was started: neither its folder nor ours is of use.
            where = re.sub(rf"\S*{Path(folder).name}/?", "", str(error.diagnostic or error.message))
            raise PaperError(
                f"The template {sources.main} does not make a sheet: {error.message}.",
                where.strip()[:2000],
            ) from None
    assert isinstance(made, bytes)
    return made


@lru_cache(maxsize=1)
def fonts() -> typst.Fonts:
    """Fonts are read once a process: the two families of the papers, and Typst's own mono."""
    folder = Path(pylopdf_fonts_zh_cn.__file__).parent
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(folder)]
    )


def _font_version() -> str:
    return f"pylopdf-fonts-zh-cn {metadata.version('pylopdf-fonts-zh-cn')}"


def _inside(base: Path, name: PurePosixPath) -> Path | None:
    path = (base / name).resolve()
    return path if path.is_relative_to(base) and path.is_file() else None


def _joined(folder: PurePosixPath, target: PurePosixPath) -> str:
    parts: list[str] = []
    for part in (folder / target).parts:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def check_papers(playbook: str, root: Path | None = None) -> list[InputFault]:
    """Compile every paper of a playbook with its sample and its stress sample; every fault.

    A playbook's check calls this: a sheet that cannot be made is found before it is needed.
    """
    base = (root or library()).resolve()
    faults = []
    for path in sorted((base / playbook / "papers").glob("*.typ")):
        template = path.relative_to(base).as_posix()
        for ending in (".json", ".stress.json"):
            sample = path.with_suffix(ending)
            where = sample.relative_to(base).as_posix()
            if not sample.is_file():
                faults.append(
                    InputFault(where, "This paper has no such sample.", "Add it beside the paper.")
                )
                continue
            try:
                render(template, json.loads(sample.read_text(encoding="utf-8")), base)
            except ValueError as error:
                faults.append(InputFault(where, f"The sample is no JSON: {error}.", "Correct it."))
            except PaperError as error:
                faults.append(InputFault(where, error.what, error.remedy))
    return faults
