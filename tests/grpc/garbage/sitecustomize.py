"""Has a Python process that finds this on its path write down what only its garbage collector would free.

Python imports a module of this name before anything else. With the first SIGUSR1 the collector is switched off, and the
file that `AROUTER_TEST_GARBAGE` names is there, empty; with the next one it holds the number of objects of each type
that nothing can reach any more, as JSON, and the collector stays off.
"""

from __future__ import annotations

import gc
import json
import os
import signal
from collections import Counter
from pathlib import Path
from types import FrameType

_file = Path(os.environ["AROUTER_TEST_GARBAGE"])


def _toggle(*_: object) -> None:
    if not _file.exists():
        gc.collect()
        gc.disable()
        _file.touch()
        return
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    found = Counter(_name(each) for each in gc.garbage)
    gc.garbage.clear()
    gc.collect()
    part = _file.with_suffix(".part")
    part.write_text(json.dumps(found.most_common()))
    part.replace(_file)


def _name(value: object) -> str:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return f"{name} {value.f_code.co_qualname}" if isinstance(value, FrameType) else name


signal.signal(signal.SIGUSR1, _toggle)
