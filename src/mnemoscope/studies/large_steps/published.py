"""What Wu, Marion, Biau & Boyer publish. Excess risks were read off a figure, with the band of 95 % of the runs."""

PAPER = "Wu, Marion, Biau & Boyer, arXiv 2502.03435"

RISK_STEPS = {0.5: 5_000, 0.1: 25_000, 0.05: 50_000, 0.01: 200_000}
"""η → steps of Fig. 1 and 2."""

EXCESS_RISK: dict[float, dict[float, tuple[float, ...]]] = {
    0.05: {0.01: (0.246, 0.09, 0.44), 0.05: (0.377, 0.25, 0.50), 0.1: (0.489, 0.33, 0.65), 0.5: (2.03, 1.81, 2.26)},
    0.2: {0.01: (0.013,), 0.05: (0.013,), 0.1: (0.020,), 0.5: (0.511, 0.40, 0.62)},
}
"""Time → η → mean over runs, and the band where one is given; d = 1."""

FIG_3_POINTS = (
    *((-2.93, -0.70), (-0.32, -1.57), (0.63, -0.71), (0.84, -0.32), (-0.20, -1.09)),
    *((-1.62, -1.12), (-0.32, 1.19), (1.61, 0.27), (0.79, 1.22), (1.46, 2.11)),
)
"""The ten points of Fig. 3, one draw for all η; 98 % of the draws of N(0, 4I) have a larger generalised variance."""

FIG_3_BATCH = 5000
FIG_3_STEPS = {2.0: 20_000, 1.0: 20_000, 0.1: 200_000}
"""η → steps; 0.05 and 0.01, with one and two million, are left out."""

FIG_3_DISTANCES = {2.0: (0.0168, 0.0029), 1.0: (0.0135, 0.0044), 0.1: (0.0079, 0.0087)}
"""η → MMD² to the optimal score's samples and to the Gaussian, at bandwidth 0.1; they cross at about 0.12."""
FIG_3_CROSSING = 0.12
