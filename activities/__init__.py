"""Effects: one file a concern."""
