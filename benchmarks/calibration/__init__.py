"""Size and power of the audit by simulation: ``python -m benchmarks.calibration``.

``laws`` draws training set, held-out set and samples of each case; ``simulate`` audits them and keeps one line for each
repetition, so that a run may be interrupted and continued; ``tables`` counts, with Clopper–Pearson intervals.
"""
