"""Measures what ARouter costs, beside what one would use instead. `make bench`, or `python -m bench --help`.

- `provider`: an emulated provider that costs next to nothing
- `floor`: a service that only forwards; `against_floor`: ARouter as a multiple of it
- `targets`: what is measured: the provider itself, Envoy alone, ARouter, other routers
- `peers`: how other routers are installed and started
- `wrk`, `clients`: the load, from wrk and, where wrk cannot look inside an answer, from a client in Python
- `phases`: the measurements; `bars`: what they are held against
- `report`, `plots`: the results in `bench/results/`
- `soak`: hours of mixed traffic, for what grows

Everything runs as processes on loopback and shares the machine's cores: load, provider, gateway and service. Rates are
those of all of them together; processor time for each call is what carries over to other machines.

The load is closed: each connection sends its next request when it has its answer. A target that stalls is asked less,
so its latencies under load are kinder than those of clients that do not wait (coordinated omission). At one connection,
where added latency is measured, nothing is omitted.
"""
