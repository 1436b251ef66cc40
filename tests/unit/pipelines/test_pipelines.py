"""Pipelines from their folders: sampled as they sample themselves, audited, and refused in one line."""

import json
import shutil
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, DiTPipeline

import mnemoscope as mn
from mnemoscope.errors import InputError
from mnemoscope.pipelines import open_pipeline, sample_pipeline
from tests.robustness.command import run
from tests.unit.pipelines.tiny import SIZE, autoencoder, save_pipeline, transformer, unet


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("saved") / "pipeline")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "pipeline"))


def test_samples_are_those_of_the_pipeline(whole: Path) -> None:
    pipeline = DDPMPipeline.from_pretrained(whole)
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(batch_size=3, generator=torch.Generator().manual_seed(4), num_inference_steps=5).images
    state = torch.get_rng_state()
    found = sample_pipeline(whole, 3, seed=4, n_steps=5)
    np.testing.assert_array_equal(found, np.stack([np.asarray(image) for image in images]))
    assert found.shape == (3, SIZE, SIZE)
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(sample_pipeline(pipeline, 3, seed=4, n_steps=5), found)
    assert not np.array_equal(sample_pipeline(pipeline, 3, seed=5, n_steps=5), found)
    assert "progress_bar" not in vars(pipeline)


def test_conditions_take_turns_and_draws_without_generator_have_the_seed() -> None:
    """DiTPipeline's scheduler draws from torch's own generator."""
    pipeline = DiTPipeline(transformer(num_embeds_ada_norm=1000), autoencoder(), DDPMScheduler(num_train_timesteps=4))
    how = {"n_steps": 2, "conditions": {"class_labels": [1, 2]}, "options": {"guidance_scale": 1.0}}
    one, again = (sample_pipeline(pipeline, 3, seed=1, batch_size=2, **how) for _ in range(2))
    assert one.shape == (3, 2 * SIZE, 2 * SIZE, 3)
    np.testing.assert_array_equal(one, again)
    with pytest.raises(InputError, match="DiTPipeline: is conditional and needs class_labels"):
        sample_pipeline(pipeline, 3)
    with pytest.raises(InputError, match="DiTPipeline takes no prompt here: it takes class_labels"):
        sample_pipeline(pipeline, 3, conditions={"prompt": ["cat"]})


def test_an_audit_from_a_folder_is_that_of_its_samples(whole: Path) -> None:
    train, holdout = mn.load("digits").take(np.arange(240)).split(100, 0)
    report = mn.audit_pipeline(whole, train, n=40, n_steps=2, seed=3, holdout=holdout)
    drawn = mn.Dataset(sample_pipeline(whole, 40, n_steps=2, seed=3)).rescaled((0.0, 16.0))
    np.testing.assert_array_equal(report.generated.array, drawn.array)
    assert report.generated.source == {
        "pipeline": {
            "class": "DDPMPipeline",
            "scheduler": "DDPMScheduler",
            "n": 40,
            "seed": 3,
            "n_steps": 2,
            "batch_size": 64,
        }
    }
    with pytest.raises(InputError, match=r"samples of DDPMPipeline: have event shape \(8, 8\), but train has \(9, 9\)"):
        mn.audit_pipeline(whole, np.zeros((50, 9, 9)) + np.arange(50)[:, None, None], n=10**9)


def test_the_command_line(whole: Path, tmp_path: Path) -> None:
    done = run(["sample", str(whole), "--n", "2", "--n-steps", "2", "--out", str(tmp_path / "x.npy")])
    assert done.code == 0, done.err
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), sample_pipeline(whole, 2, n_steps=2))
    assert json.loads((tmp_path / "x.npy.json").read_text())["model"]["pipeline"] == "DDPMPipeline"
    np.save(tmp_path / "train.npy", mn.load("digits").array[:120])
    words = [
        "audit",
        str(whole),
        str(tmp_path / "train.npy"),
        "--n",
        "40",
        "--n-steps",
        "2",
        "--out",
        str(tmp_path / "audit"),
        "--json",
    ]
    done = run(words)
    assert done.code == 0, done.err
    assert json.loads(done.out)["n_generated"] == 40
    for words, complaint in (
        (
            ["sample", str(whole), "--n", "2", "--solver", "sde", "--out", str(tmp_path / "y.npy")],
            "--solver has its own",
        ),
        (
            ["sample", str(whole), "--n", "2", "--class-label", "cat", "--out", str(tmp_path / "y.npy")],
            "--class-label of a pipeline must be a whole number",
        ),
        (
            ["audit", "digits", "digits", "--batch-size", "2", "--out", str(tmp_path / "no")],
            "are of a pipeline's folder",
        ),
        (["audit", "digits", "digits", "--n-steps", "2", "--out", str(tmp_path / "no")], "are of a pipeline's folder"),
    ):
        done = run(words)
        assert done.code == 2
        assert complaint in done.err


def rewrite(**changes):
    def change(folder: Path) -> None:
        file = folder / "model_index.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


def as_pickle(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")


def cut_short(folder: Path) -> None:
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def of_another_network(folder: Path) -> None:
    file = folder / "unet" / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({**config, "layers_per_block": 2}))


def remove(name: str):
    def change(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def write(name: str, text: str):
    return lambda folder: (folder / name).write_text(text)


WRONG = {
    "no index": (remove("model_index.json"), "has no model_index.json"),
    "damaged index": (write("model_index.json", "{"), "model_index.json: cannot be read as the index"),
    "a list": (write("model_index.json", "[]"), "is no index of a pipeline"),
    "missing component": (remove("unet"), "its component unet .* is missing"),
    "missing weights": (remove("unet/diffusion_pytorch_model.safetensors"), "unet: has no weights"),
    "missing config": (remove("unet/config.json"), "unet: has no config.json"),
    "damaged config": (write("unet/config.json", "{"), "cannot be read as a DDPMPipeline"),
    "pickle": (as_pickle, r"diffusion_pytorch_model.bin: is a pickle.*safe_serialization=True"),
    "damaged weights": (cut_short, r"model.safetensors: cannot be read as safetensors"),
    "not safetensors": (write("unet/diffusion_pytorch_model.safetensors", "x"), "cannot be read as safetensors"),
    "other weights": (of_another_network, r"unet: lacks \d+ weights of its UNet2DModel"),
    "unknown pipeline": (rewrite(_class_name="NoPipeline"), "names the pipeline NoPipeline, which diffusers"),
    "no pipeline": (rewrite(_class_name="UNet2DModel"), "names the pipeline UNet2DModel"),
    "own pipeline": (rewrite(_class_name=["pipeline", "Mine"]), "names code of its own"),
    "unknown class": (rewrite(unet=["diffusers", "NoUNet"]), "its component unet is a NoUNet, which diffusers"),
    "outside": (rewrite(unet=["os", "system"]), r"component unet is os.system, a class outside .*trust_remote_code"),
    "path": (rewrite(**{"../unet": ["diffusers", "UNet2DModel"]}), "not a library and a class"),
    "not a class": (rewrite(unet=[1, 2]), "not a library and a class"),
    "own code": (write("unet/modeling.py", "raise SystemExit"), "modeling.py: is code, which is not run"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_folders(case: str, folder: Path) -> None:
    change, complaint = WRONG[case]
    change(folder)
    with pytest.raises(InputError, match=complaint) as caught:
        open_pipeline(folder)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


def test_opening_leaves_diffusers_as_it_was(whole: Path) -> None:
    level = diffusers.utils.logging.get_verbosity()
    assert isinstance(open_pipeline(whole), DDPMPipeline)
    assert diffusers.utils.logging.get_verbosity() == level
    assert diffusers.utils.logging.is_progress_bar_enabled()


class Broken(DDPMPipeline):
    """Returns what it is told."""

    made: object = None

    def __call__(self, batch_size=1, generator=None, num_inference_steps=1, output_type="pil", return_dict=True):
        if isinstance(self.made, Exception):
            raise self.made
        return (self.made,)


@pytest.mark.parametrize(
    "made", [None, [], np.zeros((2, 4, 4)), np.full((2, 4, 4, 1), np.nan), np.zeros((1, 4, 4, 3)), RuntimeError("a\nb")]
)
def test_what_a_pipeline_returns_or_raises_is_one_line(made: object) -> None:
    pipeline = Broken(unet(), DDPMScheduler())
    pipeline.made = made
    with pytest.raises(InputError, match=r"^Broken: ") as caught:
        sample_pipeline(pipeline, 2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pipeline", "options", "complaint"),
    [
        ("no/such/folder", {}, "no/such/folder: "),
        (3, {}, "pipeline must be a pipeline of diffusers or its folder, got int"),
        (None, {"n": 0}, "n must be at least 1"),
        (None, {"n_steps": 0}, "n_steps must be at least 1"),
        (None, {"options": {"nonsense": 1}}, "DDPMPipeline takes no nonsense here"),
        (None, {"options": {"generator": 1}}, "DDPMPipeline takes no generator here"),
        (None, {"n_steps": 10**6}, "DDPMPipeline: cannot be sampled"),
    ],
)
def test_bad_arguments(pipeline: object, options: dict, complaint: str) -> None:
    given = {"n": 2, **options}
    with pytest.raises(InputError, match=complaint):
        sample_pipeline(
            DDPMPipeline(unet(), DDPMScheduler()) if pipeline is None else pipeline, given.pop("n"), **given
        )
