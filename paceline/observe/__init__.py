"""Seen from outside: logs, traces and metrics of a process."""
