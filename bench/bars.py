"""What the figures are held against."""

from __future__ import annotations

from typing import Any, NamedTuple


class Bar(NamedTuple):
    """A bound.

    Attributes:
        name: Of what.
        value: As measured; None if it was not.
        bar: The bound.
        least: Whether it is the least that will do, not the most.
    """

    name: str
    value: float | None
    bar: float
    least: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the value is within its bound; None if it was not measured."""
        if self.value is None:
            return None
        return self.value >= self.bar if self.least else self.value <= self.bar


def bars(figures: dict[str, Any]) -> list[Bar]:
    """Returns the bars with what was measured. `figures` are the document of `latest.json`."""

    def at(*path: str) -> float | None:
        found: Any = figures
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, int | float) else None

    def ratio(above: float | None, below: float | None) -> float | None:
        return round(above / below, 3) if above is not None and below else None

    def more(above: float | None, below: float | None) -> float | None:
        return None if above is None or below is None else round(above - below, 3)

    rate = at("compared", "ARouter", "c16", "per_second")
    small = at("bodies", "0.5", "service_cpu_us")
    return [
        *(
            Bar(
                f"throughput at 16 connections / {peer}{moonshot}",
                ratio(rate, at("compared", peer, "c16", "per_second")),
                bar,
                True,
            )
            for peer, bar, moonshot in (
                ("LiteLLM", 15, ""),
                ("LiteLLM", 40, ", moonshot"),
                ("Portkey", 2.2, ""),
                ("Portkey", 3, ", moonshot"),
                ("vllm-router", 0.35, ""),
            )
        ),
        *(
            Bar(
                f"added latency at 1 connection, p{share} (ms)",
                more(at("compared", "ARouter", "c1", f"p{share}_ms"), at("compared", "provider", "c1", f"p{share}_ms")),
                bar,
            )
            for share, bar in ((50, 0.9), (99, 2.5))
        ),
        Bar("chunks/s back to back", at("streams", "ARouter", "back_to_back", "chunks_per_second"), 20_000, True),
        Bar("chunks/s 5 ms apart", at("spaced", "ARouter", "many", "chunks_per_second"), 5_000, True),
        Bar(
            "first token, added, p50 (ms)",
            more(at("streams", "ARouter", "first", "first_p50_ms"), at("streams", "provider", "first", "first_p50_ms")),
            2,
        ),
        # A chunk that waited for the next one would be 5 ms late.
        Bar("a chunk 5 ms before the next, late, p99 (ms)", at("spaced", "ARouter", "single", "late_p99_ms"), 5),
        *(
            Bar(f"{what}, CPU / that of its floor", at("floor", kind, "ratio"), bar)
            for what, kind, bar in (
                ("a unary call", "unary", 1.7),
                ("a chunk back to back", "stream", 1.5),
                ("a spaced chunk", "spaced", 1.4),
                ("a typed unary call", "typed", 1.7),
                ("a unary call over TLS", "tls", 1.7),
                ("a call in the gateway, full load on both", "gateway", 2.5),
                ("a call in the gateway, at the service's rate", "gateway_behind", 2.5),
            )
        ),
        Bar("service, CPU of a unary call (µs)", at("compared", "ARouter", "c16", "service_cpu_us"), 500),
        Bar(
            "service, CPU of a chunk back to back (µs)", at("streams", "ARouter", "back_to_back", "service_cpu_us"), 40
        ),
        Bar("service, CPU of a spaced chunk (µs)", at("spaced", "ARouter", "many", "service_cpu_us"), 120),
        *(
            Bar(f"normaliser, a clean chunk, {kind.replace('_', ' ')} (µs)", at("normalizer_us", kind), 2)
            for kind in ("text", "tool_call")
        ),
        Bar("service, CPU of a 64 KB body / a small one", ratio(at("bodies", "64", "service_cpu_us"), small), 2),
        Bar("memory of a worker after the run (MB)", at("compared", "ARouter", "memory_mb", "after", "service"), 120),
        Bar("memory, growth in 1,000 requests of the soak (KB)", at("soak", "kb_per_1000_requests"), 1),
        Bar("memory of an idle open stream (KB)", at("idle_stream_kb", "service"), 25),
        Bar("start to SERVING (s)", at("start", "median_s"), 1),
        Bar("import of what serve needs (s)", at("start", "import_s"), 0.4),
        *(
            Bar(
                f"typed gRPC unary / REST through Envoy, requests/s, {callers} at a time",
                ratio(at("typed", f"h2load{name}", "per_second"), at("typed", f"rest{name}", "per_second")),
                1,
                True,
            )
            for name, callers in (("_1", 1), ("", 16))
        ),
    ]
