import json
import math

import numpy as np
import pytest

from mnemoscope.errors import InputError
from mnemoscope.theory import learning_curve, predict

POINT = {"psi_n": 4, "psi_p": 8, "noise_draws": 4, "time": 0.1, "ridge": 1e-3, "activation": "tanh"}


def test_payload_holds_what_the_interface_promises():
    payload = json.loads(json.dumps(predict(**POINT).payload(), allow_nan=False))
    curve = learning_curve(**POINT)
    for name in ("test_loss", "train_loss", "score_error", "bayes_loss"):
        assert payload[name] == pytest.approx(float(curve[name]))
    assert payload["inputs"]["noise_draws"] == 4
    more = learning_curve(**(POINT | {"noise_draws": 8}))
    assert payload["changes"]["more_draws"]["test_loss"] == pytest.approx(float(more.test_loss))
    assert set(payload["changes"]) == {"more_draws", "more_data", "fewer_features"}


def test_infinitely_many_draws_cannot_be_doubled():
    payload = json.loads(json.dumps(predict(**(POINT | {"noise_draws": math.inf})).payload(), allow_nan=False))
    assert payload["inputs"]["noise_draws"] == "inf"
    assert set(payload["changes"]) == {"more_data", "fewer_features"}


def test_the_sentence_says_the_side_and_what_would_change_it():
    generalizing = predict(psi_n=20, psi_p=10, time=0.01, ridge=1e-3)
    assert generalizing.losses.memorization < 0.5
    assert generalizing.sentence.startswith("On the generalizing side of the crossover")
    memorizing = predict(psi_n=20, psi_p=30, time=0.01, ridge=1e-3)
    assert memorizing.losses.memorization > 0.5
    assert memorizing.sentence.startswith("On the memorizing side of the crossover")
    assert "Twice the data would lower the score error by" in memorizing.sentence
    assert "half the features would lower the score error by" in memorizing.sentence
    assert "cross over to the other side" in memorizing.sentence


def test_a_change_that_changes_nothing_is_said_to():
    found = predict(**(POINT | {"noise_draws": 10**7}))
    assert found.sentence.endswith("twice the noise draws would leave the score error as it is.")


def test_a_data_set_gives_spectrum_and_psi_n_and_the_accuracy_is_told():
    data = np.random.default_rng(0).normal(size=(60, 4, 5)) * np.arange(1, 6)
    found = predict(psi_p=2, time=0.1, ridge=1e-3, data=data, whitening=0.1)
    assert found.inputs["psi_n"] == 3
    assert found.inputs["dim"] == 20
    assert "on Fashion-MNIST" in found.sentence
    assert "Fashion-MNIST" not in predict(**POINT).sentence


def test_without_data_there_is_nothing_to_whiten():
    with pytest.raises(InputError, match="whitening: there is no data set to whiten"):
        predict(**POINT, whitening=0.1)


def test_without_data_psi_n_is_needed():
    with pytest.raises(InputError, match="psi_n: needed where no data set tells it"):
        predict(psi_p=2, time=0.1, ridge=1e-3)
