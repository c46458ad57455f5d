"""One method for each operation of the API, written by `scripts/write_client.py` from its description."""
