"""One auditor of others in an interpreter of its own: ``PYTHON foreign.py TOOL``, started by ``workers``.

Lives in another environment, so it imports NumPy, pandas and the tool, and nothing of ours. The first line that it
writes is ``{"version": ...}``; then each line read is the path of a case (npz) and each line written what was found in
it, a dictionary of readings: ``statistic`` (larger = more like memorizing), ``accuses`` (at the tool's own threshold,
absent where it states none) and ``scores`` (for each sample, smaller = more copy-like, absent where it has none).

Tools that read tables get images as the means of blocks of 4 × 4 pixels, a column each.
"""

import importlib
import json
import os
import sys
import warnings
from importlib.metadata import version

import numpy as np


def frames(case):
    """Train, held-out items and samples as pandas tables, and the names of the columns that hold categories."""
    import pandas as pd

    categorical = [f"c{i}" for i in case["categorical"]]

    def frame(rows):
        if rows.ndim > 2:
            n, height, width = rows.shape
            rows = rows.reshape(n, height // 4, 4, width // 4, 4).mean(axis=(2, 4)).reshape(n, -1)
        table = pd.DataFrame(rows.astype(float), columns=[f"c{i}" for i in range(rows.shape[1])])
        return table.astype(dict.fromkeys(categorical, int)).astype(dict.fromkeys(categorical, str))

    return *(frame(case[name]) for name in ("train", "holdout", "generated")), categorical


def binomial(share, n):
    """Whether a share is above one half by a one-sided binomial test at 5 %."""
    from scipy.stats import binomtest

    return bool(binomtest(round(share * n), n, alternative="greater").pvalue <= 0.05)


class SDMetrics:
    """Its score is 1 where no more samples are nearer to train than to the held-out set; less is "overfitted"."""

    package = "sdmetrics"

    def __init__(self):
        self.metric = importlib.import_module("sdmetrics.single_table").DCROverfittingProtection

    def __call__(self, case):
        train, holdout, generated, categorical = frames(case)
        columns = {c: {"sdtype": "categorical" if c in categorical else "numerical"} for c in train}

        def run(**options):
            found = self.metric.compute_breakdown(train, generated, holdout, {"columns": columns}, None, **options)
            share = found["synthetic_data_percentages"]["closer_to_training"]
            return {"statistic": share, "accuses": bool(found["score"] < 1)}

        found = {"DCROverfittingProtection, 100 rows": run(num_rows_subsample=100)}
        if case["train"].ndim == 2:  # with the 49 columns of images it takes seconds
            found["DCROverfittingProtection"] = run()
        return found


class SynthEval:
    """Its privacy metrics with the settings it has by itself; it states no thresholds."""

    package = "syntheval"

    def __init__(self):
        names = {
            "dcr": ("distance_closest_record", "MedianDistanceToClosestRecord"),
            "hit_rate": ("hitting_rate", "HittingRate"),
            "nndr": ("nn_distance_ratio", "NearestNeighbourDistanceRatio"),
            "eps_risk": ("epsilon_identifiability", "EpsilonIdentifiability"),
            "nnaa": ("nn_adversarial_accuracy", "NearestNeighbourAdversarialAccuracy"),
            "mia": ("MIA_classification", "MIAClassifier"),
        }
        root = "syntheval.metrics.privacy.metric_"
        self.metrics = {k: getattr(importlib.import_module(root + m), c) for k, (m, c) in names.items()}

    def __call__(self, case):
        train, holdout, generated, categorical = frames(case)
        if categorical:  # as its own encoder does: categories as integers
            codes = dict.fromkeys(categorical, int)
            train, holdout, generated = (table.astype(codes) for table in (train, holdout, generated))
        numerical = [c for c in train if c not in categorical]

        def run(name, **options):
            copies = (table.copy() for table in (train, generated, holdout))
            settings = {"cat_cols": categorical, "num_cols": numerical, "nn_dist": "gower"}
            metric = self.metrics[name](*copies, **settings, do_preprocessing=False, verbose=False)
            return metric.evaluate(**options)

        return {
            "median DCR": {"statistic": -run("dcr")["mDCR"]},
            "hitting rate": {"statistic": run("hit_rate")["hit rate"]},
            "NNDR, privacy loss": {"statistic": run("nndr")["priv_loss"]},
            "ε-identifiability, privacy loss": {"statistic": run("eps_risk")["priv_loss"]},
            "adversarial accuracy, privacy loss": {"statistic": run("nnaa")["priv_loss"]},
            "membership classifier, recall": {"statistic": run("mia", num_eval_iter=2)["MIA recall"]},
        }


class Anonymeter:
    """Three attacks against train and against the held-out set; its risk is above 0 where its interval (95 %) is."""

    package = "anonymeter"

    def __init__(self):
        self.attacks = importlib.import_module("anonymeter.evaluators")

    def __call__(self, case):
        if case["train"].ndim > 2:
            raise NotImplementedError("attacks on columns of a table")
        train, holdout, generated, _ = frames(case)
        names, sets = list(train), {"ori": train, "syn": generated, "control": holdout}
        halves = (names[::2], names[1::2])
        secret = names[0]
        link = self.attacks.LinkabilityEvaluator(**sets, aux_cols=halves, n_attacks=len(train))
        infer = self.attacks.InferenceEvaluator(
            **sets, aux_cols=names[1:], secret=secret, regression=True, n_attacks=len(train)
        )
        single = self.attacks.SinglingOutEvaluator(**sets, n_attacks=100, n_cols=3, max_attempts=5000, seed=0)
        return {
            "linkability": self._risk(lambda: link.evaluate(n_jobs=1)),
            "inference": self._risk(lambda: infer.evaluate(n_jobs=1)),
            "singling out": self._risk(single.evaluate),
        }

    @staticmethod
    def _risk(attack):
        try:
            risk = attack().risk(confidence_level=0.95)
        except RuntimeError as error:
            return {"refused": str(error)[:200]}
        return {"statistic": float(risk.value), "accuses": bool(risk.ci[0] > 0)}


class MostlyAI:
    """``mostlyai-qa``'s own encoding and distances, called without the report around them (which needs torch).

    It states no threshold but that the DCR share "should not be significantly larger than 50 %": read here as a
    binomial test.
    """

    package = "mostlyai-qa"

    def __init__(self):
        self.encode = importlib.import_module("mostlyai.qa._embeddings").encode_data
        self.distances = importlib.import_module("mostlyai.qa._distances")

    def __call__(self, case):
        train, holdout, generated, _ = frames(case)
        names = ("syn_embeds", "trn_embeds", "hol_embeds")
        found = self.distances.calculate_distances(
            **dict(zip(names, self.encode(generated, train, holdout), strict=True))
        )
        to_train, to_holdout = found["dcr_syn_trn"], found["dcr_syn_hol"]
        share = float(self.distances.calculate_dcr_share(to_train, to_holdout))
        identical = [float(self.distances.calculate_ims(each)) for each in (to_train, to_holdout)]
        ratio = float(self.distances.calculate_nndr_ratio(found["nndr_syn_trn"], found["nndr_syn_hol"]))
        nearer = (to_train + 1e-12) / (to_holdout + 1e-12)
        return {
            "DCR share": {
                "statistic": share,
                "accuses": binomial(share, len(to_train)),
                "scores": nearer.tolist(),
            },
            "identical match share": {"statistic": identical[0] - identical[1]},
            "NNDR ratio": {"statistic": -ratio, "scores": found["nndr_syn_trn"].tolist()},
        }


class Dataxid:
    """Its thresholds are those of its sentences: a DCR share above .55, 1 % identical, NNDR lower by 10 %."""

    package = "dataxid-syntheval"

    def __init__(self):
        self.encode = importlib.import_module("dataxid_syntheval._encode_privacy").encode_for_privacy
        self.privacy = importlib.import_module("dataxid_syntheval._privacy").compute_privacy
        self.table = importlib.import_module("polars").DataFrame

    def __call__(self, case):
        train, holdout, generated, _ = frames(case)
        sets = {"training": train, "synthetic": generated, "holdout": holdout}
        encoded = self.encode(**{name: self.table(table.to_dict("list")) for name, table in sets.items()})
        found = self.privacy(encoded, max_sample_size=10**6)
        more = found.ims_training > found.ims_holdout
        return {
            "DCR share": {"statistic": found.dcr_share, "accuses": bool(found.dcr_share > 0.55)},
            "identical match share": {
                "statistic": found.ims_training - found.ims_holdout,
                "accuses": bool(more and found.ims_training >= 0.01),
            },
            "NNDR ratio": {"statistic": -found.nndr_ratio, "accuses": bool(found.nndr_ratio < 0.9)},
        }


TOOLS = {tool.package: tool for tool in (SDMetrics, SynthEval, Anonymeter, MostlyAI, Dataxid)}


def main():
    warnings.simplefilter("ignore")
    # Tools print; what we say goes where they cannot write.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name = sys.argv[1]
    try:
        tool = TOOLS[name]()
        answers.write(json.dumps({"version": version(name)}) + "\n")
    except ImportError as error:
        answers.write(json.dumps({"missing": str(error)}) + "\n")
        return
    for line in sys.stdin:
        np.random.seed(0)  # noqa: NPY002 (what the tools draw from)
        try:
            with np.load(line.strip()) as case:
                found = tool(dict(case))
        except Exception as error:  # whatever a tool raises is its answer
            found = {"": {"refused": f"{type(error).__name__}: {error}"[:200]}}
        answers.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
