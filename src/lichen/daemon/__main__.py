"""The kernel process: executed by `starting`, as `python -I -S .../lichen/daemon FOLDER LOCK CONNECTION [OPTION...]`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # This folder must not be searched for modules, as its own would hide others; the one that holds the package must.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from lichen.daemon.kernel import main

    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
