"""Adapters that let one kind of agent each do a work order."""
