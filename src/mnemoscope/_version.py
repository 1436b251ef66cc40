"""The version, alone in a file so that any room can record it without importing the package."""

__version__ = "0.2.0"
