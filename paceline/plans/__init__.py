"""Readers of plan documents, the linter, and the writer of the normal form."""
