"""What Wu, Marion, Biau & Boyer publish. Excess risks were read off a figure, with the band of 95 % of the runs."""

PAPER = "Wu, Marion, Biau & Boyer, arXiv 2502.03435"

RISK_STEPS = {0.5: 5_000, 0.1: 25_000, 0.05: 50_000, 0.01: 200_000}
"""η → steps of Fig. 1 and 2."""

EXCESS_RISK: dict[float, dict[float, tuple[float, ...]]] = {
    0.05: {0.01: (0.246, 0.09, 0.44), 0.05: (0.377, 0.25, 0.50), 0.1: (0.489, 0.33, 0.65), 0.5: (2.03, 1.81, 2.26)},
    0.2: {0.01: (0.013,), 0.05: (0.013,), 0.1: (0.020,), 0.5: (0.511, 0.40, 0.62)},
}
"""Time → η → mean over runs, and the band where one is given; d = 1."""
