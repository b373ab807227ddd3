"""Has a Python process that finds this on its path count its calls between two SIGUSR1.

Python imports a module of this name before anything else. The counts are in the file that `AROUTER_TEST_CALLS` names,
as `pstats` reads them; while they are counted there is an empty file.
"""

from __future__ import annotations

import cProfile
import os
import signal
from pathlib import Path

_file = Path(os.environ["AROUTER_TEST_CALLS"])
_profile = cProfile.Profile()


def _toggle(*_: object) -> None:
    if not _file.exists():
        _file.touch()
        _profile.clear()
        _profile.enable()
        return
    _profile.disable()
    part = _file.with_suffix(".part")
    _profile.dump_stats(part)
    part.replace(_file)


signal.signal(signal.SIGUSR1, _toggle)
