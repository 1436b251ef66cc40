"""Memorization and regularization in closed form, in trained networks, and on real images (Baptista et al. 2025).

The score that fits a data set exactly returns its points. This study follows it there, counts how many samples end on
a training point under each regularization, and holds that count against the source; then it asks on real images what
each regularization costs in quality.
"""
