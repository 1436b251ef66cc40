"""The main job on real images in minutes: train on few and on many, audit both and the empirical score, show why."""

from mnemoscope.demo.result import DemoResult, DemoSpec, ModelResult
from mnemoscope.demo.run import run_demo

__all__ = ["DemoResult", "DemoSpec", "ModelResult", "run_demo"]
