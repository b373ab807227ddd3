"""Measures what ARouter costs: requests and streams a second, CPU for each, memory, start-up. `python -m bench --help`.

- `provider`: an emulated provider, in a process of its own, that costs next to nothing
- `load`: a load generator, in a process of its own
- `stack`: the processes that are measured
- `report`: the table, the JSON file, the comparison

All on loopback and bounded in time. Everything shares one machine's cores, so requests a second are those of client,
gateway, service and provider together; CPU for each request is the figure to compare.
"""
