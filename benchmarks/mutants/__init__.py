"""Small wrong changes to the core rooms, and whether the tests of each room notice: ``make mutants``.

A mutant is one change of the standard kinds (``changes``) to one place of a *copy* of the package, so the working tree
is never touched. It meets only the tests of its room that reach the changed line (``suite``), until the first that
fails, with a limit on time. A full run takes many hours, so a seeded sample is drawn for each room.

Neither mutmut nor cosmic-ray fits: both take the whole set of their mutants rather than a seeded sample for each room,
cosmic-ray changes the working tree in place, and mutmut replaces functions by trampolines, which the run-time
checks of shapes would see in place of the function.
"""
