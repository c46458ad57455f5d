"""Git: worktrees, preserved refs, verification checkouts, merge by compare-and-swap."""
