#!/usr/bin/env python3
"""Tests of the demos, as a user runs them.

    test_demos.py scalar 01_weight_decay 02_digits   what holds without any OpenCL device
    test_demos.py device 01_weight_decay 02_digits   on the default OpenCL device, beside scalar

The second form returns 77 (skipped) on a machine without a device. 01_weight_decay is computed a
second time here, in double and from the equations alone, with the same random numbers.
"""

import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

MODE, WEIGHT_DECAY, DIGITS = sys.argv[1:4]
MASK = (1 << 64) - 1
SKIPPED = 77


def run(program, *arguments, **environment):
    variables = {k: v for k, v in os.environ.items() if not k.startswith("TIKHONOV_PROGRESS")}
    variables.update(environment)
    return subprocess.run(
        [program, *arguments], env=variables, capture_output=True, text=True, encoding="utf-8"
    )


def run_json(program, *arguments):
    done = run(program, "--json", "--no-plot", *arguments)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{program} {arguments}: {done.returncode}, {done.stderr}")
    return json.loads(done.stdout)


def single(value):
    """The value, rounded to a float of 32 bits."""
    return struct.unpack("f", struct.pack("f", value))[0]


class Random:
    """SplitMix64 and Box-Muller, as demos/random.h describes them."""

    def __init__(self, seed, stream):
        self.counter = self.mix((self.mix(seed) + stream) & MASK)
        self.spare = None

    @staticmethod
    def mix(z):
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
        return z ^ (z >> 31)

    def bits(self):
        self.counter = (self.counter + 0x9E3779B97F4A7C15) & MASK
        return self.mix(self.counter)

    def uniform(self):
        return (self.bits() >> 11) * 2.0**-53

    def normal(self):
        if self.spare is not None:
            value, self.spare = self.spare, None
            return value
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        angle = 2 * math.pi * self.uniform()
        self.spare = radius * math.sin(angle)
        return radius * math.cos(angle)

    def order(self, n):
        order = list(range(n))
        for i in range(n, 1, -1):
            j = (self.bits() >> 32) * i >> 32
            order[i - 1], order[j] = order[j], order[i - 1]
        return order


class Sgd:
    """p -= lr (g + decay p)."""

    def __init__(self, decay):
        self.decay = decay

    def step(self, p, g, lr, t):
        return [x - lr * (d + self.decay * x) for x, d in zip(p, g)]


class AdamW:
    """Loshchilov and Hutter 2019, as PyTorch has it: p -= lr (decay p + m^ / (sqrt v^ + eps))."""

    def __init__(self, decay):
        self.decay, self.m, self.v = decay, None, None

    def step(self, p, g, lr, t):
        zeros = [0.0] * len(p)
        self.m = [0.9 * m + 0.1 * d for m, d in zip(self.m or zeros, g)]
        self.v = [0.999 * v + 0.001 * d * d for v, d in zip(self.v or zeros, g)]
        one, two = 1 - 0.9**t, 1 - 0.999**t
        return [
            x - lr * (self.decay * x + m / one / (math.sqrt(v / two) + 1e-8))
            for x, m, v in zip(p, self.m, self.v)
        ]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def weight_decay(rule, decay, seed, lr=0.01, epochs=10):
    """01_weight_decay from its description: 200 inputs, 20 examples, batches of 5."""
    data, weights, shuffle = Random(seed, 1), Random(seed, 2), Random(seed, 3)
    examples = []
    for _ in range(120):
        noise = 0.01 * data.normal()
        x = [single(data.normal()) for _ in range(200)]
        examples.append((x, single(0.05 + noise + 0.01 * sum(x))))
    train, validation = examples[:20], examples[20:]
    w, b = [single(0.01 * weights.normal()) for _ in range(200)], [0.0]
    rule_w, rule_b, t = rule(decay), rule(0), 0
    for _ in range(epochs):
        order = shuffle.order(20)
        for first in range(0, 20, 5):
            batch = [train[i] for i in order[first : first + 5]]
            r = [(dot(w, x) + b[0] - y) / 5 for x, y in batch]
            g = [sum(r[i] * batch[i][0][j] for i in range(5)) for j in range(200)]
            t += 1
            w, b = rule_w.step(w, g, lr, t), rule_b.step(b, [sum(r)], lr, t)

    def loss(rows):
        return sum((dot(w, x) + b[0] - y) ** 2 for x, y in rows) / 2 / len(rows)

    return {
        "lambda": decay,
        "train_loss": loss(train),
        "val_loss": loss(validation),
        "half_squared_norm": dot(w, w) / 2,
        "bias": b[0],
    }


def mean(values):
    values = list(values)
    return sum(values) / len(values)


class Checks(unittest.TestCase):
    HEAD = {
        "device": str,
        "backend": str,
        "conformance": str,
        "verified_steps": int,
        "mismatches": int,
        "fallbacks": int,
        "runs": list,
    }

    def check_head(self, found, more=()):
        self.assertEqual(set(found), set(self.HEAD) | set(more))
        for key, kind in self.HEAD.items():
            self.assertIs(type(found[key]), kind, key)
        self.assertIn(found["backend"], ("opencl", "scalar"))
        self.assertIn(found["conformance"], ("exact", "bounded"))
        self.assertEqual(found["mismatches"], 0)
        self.assertEqual(found["fallbacks"], 0)

    def check_bad(self, program, arguments, *words):
        done = run(program, "--no-plot", *arguments)
        self.assertEqual(done.returncode, 2, f"{arguments}: {done.stderr}")
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr, arguments)

    def check_against_equations(self, rule, name, lambdas, device):
        arguments = [a for x in lambdas for a in ("--lambda", str(x))]
        found = run_json(WEIGHT_DECAY, "--device", device, "--rule", name, *arguments)
        self.assertEqual([r["lambda"] for r in found["runs"]], lambdas)
        for got in found["runs"]:
            right = weight_decay(rule, got["lambda"], 0)
            for key, value in right.items():
                # What float32 leaves is ten times less; a lambda or lr that is 0.1 % off is 100
                # times more. Small training losses come from small differences: more of those.
                allowed = (1e-4 if key == "train_loss" else 5e-6) * abs(value)
                self.assertLessEqual(abs(got[key] - value), allowed, f"{name} {key}: {got} {right}")


class Scalar(Checks):
    def test_equations_sgd(self):
        self.check_against_equations(Sgd, "sgd", [0, 0.5, 3], "scalar")

    def test_equations_adamw(self):
        self.check_against_equations(AdamW, "adamw", [0, 3], "scalar")

    def test_presets(self):
        """Loshchilov's decay is without lr: 0.03 is there what 3 is at a rate of 0.01."""
        common = ("--device", "scalar", "--lambda")
        (due,) = run_json(WEIGHT_DECAY, *common, "3")["runs"]
        for preset, decay in ("pytorch", "3"), ("d2l", "3"), ("optax", "3"), ("loshchilov", "0.03"):
            (got,) = run_json(WEIGHT_DECAY, *common, decay, "--preset", preset)["runs"]
            for key in "val_loss", "half_squared_norm", "bias":
                self.assertLessEqual(abs(got[key] - due[key]), 5e-6 * abs(due[key]), (preset, key))
        (coupled,) = run_json(WEIGHT_DECAY, *common, "0.3", "--rule", "adam")["runs"]
        (other,) = run_json(WEIGHT_DECAY, *common, "0.3", "--rule", "adam", "--preset",
                            "loshchilov")["runs"]
        difference = abs(coupled["half_squared_norm"] - other["half_squared_norm"])
        self.assertGreater(difference, 0.1 * coupled["half_squared_norm"])

    def test_figures_of_the_book(self):
        """Means over seeds: 9.6e-6, 1.9e-2, 0.0100 without decay; 4.7e-4, 1.06e-2, 0.0015 with."""
        runs = {0: [], 3: []}
        for seed in range(20):
            found = run_json(WEIGHT_DECAY, "--device", "scalar", "--seed", str(seed))
            for one in found["runs"]:
                runs[one["lambda"]].append(one)
        bands = {
            (0, "train_loss"): (5e-6, 2e-5),
            (0, "val_loss"): (1.7e-2, 2.2e-2),
            (0, "half_squared_norm"): (0.0090, 0.0110),
            (3, "train_loss"): (3.5e-4, 6e-4),
            (3, "val_loss"): (0.95e-2, 1.25e-2),
            (3, "half_squared_norm"): (0.0012, 0.0018),
        }
        for (decay, key), (low, high) in bands.items():
            self.assertTrue(low < mean(r[key] for r in runs[decay]) < high, f"{decay} {key}")

    def test_json(self):
        found = run_json(WEIGHT_DECAY, "--device", "scalar")
        self.check_head(found)
        self.assertEqual((found["backend"], found["verified_steps"]), ("scalar", 0))
        self.assertEqual([r["lambda"] for r in found["runs"]], [0, 3])
        for one in found["runs"]:
            self.assertEqual(
                set(one), {"lambda", "train_loss", "val_loss", "half_squared_norm", "bias"}
            )

    def test_seed(self):
        one, same, other = (
            run_json(WEIGHT_DECAY, "--device", "scalar", "--seed", s)["runs"] for s in "778"
        )
        self.assertEqual(one, same)
        self.assertNotEqual(one, other)

    def test_bias_is_free(self):
        """A penalty that flattens w leaves b to rise to the mean of y, which is near 0.05."""
        found = run_json(WEIGHT_DECAY, "--device", "scalar", "--lambda", "50", "--epochs", "200")
        self.assertLess(found["runs"][0]["half_squared_norm"], 1e-4)
        self.assertGreater(found["runs"][0]["bias"], 0.02)

    def test_divergence_is_null(self):
        found = run_json(WEIGHT_DECAY, "--device", "scalar", "--lr", "10", "--lambda", "0")
        self.assertIsNone(found["runs"][0]["train_loss"])
        self.assertIsNone(found["runs"][0]["val_loss"])
        with tempfile.TemporaryDirectory() as folder:
            done = run(WEIGHT_DECAY, "--device", "scalar", "--lr", "10", "--text", "--out", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("diverged", done.stdout)

    def test_bad_options(self):
        for option, value, right in (
            ("--lambda", "x", "number"),
            ("--lambda", "-1", "0 or more"),
            ("--lambda", "nan", "finite"),
            ("--lr", "inf", "finite"),
            ("--epochs", "0", "from 1"),
            ("--epochs", "2.5", "whole"),
            ("--seed", "-3", "whole"),
            ("--verify", "some", "all, sample or off"),
            ("--blas", "mkl", "auto, clblast or cblas"),
            ("--rule", "sdg", "adamw"),
            ("--preset", "torch", "pytorch, loshchilov"),
            ("--penalty", "l3", "l1"),
            ("--penalty", "l1,application=sideways", "proximal"),
            ("--penalty", "l1,application", "key=value"),
            ("--penalty", "l2,weight=1", "--lambda"),
            ("--device", "no such device", "devices"),
        ):
            for program in (WEIGHT_DECAY, DIGITS):
                self.check_bad(program, (option, value), option, value.split(",")[0], right)
        self.check_bad(WEIGHT_DECAY, ("--setting", "clean"), "--setting", "--help")
        self.check_bad(WEIGHT_DECAY, ("--wrong",), "--wrong", "--help")
        self.check_bad(WEIGHT_DECAY, ("word",), "word", "--help")
        self.check_bad(WEIGHT_DECAY, ("--device", "scalar", "--blas", "clblast"), "clblast")
        self.check_bad(DIGITS, ("--setting", "dirty"), "dirty", "clean, noisy or both")
        self.check_bad(DIGITS, ("--seeds", "0"), "--seeds", "from 1")

    def test_help(self):
        done = run(WEIGHT_DECAY, "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--lambda", done.stdout)
        done = run(DIGITS, "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("(default demos/data/digits.csv)", done.stdout)

    def test_figures(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "new folder", "it's")
            done = run(WEIGHT_DECAY, "--device", "scalar", "--out", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            if not shutil.which("gnuplot"):
                self.assertIn("gnuplot is not installed", done.stderr)
                return
            self.assertEqual(done.stderr, "")
            with open(os.path.join(out, "01_weight_decay.png"), "rb") as file:
                self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")
            tree = xml.etree.ElementTree.parse(os.path.join(out, "01_weight_decay.svg"))
            text = "".join(tree.getroot().itertext())
            for word in ("train", "validation", "epoch", "λ = 0", "λ = 3"):
                self.assertIn(word, text)

    def test_without_gnuplot(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run(
                WEIGHT_DECAY, "--device", "scalar", "--out", folder, "--text", PATH=folder
            )
            self.assertEqual(done.returncode, 0)
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn("gnuplot is not installed", done.stderr)
            self.assertIn("epoch", done.stdout)

    def test_out_that_cannot_be(self):
        """Found before the training: nothing is printed."""
        with tempfile.NamedTemporaryFile() as file:
            for program in (WEIGHT_DECAY, DIGITS):
                for out in (file.name, file.name + "/below", ""):
                    done = run(program, "--device", "scalar", "--out", out)
                    self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                    self.assertIn(f"--out {out}: ", done.stderr)
                    self.assertIn("give a folder", done.stderr)

    def test_figure_that_fails(self):
        """The runs are shown all the same; the exit status tells."""
        small = ("--device", "scalar", "--epochs", "1")
        digits = (*small, "--setting", "clean", "--seeds", "1")
        suffixes = (".gp", ".svg", ".png") if shutil.which("gnuplot") else (".gp",)
        for program, name, arguments in (
            (WEIGHT_DECAY, "01_weight_decay", small),
            (DIGITS, "02_digits", digits),
        ):
            for suffix in suffixes:
                with tempfile.TemporaryDirectory() as folder:
                    os.mkdir(os.path.join(folder, name + suffix))
                    done = run(program, *arguments, "--out", folder)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertIn(name + ".gp", done.stderr)
                    self.assertIn("lambda", done.stdout)
                    self.assertNotIn("figure  ", done.stdout)
                    done = run(program, "--json", *arguments, "--out", folder)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertTrue(json.loads(done.stdout)["runs"])

    def test_one_lambda_is_not_compared(self):
        words = ("smallest lambda", "instead of")
        for lambdas, compared in (("3",), False), (("3", "3"), False), (("0", "3"), True):
            arguments = [a for x in lambdas for a in ("--lambda", x)]
            done = run(WEIGHT_DECAY, "--device", "scalar", "--no-plot", *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(any(word in done.stdout for word in words), compared, done.stdout)

    def test_text_fits(self):
        for locale in ("C.UTF-8", "C"):
            arguments = ("--device", "scalar", "--no-plot", "--text", "--lambda", "3")
            for extra in ((), ("--lambda", "0"), ("--lambda", "0", "--lambda", "1")):
                done = run(WEIGHT_DECAY, *arguments, *extra, LC_ALL=locale)
                self.assertEqual(done.returncode, 0, done.stderr)
                chart = done.stdout.split("(CLBlast)")[1].splitlines()
                self.assertGreater(len(chart), 15)
                self.assertLessEqual(max(map(len, chart)), 78)
                self.assertEqual(locale == "C", done.stdout.isascii())

    def test_digits_clean(self):
        arguments = ("--setting", "clean", "--seeds", "1", "--seed", "11", "--epochs", "20")
        found = run_json(DIGITS, "--device", "scalar", *arguments)
        self.check_head(found, ["summary"])
        (one,) = found["runs"]
        self.assertEqual(
            set(one),
            {
                "setting",
                "lambda",
                "seed",
                "train_loss",
                "val_loss",
                "val_accuracy",
                "half_squared_norm",
            },
        )
        self.assertEqual((one["setting"], one["lambda"], one["seed"]), ("clean", 0.1, 11))
        self.assertGreaterEqual(one["val_accuracy"], 0.97)
        self.assertIsNone(found["summary"][0]["val_accuracy_spread"])

    def test_digits_noisy(self):
        arguments = ("--setting", "noisy", "--seeds", "3", "--lambda", "0", "--lambda", "1")
        found = run_json(DIGITS, "--device", "scalar", *arguments)
        without, with_decay = found["summary"]
        self.assertEqual((without["lambda"], with_decay["lambda"]), (0, 1))
        self.assertEqual((without["seeds"], len(found["runs"])), (3, 6))
        self.assertGreater(
            with_decay["val_accuracy_mean"], without["val_accuracy_mean"] + 0.03, found
        )
        self.assertTrue(0.80 < without["val_accuracy_mean"] < 0.90, found)
        self.assertTrue(0.89 < with_decay["val_accuracy_mean"] < 0.95, found)
        values = [r["val_accuracy"] for r in found["runs"] if r["lambda"] == 1]
        middle = mean(values)
        spread = math.sqrt(sum((v - middle) ** 2 for v in values) / 2)
        self.assertAlmostEqual(with_decay["val_accuracy_mean"], middle, places=12)
        self.assertAlmostEqual(with_decay["val_accuracy_spread"], spread, places=12)

    def test_digits_bad_data(self):
        good = ",".join(["0"] * 64 + ["3"]) + "\n"
        for line, words in (
            ("1,2,3\n", ("line 3", "65")),
            (good.replace("0,", "x,", 1), ("line 3", "field 1", '"x"')),
            (good.replace("0,", "17,", 1), ("line 3", "field 1", "17")),
            (good.replace(",3", ",10"), ("line 3", "field 65", "10")),
            (good.replace("\n", ",1\n"), ("line 3", "65")),
            ("\n", ("line 3",)),
            ("", ("2 rows",)),
        ):
            with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
                file.write(good + good + line)
                file.flush()
                self.check_bad(DIGITS, ("--data", file.name), file.name, *words)
        self.check_bad(DIGITS, ("--data", "/no/such/file.csv"), "/no/such/file.csv")


class Device(Checks):
    def test_same_as_scalar(self):
        """Products are the host's in both runs: on an exact device every digit is the same."""
        for program, more in (
            (WEIGHT_DECAY, ()),
            (WEIGHT_DECAY, ("--rule", "adam", "--penalty", "l1,application=proximal")),
            (DIGITS, ("--seeds", "1", "--epochs", "5")),
        ):
            found = run_json(program, *more)
            scalar = run_json(program, "--device", "scalar", *more)
            self.assertEqual(found["backend"], "opencl", "auto did not choose the device")
            self.assertEqual((found["mismatches"], found["fallbacks"]), (0, 0))
            if found["conformance"] != "exact":
                self.skipTest(f"{found['device']} is {found['conformance']}, not exact")
            self.assertEqual(found["runs"], scalar["runs"])

    def test_equations(self):
        self.check_against_equations(Sgd, "sgd", [0, 3], "opencl")

    def test_products_on_the_device(self):
        """CLBlast sums in its own order: the last digits may differ, no more."""
        done = run(WEIGHT_DECAY, "--json", "--no-plot", "--blas", "clblast")
        if done.returncode == 2 and "this build has no CLBlast" in done.stderr:
            self.skipTest("built without CLBlast")
        self.assertEqual(done.returncode, 0, done.stderr)
        found, host = json.loads(done.stdout), run_json(WEIGHT_DECAY)
        self.assertEqual((found["verified_steps"], found["mismatches"]), (80, 0))
        self.assertEqual(len(found["runs"]), len(host["runs"]))
        for got, right in zip(found["runs"], host["runs"]):
            for key, value in right.items():
                self.assertLessEqual(abs(got[key] - value), 1e-4 * abs(value), key)

    def test_verify(self):
        """10 epochs of 4 steps, twice."""
        for words, steps in (((), 80), (("--verify", "sample"), 80), (("--verify", "off"), 0)):
            found = run_json(WEIGHT_DECAY, *words)
            self.check_head(found)
            self.assertEqual(found["verified_steps"], steps)

    def test_report(self):
        done = run(WEIGHT_DECAY, "--no-plot")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("80, of which 80 were verified", done.stdout)
        self.assertIn("0 words differ", done.stdout)

    def test_digits(self):
        with tempfile.TemporaryDirectory() as folder:
            arguments = ("--seeds", "2", "--seed", "11", "--epochs", "8", "--out", folder)
            done = run(DIGITS, "--json", *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            found = json.loads(done.stdout)
            self.check_head(found, ["summary"])
            self.assertEqual(found["verified_steps"], 2 * 8 * (45 + 5 * 19))
            for one in found["runs"]:
                least = 0.95 if one["setting"] == "clean" else 0.80
                self.assertGreaterEqual(one["val_accuracy"], least, one)
            if shutil.which("gnuplot"):
                with open(os.path.join(folder, "02_digits.png"), "rb") as file:
                    self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")
                xml.etree.ElementTree.parse(os.path.join(folder, "02_digits.svg"))


def main():
    if MODE not in ("scalar", "device"):
        sys.exit(f"{MODE}: not a mode; give scalar or device")
    if MODE == "device":
        probe = run(WEIGHT_DECAY, "--device", "opencl", "--epochs", "1", "--no-plot")
        if probe.returncode == 2:
            print(f"skipped, no OpenCL device: {probe.stderr.strip()}")
            sys.exit(SKIPPED)
    case = {"scalar": Scalar, "device": Device}[MODE]
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
