"""Channels: one folder a platform, one vocabulary for all."""
