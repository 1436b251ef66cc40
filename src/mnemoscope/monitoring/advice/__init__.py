"""The adviser: from a short probe, whether a training will come to memorize, from which step, and what would help."""
