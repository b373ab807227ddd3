"""Attacks on a running system of one's own, to be run by hand: see README.md."""
