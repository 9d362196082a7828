"""`python -m kaitong.lab`."""

import sys

from kaitong.lab.commands import main

sys.exit(main())
