"""What the tests of the command share: running it, in a folder with files to step."""

import hashlib
import math
import os
import struct
import subprocess
import sys
import tempfile
import unittest

import safetensors_file as st
from safetensors_file import Tensor

COMMAND = os.path.abspath(sys.argv[1])
CACHE = tempfile.TemporaryDirectory()
NUMBERS = [0.5, -1.25, 3.0, -0.0078125, 0.0, 2.0, -7.5, 0.015625]


def environment():
    env = {k: v for k, v in os.environ.items() if not k.startswith("TIKHONOV_")}
    env["TIKHONOV_CACHE_DIR"] = CACHE.name
    return env


def run(*arguments, env=None, **options):
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=dict(environment(), **(env or {})),
        **options,
    )


def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def series(count, seed, scale=1.0):
    """Values that float32 holds, none alike."""
    return [float32(scale * math.sin(1.7 * i + 0.3 * seed + 0.1)) for i in range(count)]


class InFolder(unittest.TestCase):
    """Each test in a folder of its own, with P, G and a way to take a step."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = self.temporary.name
        self.write("p", {"w": Tensor([2, 4], NUMBERS), "b": Tensor([2], [1.0, -1.0])})
        self.write("g", {"b": Tensor([2], [0.25, 4.0]), "w": Tensor([2, 4], series(8, 1))})

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, tensors, metadata=None):
        st.write(self.path(name), tensors, metadata)

    def read(self, name, dtype="F32"):
        return st.read(self.path(name), dtype)

    def snapshot(self):
        found = {}
        for name in os.listdir(self.folder):
            if os.path.isfile(self.path(name)):
                with open(self.path(name), "rb") as file:
                    found[name] = hashlib.sha256(file.read()).hexdigest()
        return found

    def step_arguments(self, *extra, rule="adamw", p="p", g="g", s=None, out="p2", state="s2"):
        arguments = ["step", "--rule", rule, "--params", p, "--grads", g]
        arguments += ["--out", out, "--state-out", state]
        return arguments + (["--state", s] if s else []) + list(extra)

    def step(self, *extra, device="scalar", **files):
        arguments = self.step_arguments("--device", device, *extra, **files)
        done = run(*arguments, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def assert_fails(self, arguments, *messages, code=2, **options):
        before = self.snapshot()
        done = run(*arguments, cwd=self.folder, **options)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        for message in messages:
            self.assertIn(message, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(self.snapshot(), before)

    def assert_step_fails(self, extra, *messages, code=2, **files):
        arguments = self.step_arguments("--device", "scalar", *extra, **files)
        self.assert_fails(arguments, "tikhonov step: ", *messages, code=code)
