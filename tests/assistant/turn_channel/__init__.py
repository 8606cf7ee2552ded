"""Turns on a real Rasa. A package, so that its one installation ends with it."""
