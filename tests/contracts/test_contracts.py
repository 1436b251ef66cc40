"""Every check of every contract can fail: each is run on an implementation that breaks just what it checks."""

import re
from pathlib import Path

import pytest

from mnemoscope.auditing import DistanceRatio
from mnemoscope.errors import InputError
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.testing import MeasureContract, ProcessContract, ScoreContract
from mnemoscope.testing.checks import assert_refuses
from tests.contracts import broken


def of_process(process):
    return type("OfProcess", (ProcessContract,), {"process": lambda _: process})()


def of_score(score):
    def log_density(self, x, t):
        return -(x.double() ** 2).sum(dim=1) / 2  # α² + σ² = 1

    return type("OfScore", (ScoreContract,), {"score": lambda _: score, "log_density": log_density})()


def of_measure(measure, **attributes):
    return type("OfMeasure", (MeasureContract,), {"measure": lambda _: measure, **attributes})()


BROKEN = [
    (of_process(broken.NoisyStart()), "test_there_is_no_noise_at_time_zero"),
    (of_process(broken.NegativeSignal()), "test_there_is_no_noise_at_time_zero"),
    (of_process(broken.NegativeSignal()), "test_signal_and_noise_are_positive"),
    (of_process(broken.ScalarDrift()), "test_coefficients_have_the_shape_of_the_time"),
    (of_process(broken.AlwaysDouble()), "test_coefficients_have_the_shape_of_the_time"),
    (of_process(broken.SquaredRatio()), "test_ratio_is_noise_over_signal_and_increases"),
    (of_process(broken.FallingNoise()), "test_ratio_is_noise_over_signal_and_increases"),
    (of_process(broken.WrongInverse()), "test_time_of_is_the_inverse_of_the_ratio"),
    (of_process(broken.HalfDrift()), "test_drift_is_the_slope_of_the_log_signal"),
    (of_process(broken.HalfDiffusion()), "test_diffusion_follows_from_signal_and_noise"),
    (of_process(broken.FirstTimeForAll()), "test_one_time_for_all_is_the_same_time_for_each"),
    (of_process(broken.DoubleDraws()), "test_one_time_for_all_is_the_same_time_for_each"),
    (of_process(broken.AnyTime()), "test_a_time_of_the_wrong_shape_is_refused"),
    (of_process(broken.SignedWrong()), "test_score_denoiser_and_noise_say_the_same"),
    (of_process(broken.SmallDraws()), "test_forward_draws_have_the_moments_of_the_kernel"),
    (of_score(broken.FlatScore()), "test_has_the_shape_and_dtype_of_its_argument"),
    (of_score(broken.DoubleScore()), "test_has_the_shape_and_dtype_of_its_argument"),
    (of_score(broken.ScalarTimeOnly()), "test_one_time_for_all_is_the_same_time_for_each"),
    (of_score(broken.BatchNormalised()), "test_items_do_not_know_each_other"),
    (of_score(broken.OtherDenoiser()), "test_denoiser_and_noise_follow_from_the_score"),
    (of_score(broken.OtherNoise()), "test_denoiser_and_noise_follow_from_the_score"),
    (of_score(broken.Drawn()), "test_leaves_its_argument_and_gives_the_same_again"),
    (of_score(broken.Overwriting()), "test_leaves_its_argument_and_gives_the_same_again"),
    (of_score(broken.Detached()), "test_its_derivative_is_that_of_finite_differences"),
    (of_score(broken.TwiceTheScore()), "test_is_the_gradient_of_its_density"),
    (of_measure(broken.IntegerFlags()), "test_scores_are_one_number_for_each_item"),
    (of_measure(broken.OneScore()), "test_scores_are_one_number_for_each_item"),
    (of_measure(broken.LogScores()), "test_scores_are_one_number_for_each_item"),
    (of_measure(broken.AmongOthers()), "test_items_do_not_know_each_other"),
    (of_measure(broken.MissesExactCopies()), "test_exact_copies_are_flagged_and_strangers_are_not"),
    (of_measure(broken.ExactCopiesWithoutScale()), "test_exact_copies_are_flagged_and_strangers_are_not"),
    (of_measure(broken.FlagsAll()), "test_exact_copies_are_flagged_and_strangers_are_not"),
    (of_measure(broken.FarIsACopy()), "test_more_noise_is_never_more_of_a_copy"),
    (of_measure(broken.FlagsAll()), "test_more_noise_is_never_more_of_a_copy"),
    (of_measure(broken.HasAUnit()), "test_the_unit_of_the_data_does_not_matter"),
    (of_measure(broken.HasAUnitAndSaysSo()), "test_the_unit_of_the_data_does_not_matter"),
    (of_measure(broken.MeetsItself()), "test_an_item_left_out_does_not_meet_itself"),
    (of_measure(broken.DeafToTransformations()), "test_a_copy_under_a_transformation_is_found"),
    (of_measure(broken.FooledByNarrowGenerators()), "test_what_calibrates_is_not_fooled_by_a_narrow_generator"),
    (of_measure(broken.CalibratesDistances()), "test_what_calibrates_is_not_fooled_by_a_narrow_generator"),
    (of_measure(DistanceRatio(), unit_length=True), "test_the_unit_of_the_data_does_not_matter"),
    (of_measure(broken.Wordless()), "test_name_rule_and_limits_can_be_shown"),
    (of_measure(broken.Nameless()), "test_name_rule_and_limits_can_be_shown"),
]


@pytest.mark.parametrize(("contract", "check"), BROKEN, ids=lambda part: part if isinstance(part, str) else "")
def test_a_broken_implementation_fails(contract, check) -> None:
    with pytest.raises(AssertionError):
        getattr(contract, check)()


@pytest.mark.parametrize("contract", [ProcessContract, ScoreContract, MeasureContract])
def test_every_check_is_seen_to_fail(contract) -> None:
    checks = {name for name in vars(contract) if name.startswith("test_")}
    assert checks == {name for wrong, name in BROKEN if isinstance(wrong, contract)}


@pytest.mark.parametrize(
    "contract", [of_process(OrnsteinUhlenbeck()), of_score(broken.Gaussian()), of_measure(DistanceRatio())]
)
def test_an_implementation_that_is_right_passes(contract) -> None:
    for name in dir(contract):
        if name.startswith("test_"):
            getattr(contract, name)()


def test_a_refusal_is_one_line() -> None:
    class TwoLinesError(InputError):
        def __str__(self) -> str:
            return "two\nlines"

    def wordy() -> None:
        raise TwoLinesError

    with pytest.raises(AssertionError, match="one line"):
        assert_refuses(wordy, "wordy")


@pytest.mark.parametrize("contract", [ProcessContract().process, ScoreContract().score, MeasureContract().measure])
def test_what_is_tested_must_be_said(contract) -> None:
    with pytest.raises(NotImplementedError):
        contract()


def test_the_example_of_the_documentation_passes() -> None:
    (page,) = (Path(__file__).parents[2] / "docs").rglob("extending.md")
    (example,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        if "MeasureContract" in block
    ]
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(example, page.name, "exec"), names)
    contract = names["TestHalfTheDistance"]()
    for name in dir(contract):
        if name.startswith("test_"):
            getattr(contract, name)()
