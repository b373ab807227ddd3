from __future__ import annotations

import subprocess
import sys

from arouter.telemetry.spans import NO_TRACER


def test_opentelemetry_is_not_imported_where_it_is_off() -> None:
    ask = (
        "import sys, arouter.server.processes.worker\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )

    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_what_is_off_says_nothing_to_anybody() -> None:
    span = NO_TRACER.start("chat", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").child("chat m", {})

    assert (span.recorded, span.trace_id, dict(span.headers)) == (False, None, {})
