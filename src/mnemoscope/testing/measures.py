"""The contract of a copy measure."""

import numpy as np
from jaxtyping import Float

from mnemoscope.auditing.measures import Geometry, Measure

_GEOMETRY = Geometry(dim=12, span=2.0)


class MeasureContract:
    """What an audit relies on in a rule on the two nearest distances; subclass it and give ``measure``.

    Attributes:
        scale_free: whether the rule sees ratios of distances only. If not, its unit is the value range: distances and
            range grown together must change nothing.
    """

    scale_free: bool = True

    def measure(self) -> Measure:
        """The measure under test."""
        raise NotImplementedError

    def distances(self) -> Float[np.ndarray, "samples 2"]:
        """Where it is tested: d1 ≤ d2 from exact copies to far away, on a logarithmic grid of both."""
        sizes = _GEOMETRY.span * np.concatenate([[0.0], np.geomspace(1e-6, 1e3, 46)])
        return np.array([(first, second) for first in sizes for second in sizes if first <= second])

    def test_flags_are_one_boolean_for_each_sample(self) -> None:
        """Shape ``(samples,)``, also for no samples."""
        for distances in (self.distances(), np.empty((0, 2))):
            flags = np.asarray(self.measure().flags(distances, _GEOMETRY))
            assert flags.shape == (len(distances),), f"flags: shape {flags.shape} for {distances.shape}"
            assert flags.dtype == bool, f"flags: {flags.dtype} instead of bool"

    def test_samples_do_not_know_each_other(self) -> None:
        """A sample is judged by its own two distances."""
        measure, distances = self.measure(), self.distances()
        flags = measure.flags(distances, _GEOMETRY)
        alone = [bool(measure.flags(distances[i : i + 1], _GEOMETRY)[0]) for i in range(len(distances))]
        assert flags.tolist() == alone, "flags differ when samples are judged one by one"

    def test_exact_copies_are_flagged_and_strangers_are_not(self) -> None:
        """d1 = 0 is a copy; two equal distances of a thousand value ranges are none."""
        copies, strangers = np.array([[0.0, 1.0], [0.0, 0.0]]), np.full((1, 2), 1e3 * _GEOMETRY.span)
        assert self.measure().flags(copies, _GEOMETRY).all(), "d1 = 0 must be flagged"
        assert not self.measure().flags(strangers, _GEOMETRY).any(), "d1 = d2 = 1000 value ranges must not be flagged"

    def test_nearer_is_never_less_of_a_copy(self) -> None:
        """At a fixed d2, what is flagged stays flagged when d1 shrinks."""
        distances = self.distances()
        flags = self.measure().flags(distances, _GEOMETRY)
        for second in np.unique(distances[:, 1]):
            row = flags[distances[:, 1] == second]  # d1 ascends along it
            assert not (row[1:] & ~row[:-1]).any(), (
                f"at d2 = {second:g} a larger d1 is flagged and a smaller one is not"
            )

    def test_the_unit_of_the_data_does_not_matter(self) -> None:
        """Distances in another unit, with the value range (or, where ``scale_free``, without it)."""
        measure, distances = self.measure(), self.distances()
        flags = measure.flags(distances, _GEOMETRY)
        for scale in (2.0**-7, 2.0**8):  # powers of two are exact
            scaled = Geometry(_GEOMETRY.dim, _GEOMETRY.span * (1.0 if self.scale_free else scale))
            found = measure.flags(scale * distances, scaled)
            assert np.array_equal(found, flags), f"flags change with the unit of the data, at a factor of {scale:g}"

    def test_name_rule_and_limits_can_be_shown(self) -> None:
        """One line each; the rule has its numbers, the limits say of whom they are."""
        measure = self.measure()
        rule = measure.rule(_GEOMETRY)
        for what, text in (("name", measure.name), ("rule", rule), ("limits", measure.limits)):
            assert text.strip(), f"{what} is empty"
            assert "\n" not in text, f"{what} must be one line"
        assert any(character.isdigit() for character in rule), f"the rule must state its numbers: {rule!r}"
        assert measure.limits.startswith(f"{measure.name}: "), "limits must start with the measure's name"
