"""A lane-aware picture (泳道图) for BPMN files that were written without one.

`complete(data)` gives a file every step of which has a place: the author's own diagram where there
is one, else ours. `picture(data)` reads the places for whoever draws without bpmn-js. Pure, and a
function of the file alone: the same file gives the same picture on any machine.

The way: layers along the flow (`graph`), rows in lanes (`grid`), right-angled flows in channels
between the columns (`route`), and BPMN DI as text (`di`).
"""

from __future__ import annotations

from kaitong.process.layout.di import complete, picture
from kaitong.process.layout.reading import layers
from kaitong.process.layout.shapes import Box, Edge, Picture, Shape

__all__ = ["Box", "Edge", "Picture", "Shape", "complete", "layers", "picture"]
