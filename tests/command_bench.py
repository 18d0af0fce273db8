"""tikhonov bench: what it accepts, what it writes. Never how fast anything is."""

import json
import os
import shutil
import unittest

from command_case import InFolder, run

KEYS = (
    "backend device threads rule policy parameters tensors bytes_per_parameter rounds "
    "seconds_median seconds_best gb_per_s limit_gb_per_s limit_ratio launches empty_launch_seconds"
).split()


class Measured(InFolder):
    def bench(self, *arguments, device="scalar"):
        done = run("bench", "--device", device, "--rounds", "3", *arguments, cwd=self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def rows(self, *arguments, **options):
        found = json.loads(self.bench("--json", *arguments, **options))
        self.assertEqual(list(found), ["device", "rows"])
        self.assertEqual(found["device"], found["rows"][0]["device"])
        for row in found["rows"]:
            self.check_row(row)
        return found["rows"]

    def check_row(self, row):
        self.assertEqual(list(row), KEYS)
        self.assertGreaterEqual(row["threads"], 1)
        self.assertEqual(row["rounds"], 3)
        self.assertLessEqual(0, row["seconds_best"])
        self.assertLessEqual(row["seconds_best"], row["seconds_median"])
        moved = row["bytes_per_parameter"] * row["parameters"]
        self.assertAlmostEqual(row["gb_per_s"] * row["seconds_median"] / moved, 1e-9)
        ratio = row["gb_per_s"] / row["limit_gb_per_s"]
        self.assertAlmostEqual(row["limit_ratio"] / ratio, 1)


class Bench(Measured):
    def test_rows(self):
        rows = self.rows("--sizes", "1,7,1Ki,3x5,1e3", "--rules", "sgd,sgd:momentum=0.9,adamw")
        sizes = [(1, 1), (7, 1), (1024, 1), (15, 3), (1000, 1)]
        rules = [("sgd", "", 12), ("sgd", "momentum=0.9", 20), ("adamw", "", 28)]
        due = [(*rule, *size) for rule in rules for size in sizes]
        names = ["rule", "policy", "bytes_per_parameter", "parameters", "tensors"]
        self.assertEqual([tuple(row[name] for name in names) for row in rows], due)
        for row in rows:
            self.assertEqual((row["backend"], row["device"]), ("scalar", "scalar path"))
            self.assertEqual(row["launches"], 1)
            self.assertIsNone(row["empty_launch_seconds"])

    def test_streams(self):
        due = {"sgd": 12, "lion": 20, "adam": 28, "adamw:amsgrad=true": 36}
        rows = self.rows("--sizes", "100", "--rules", ",".join(due))
        self.assertEqual([row["bytes_per_parameter"] for row in rows], list(due.values()))
        for threads in "1", "3":
            (row,) = self.rows("--sizes", "70000", "--rules", "adam", "--threads", threads)
            self.assertEqual(row["threads"], int(threads))

    def test_policy(self):
        policy = "lr=0.1,max_norm=1,l1,weight=1e-4,application=coupled,l2,weight=0.1"
        rows = self.rows("--sizes", "93", "--rules", "sgd:momentum=0.5,lion", "--policy", policy)
        self.assertEqual([row["policy"] for row in rows], ["momentum=0.5," + policy, policy])
        for row in rows:
            self.assertEqual((row["bytes_per_parameter"], row["launches"]), (24, 3))

    def test_around(self):
        """What is around the step moves streams of its own, and takes launches."""
        for policy, moved, launches in (
            ("max_norm=1,ema=0.999,zero_grad=true", 44, 3),
            ("clip_value=1", 28, 1),
            ("clip_norm=1", 32, 3),
            ("agc=0.1,clip_value=1,loss_scale=1024", 36, 4),
            ("zero_grad=false,loss_scale=8", 32, 3),
            ("copy=bf16", 30, 1),
            ("copy=fp16,copy_rounding=stochastic,ema=0.9", 38, 1),
        ):
            (row,) = self.rows("--sizes", "2x50", "--rules", "adamw", "--policy", policy)
            self.assertEqual((row["bytes_per_parameter"], row["launches"]), (moved, launches))

    def test_tensors(self):
        rows = self.rows("--sizes", "10,11,5x5", "--tensors", "4", "--rules", "sgd")
        self.assertEqual([row["tensors"] for row in rows], [4, 4, 5])

    def test_table(self):
        lines = self.bench("--sizes", "100,2x50", "--rules", "adamw,sgd:momentum=0.9").splitlines()
        self.assertRegex(lines[0], r"^scalar path \(scalar\), \d+ threads$")
        self.assertIn("GB/s   limit  ratio launches", lines[1])
        self.assertRegex(lines[2], r"^adamw  .* 100 +1 +28 +[\d.]+ us ")
        self.assertRegex(lines[-1], r"^sgd momentum=0.9 +100 +2 +20 .* 1$")
        self.assertEqual(len(lines), 6)

    def assert_plotted(self, name, *pictures):
        self.bench("--sizes", "100,200,2x50", "--rules", "sgd,adam", "--plot", name)
        with open(self.path("x.gp")) as file:
            script = file.read()
        for line in "adam, scalar", "sgd, scalar, 2 tensors", "limit of each":
            self.assertIn("'%s'" % line, script)
        for name, magic in pictures:
            with open(self.path(name), "rb") as file:
                self.assertIn(magic, file.read(200))

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_plot(self):
        self.assert_plotted("x.svg", ("x.svg", b"<svg"))
        self.assertFalse(os.path.exists(self.path("x.png")))
        self.assert_plotted("x.png", ("x.svg", b"<svg"), ("x.png", b"PNG"))

    def test_without_gnuplot(self):
        arguments = ["bench", "--device", "scalar", "--rounds", "1", "--sizes", "10"]
        done = run(*arguments, "--plot", "y.svg", cwd=self.folder, env={"PATH": self.folder})
        self.assertEqual(done.returncode, 1)
        self.assertIn("gnuplot is not installed: no picture; y.gp holds the plot", done.stderr)
        self.assertTrue(os.path.exists(self.path("y.gp")))
        self.assertFalse(os.path.exists(self.path("y.svg")))

    def assert_refused(self, arguments, *messages):
        self.assert_fails(["bench", "--device", "scalar", *arguments], "tikhonov bench: ", *messages)

    def test_bad_sizes(self):
        for size in ["", "0", "-1", "1.5", "x", "4x", "x4", "4x0", "1Ti", "nan", "1e13", "64 Mi"]:
            self.assert_refused(["--sizes", size], "--sizes has '%s'" % size, "64Mi", "2000x256")
        self.assert_refused(["--sizes", "10,"], "--sizes has ''")
        self.assert_refused(["--sizes", "1024Gi"], "1099511627776", "adamw needs", "GiB are free")
        self.assert_refused(["--sizes", "10", "--tensors", "11"], "--tensors is 11", "10 parameters")
        for number in ["", "0", "1.5", "two"]:
            self.assert_refused(["--tensors", number], "--tensors is '%s'" % number)
            self.assert_refused(["--rounds", number], "--rounds is '%s'" % number, "1 to 100000")
            self.assert_refused(["--threads", number], "--threads is '%s'" % number, "1 to 1024")

    def test_bad_policies(self):
        self.assert_refused(["--rules", "nadam_"], "'nadam_'", "sgd, adam, adamw")
        self.assert_refused(["--rules", "sgd,"], "''", "sgd, adam, adamw")
        self.assert_refused(["--rules", "sgd:lr=-1"], "lr", "-1", "[0, inf)")
        self.assert_refused(["--policy", "momentum=0.9"], "rule lion", "'momentum'", "beta1")
        self.assert_refused(["--policy", "momentum"], "no penalty 'momentum'", "l2, l1")
        self.assert_refused(["--policy", "l1,width=1"], "width", "weight, application")
        self.assert_refused(["--policy", "lr=0.1,"], "--policy has an empty item", "KEY=VALUE")
        self.assert_refused(["--policy", ",lr=0.1"], "--policy has an empty item", "KEY=VALUE")
        for norm in ["", "0", "-1", "inf"]:
            policy = "max_norm=" + norm
            self.assert_refused(["--policy", policy], "max_norm is '%s'" % norm, "above 0")
        self.assert_refused(["--policy", "ema=1"], "ema is '1'", "below 1")
        self.assert_refused(["--policy", "zero_grad=yes"], "zero_grad is 'yes'", "true or false")
        self.assert_refused(["--policy", "agc=1,max_norm=1"], "max_norm and agc are both given")

    def test_bad_plots(self):
        for name in ["", "x", "x.pdf", ".svg"]:
            self.assert_refused(["--plot", name], "--plot is '%s'" % name, ".svg or .png")
        self.assert_refused(["--plot", "missing/x.svg"], "'missing/x.svg'", "cannot be written")
        arguments = ["bench", "--plot", "x.svg", "--device", "no such device"]
        self.assert_fails(arguments, "no such device")


class BenchOnDevice(Measured):
    def test_rows(self):
        arguments = ["--sizes", "93,70000,20x256", "--rules", "adamw", "--policy", "max_norm=1"]
        rows = self.rows(*arguments, device="opencl")
        self.assertEqual([row["parameters"] for row in rows], [93, 70000, 5120])
        for row in rows:
            self.assertEqual((row["backend"], row["launches"]), ("opencl", 3))
            self.assertEqual(row["bytes_per_parameter"], 32)
            self.assertGreater(row["empty_launch_seconds"], 0)

    def test_memory_limit(self):
        """Above the limit chunks are streamed, and the limit is their copies: rows all the same."""
        policy = "max_norm=1,zero_grad=true"
        arguments = ["--sizes", "1000,70000", "--rules", "adamw", "--policy", policy]
        for row in self.rows(*arguments, "--memory-limit", "64Ki", device="opencl"):
            self.assertEqual((row["bytes_per_parameter"], row["launches"]), (36, 3))
        for limit in ["", "0", "x", "1.5"]:
            self.assert_refused(limit)

    def assert_refused(self, limit):
        arguments = ["bench", "--device", "opencl", "--memory-limit", limit]
        self.assert_fails(arguments, "--memory-limit is '%s'" % limit, "bytes", "256Mi")

    def test_two_devices(self):
        arguments = ["--device", "opencl", "--sizes", "1000", "--rules", "sgd,lion"]
        rows = self.rows(*arguments, device="scalar")
        backends = [row["backend"] for row in rows]
        self.assertEqual(backends, ["scalar", "scalar", "opencl", "opencl"])
        lines = self.bench(*arguments, device="scalar").splitlines()
        self.assertEqual([line.startswith("rule ") for line in lines].count(True), 2)
        self.assertIn("launching an empty kernel", "".join(lines))
