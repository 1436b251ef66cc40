"""Trainable scores."""
