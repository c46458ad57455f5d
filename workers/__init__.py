"""Process entry points: worker, embedded Temporal server, all-in-one."""
