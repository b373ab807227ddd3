"""Fuzz targets: what reads bytes that strangers have written. `make fuzz SECONDS=600` runs all, guided by coverage.

A target is a module with

    SEEDS         inputs to begin with
    check(data)   raises if the contract is broken for these bytes: any exception is a finding
    mutate(data, random)
                  returns another input, made of this one

The contract of every target: only the documented errors are raised; the output is bounded by the input; and bytes that
come in several reads mean what they mean in one.
"""
