"""Parvis: first-line social customer service."""
