"""The kinds of sheets that can be imported, by name."""

from collections.abc import Mapping

from kaitong.transfer.errors import UnreadableFile
from kaitong.transfer.kinds.addresses import ADDRESSES
from kaitong.transfer.kinds.base import Layout
from kaitong.transfer.kinds.grids import GRIDS
from kaitong.transfer.kinds.plant import PLANT
from kaitong.transfer.kinds.regions import REGIONS
from kaitong.transfer.kinds.roster import ROSTER
from kaitong.transfer.kinds.terminals import TERMINALS

LAYOUTS: Mapping[str, Layout] = {
    layout.key: layout for layout in (REGIONS, ADDRESSES, PLANT, TERMINALS, GRIDS, ROSTER)
}


def layout(key: str) -> Layout:
    """The layout of a kind."""
    try:
        return LAYOUTS[key]
    except KeyError:
        raise UnreadableFile(f"No import of {key}.", ", ".join(LAYOUTS)) from None
