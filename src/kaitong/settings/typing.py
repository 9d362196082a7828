"""Settings for the type checker: no database, no state folder."""

import os

os.environ.setdefault("KAITONG_SECRET_KEY", "typing-only")

from kaitong.settings.base import *  # noqa: F403
