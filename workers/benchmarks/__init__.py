"""Benchmarks: numbers that can be recounted, always beside a comparator from the same run."""
