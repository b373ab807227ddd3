"""Runs all targets for a while, two at a time: `python -m fuzz SECONDS FOLDER`. Exits with 1 if one has a finding.

FOLDER gets, for each target, `corpus/` (inputs that reached new code), `log`, and `finding-…`, an input that broke the
contract; `python -m fuzz.guided TARGET FILE` tries it again.
"""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz.targets import TARGETS

_AT_ONCE = 2
_MEGABYTES = 1024
_RUN_SECONDS = 10
"""That one input may take."""

_DONE = re.compile(r"^Done (\d+) runs in (\d+) second", re.MULTILINE)


def main() -> int:
    seconds, folder = int(sys.argv[1]), Path(sys.argv[2])
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        results = list(pool.map(lambda name: _run(name, seconds, folder / name), TARGETS))
    return 0 if all(results) else 1


def _run(name: str, seconds: int, folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "fuzz.guided", name),
        *(f"-max_total_time={seconds}", f"-timeout={_RUN_SECONDS}", f"-rss_limit_mb={_MEGABYTES}"),
        *(f"-artifact_prefix={folder}/finding-", "-print_final_stats=1", str(folder / "corpus")),
    ]
    with (folder / "log").open("wb") as log:
        status = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    text = (folder / "log").read_text("utf-8", "replace")
    done = _DONE.search(text)
    runs = f"{done[1]} runs in {done[2]} s" if done else "ended early"
    print(f"{name:>16}: {runs}, {'clean' if status == 0 else f'FINDING, see {folder}/log'}", flush=True)  # noqa: T201
    return status == 0


if __name__ == "__main__":
    raise SystemExit(main())
