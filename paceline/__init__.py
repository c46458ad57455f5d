"""Paceline: a markdown sprint plan goes in, and agents carry it out, durably."""
