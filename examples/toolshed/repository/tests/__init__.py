"""Tests of the shed: `python3 -m unittest`."""
