"""Copy the third-party files that are served: `python -m kaitong.web.vendor NODE_MODULES DEST`.

`npm ci --ignore-scripts` brings whole packages; the pages need a few files of each. Links to
source maps are taken out (the maps are not served and a hashed static storage would miss them),
and of the five thousand Tabler icons those named in `icons.ICONS` become one sprite.
Standard library only.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

if __package__:
    from kaitong.web.icons import ICONS
else:  # run as a file, before the package is installed
    sys.path.insert(0, str(Path(__file__).parent))
    from icons import ICONS  # type: ignore[no-redef]

FILES: dict[str, str] = {
    "@tabler/core/dist/css/tabler.min.css": "tabler/tabler.min.css",
    "bpmn-js/dist/bpmn-navigated-viewer.production.min.js": "bpmn-js/viewer.min.js",
    "bpmn-js/dist/assets/diagram-js.css": "bpmn-js/diagram-js.css",
    "bpmn-js/dist/assets/bpmn-js.css": "bpmn-js/bpmn-js.css",
    "@zxing/browser/umd/zxing-browser.min.js": "zxing/browser.min.js",
    "@zxing/browser/LICENSE": "zxing/LICENSE.txt",
    "bpmn-js/LICENSE": "bpmn-js/LICENSE.txt",
    "@tabler/icons/LICENSE": "LICENSE-tabler-icons.txt",
}
_MAP = re.compile(r"/\*# sourceMappingURL=[^*]*\*/|//# sourceMappingURL=\S*")
_SHAPE = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
_EMPTY = re.compile(r'<path\s+stroke="none"\s+d="M0 0h24v24H0z"\s+fill="none"\s*/>')


class MissingParts(Exception):
    """Files that `npm ci` should have brought are not there."""


def sprite(node_modules: Path) -> str:
    """One SVG document with a `<symbol>` for every icon of `ICONS`."""
    symbols, missing = [], []
    for name in ICONS:
        file = node_modules / "@tabler/icons/icons/outline" / f"{name}.svg"
        found = _SHAPE.search(file.read_text("utf-8")) if file.is_file() else None
        if not found:
            missing.append(str(file))
            continue
        shape = " ".join(_EMPTY.sub("", found[1]).split())
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{shape}</symbol>')
    if missing:
        raise MissingParts("no such icon: " + ", ".join(missing))
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def vendor(node_modules: Path, dest: Path) -> list[Path]:
    """Write every served file below `dest`; what already has the right bytes is left alone."""
    missing = [name for name in FILES if not (node_modules / name).is_file()]
    if missing:
        raise MissingParts(
            f"not found below {node_modules}: {', '.join(missing)}. Run npm ci --ignore-scripts."
        )
    wanted = {
        target: _MAP.sub("", (node_modules / source).read_text("utf-8"))
        for source, target in FILES.items()
    }
    wanted["icons.svg"] = sprite(node_modules)
    written = []
    for name, text in wanted.items():
        path = dest / name
        if path.is_file() and path.read_text("utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        written.append(path)
    return written


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m kaitong.web.vendor NODE_MODULES DEST", file=sys.stderr)
        return 2
    try:
        written = vendor(Path(arguments[0]), Path(arguments[1]))
    except MissingParts as fault:
        print(f"vendor: {fault}", file=sys.stderr)
        return 1
    print(f"vendor: {len(written)} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
