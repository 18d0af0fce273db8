"""Steps of tikhonov step against double precision, against each other, and what the options do."""

import math
import os
import re
import resource
import struct

import safetensors_file as st
from command_case import InFolder, float32, run, series
from safetensors_file import Tensor


def adamw(p, g, m, v, t, lr, beta1, beta2, eps, decay):
    """Loshchilov and Hutter 2019, algorithm 2, with PyTorch's convention of the decay."""
    m[:] = [beta1 * mi + (1 - beta1) * gi for mi, gi in zip(m, g)]
    v[:] = [beta2 * vi + (1 - beta2) * gi * gi for vi, gi in zip(v, g)]
    for i, (mi, vi) in enumerate(zip(m, v)):
        p[i] -= lr * decay * p[i]
        p[i] -= lr * (mi / (1 - beta1**t)) / (math.sqrt(vi / (1 - beta2**t)) + eps)


def sgd(p, g, buffer, t, lr, momentum, dampening, decay):
    """torch.optim.SGD: the buffer starts as the first gradient, undampened."""
    for i in range(len(p)):
        gi = g[i] + decay * p[i]
        buffer[i] = gi if t == 1 else momentum * buffer[i] + (1 - dampening) * gi
        p[i] -= lr * buffer[i]


class Steps(InFolder):
    def assert_close(self, found, due):
        self.assertEqual(len(found), len(due))
        for one, other in zip(found, due):
            self.assertLessEqual(abs(one - other), 1e-6 * (abs(other) + 0.1), (found, due))

    def chain(self, options, rule, advance):
        """Three steps, each from the files of the one before, against `advance` in double."""
        start = {"w": Tensor([3, 5], series(15, 0, 3.0)), "größe": Tensor([], [0.75])}
        self.write("p", start, {"format": "pt"})
        exact = {name: tensor.values for name, tensor in start.items()}
        for t in 1, 2, 3:
            grads = {"w": Tensor([3, 5], series(15, t)), "größe": Tensor([], series(1, t + 7))}
            self.write("g", grads)
            state = "s" if t > 1 else None
            done = self.step(*options, rule=rule, out="p", state="s", s=state)
            self.assertIn("step %d of %s" % (t, rule), done.stdout)
            self.assertIn("2 tensors, 16 elements", done.stdout)
            for name, tensor in grads.items():
                advance(t, name, exact[name], tensor.values)
            found, metadata = self.read("p")
            self.assertEqual(metadata, {"format": "pt"})
            self.assertEqual(list(found), list(start))
            for name in start:
                self.assertEqual(found[name].shape, start[name].shape)
                self.assert_close(found[name].values, exact[name])
        return self.read("s")

    def test_adamw(self):
        options = "--set lr=0.1 --set beta1=0.8 --set beta2=0.9 --set eps=1e-3".split()
        options += ["--set", "weight_decay=0.3"]
        m, v = {"w": [0.0] * 15, "größe": [0.0]}, {"w": [0.0] * 15, "größe": [0.0]}

        def advance(t, name, p, g):
            adamw(p, g, m[name], v[name], t, 0.1, 0.8, 0.9, 1e-3, 0.3)

        state, metadata = self.chain(options, "adamw", advance)
        self.assertEqual((metadata["rule"], metadata["step"]), ("adamw", "3"))
        self.assertEqual(len(state), 4)
        for name in m:
            self.assert_close(state[name + ".exp_avg"].values, m[name])
            self.assert_close(state[name + ".exp_avg_sq"].values, v[name])

    def test_sgd(self):
        options = "--set lr=0.1 --set momentum=0.9 --set dampening=0.25".split()
        options += ["--set", "weight_decay=0.2"]
        buffer = {"w": [0.0] * 15, "größe": [0.0]}

        def advance(t, name, p, g):
            sgd(p, g, buffer[name], t, 0.1, 0.9, 0.25, 0.2)

        state, metadata = self.chain(options, "sgd", advance)
        self.assertEqual((metadata["rule"], metadata["step"]), ("sgd", "3"))
        for name in buffer:
            self.assert_close(state[name + ".momentum_buffer"].values, buffer[name])

    def test_preset(self):
        """Caffe's rate is inside the buffer: one that changes acts on coming gradients alone."""
        options = "--preset caffe --set momentum=0.9 --set weight_decay=0.2".split()
        p, g, buffer = self.read("p")[0], self.read("g")[0], {}
        exact = {name: list(tensor.values) for name, tensor in p.items()}
        for t, rate in (1, 0.1), (2, 0.01):
            self.step(*options, "--set", "base_lr=%g" % rate, rule="sgd", p="p" if t == 1 else "p2",
                      s="s2" if t > 1 else None)
            for name, values in exact.items():
                old = buffer.get(name, [0.0] * len(values))
                buffer[name] = [0.9 * b + rate * (gi + 0.2 * x)
                                for b, gi, x in zip(old, g[name].values, values)]
                exact[name] = [x - b for x, b in zip(values, buffer[name])]
        for name, tensor in self.read("p2")[0].items():
            self.assert_close(tensor.values, exact[name])

    def test_preset_clips(self):
        """Without PyTorch's 1e-6, by the option or by the library's own word."""
        self.write("p", {"a": Tensor([2], [0, 0])})
        self.write("g", {"a": Tensor([2], [3e-6, 4e-6])})
        for clip in ["--max-norm", "1e-6"], ["--set", "global_clipnorm=1e-6"]:
            self.step("--preset", "keras", "--set", "learning_rate=1e6", *clip, rule="sgd")
            self.assert_close(self.read("p2")[0]["a"].values, [-0.6, -0.8])
        self.step("--set", "lr=1e6", "--max-norm", "1e-6", rule="sgd")
        self.assert_close(self.read("p2")[0]["a"].values, [-0.5, -4 / 6])

    def test_plain_sgd_has_no_state(self):
        self.step("--set", "lr=0.5", rule="sgd")
        state, metadata = self.read("s2")
        self.assertEqual((state, metadata["step"]), ({}, "1"))
        grads = self.read("g")[0]
        for name, p in self.read("p")[0].items():
            due = [float32(x - float32(0.5 * y)) for x, y in zip(p.values, grads[name].values)]
            self.assertEqual(self.read("p2")[0][name].values, due)

    def test_max_norm(self):
        self.write("p", {"a": Tensor([2], [0, 0])})
        self.write("g", {"a": Tensor([2], [3, 4])})
        self.step("--set", "lr=1", "--max-norm", "1", rule="sgd")
        self.assert_close(self.read("p2")[0]["a"].values, [-0.6, -0.8])
        self.step("--set", "lr=1", "--max-norm", "10", rule="sgd")
        self.assertEqual(self.read("p2")[0]["a"].values, [-3, -4])

    def test_norm_that_overflows(self):
        """Gradients count as 0 then; the decay goes on."""
        self.write("p", {"a": Tensor([2], [8, 8]), "b": Tensor([1], [8])})
        self.write("g", {"a": Tensor([2], [1e30, 0]), "b": Tensor([1], [1])})
        options = "--set lr=0.5 --set weight_decay=0.5 --max-norm 1 --no-decay b".split()
        done = self.step(*options)
        self.assertIn("warning: the norm of the gradients is inf, more than float32", done.stderr)
        self.assertIn("the clip is 0", done.stderr)
        found = self.read("p2")[0]
        self.assertEqual((found["a"].values, found["b"].values), ([6, 6], [8]))
        self.assertEqual(self.step(*options, "--freeze", "a").stderr, "")
        self.assertEqual(self.step(*options[:4]).stderr, "")
        for value, norm in (math.inf, "inf"), (-math.inf, "inf"), (math.nan, "nan"):
            self.write("g", {"a": Tensor([2], [1, 0]), "b": Tensor([1], [value])})
            done = self.step(*options)
            self.assertIn("the gradients is %s, since tensor 'b' has one" % norm, done.stderr)
            self.assertTrue(math.isnan(self.read("p2")[0]["b"].values[0]))
            self.assertEqual(self.step(*options, "--freeze", "b").stderr, "")

    def test_clips(self):
        self.write("p", {"a": Tensor([2, 2], [3, 4, 0, 0]), "b": Tensor([2], [0, 0])})
        self.write("g", {"a": Tensor([2, 2], [3, 4, 0, 10]), "b": Tensor([2], [6, 8])})
        for option, a, b in (
            (["--clip-value", "5"], [0, 0, 0, -5], [-5, -5]),
            (["--clip-norm", "1"], None, [-0.6, -0.8]),
            (["--agc", "0.5"], [1.5, 2, 0, -0.0005], [-0.0003, -0.0004]),
        ):
            self.step("--set", "lr=1", *option, rule="sgd")
            found = self.read("p2")[0]
            norm = math.sqrt(125)
            a = a if a is not None else [3 - 3 / norm, 4 - 4 / norm, 0, -10 / norm]
            self.assert_close(found["a"].values, a)
            self.assert_close(found["b"].values, b)

    def test_loss_scale(self):
        """The state tells the scale of the next gradients; a skipped step halves it."""
        self.write("p", {"a": Tensor([2], [1, 2])})
        self.write("g", {"a": Tensor([2], [1024, -2048])})
        self.step("--set", "lr=1", "--loss-scale", "1024", rule="sgd")
        self.assertEqual(self.read("p2")[0]["a"].values, [0, 4])
        # a scale that does not move is the argument's, whatever the state was written with
        self.step("--set", "lr=1", "--loss-scale", "512", rule="sgd", s="s2", state="s3")
        self.assertEqual(self.read("p2")[0]["a"].values, [-1, 6])
        self.assertEqual(self.read("s3")[1]["loss_scale"], "512")
        self.write("g", {"a": Tensor([2], [65536, math.inf])})
        dynamic = ["--set", "lr=1", "--loss-scale", "dynamic"]
        done = self.step(*dynamic, rule="sgd", state="s")
        self.assertIn("the step was skipped: tensor 'a' has a gradient that is not", done.stderr)
        self.assertEqual(self.read("p2")[0]["a"].values, [1, 2])
        metadata = self.read("s")[1]
        due = {"step": "0", "loss_scale": "32768", "skipped": "1", "skipped_in_row": "1"}
        self.assertEqual({key: metadata[key] for key in due}, due)
        self.write("g", {"a": Tensor([2], [32768, 65536])})
        self.assertEqual(self.step(*dynamic, rule="sgd", s="s", state="s").stderr, "")
        self.assertEqual(self.read("p2")[0]["a"].values, [0, 0])
        metadata = self.read("s")[1]
        due = {"step": "1", "loss_scale": "32768", "loss_scale_clean": "1", "skipped_in_row": "0"}
        self.assertEqual({key: metadata[key] for key in due}, due)
        self.assert_step_fails(["--set", "lr=1"], "made without loss_scale", rule="sgd", s="s")

    def test_nonfinite(self):
        self.write("g", {"w": Tensor([2, 4], series(8, 1)), "b": Tensor([2], [math.nan, 1])})
        self.step("--nonfinite", "propagate")
        self.assertTrue(math.isnan(self.read("p2")[0]["b"].values[0]))
        done = self.step("--nonfinite", "skip")
        self.assertIn("skipped: tensor 'b'", done.stderr)
        for name, tensor in self.read("p")[0].items():
            self.assertEqual(self.read("p2")[0][name].values, tensor.values)
        self.assertEqual(self.read("s2")[1]["step"], "0")
        before = self.snapshot()
        done = run(*self.step_arguments("--nonfinite", "error"), cwd=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a gradient was not finite", done.stderr)
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(self.step("--nonfinite", "error", "--freeze", "b").stderr, "")

    def test_nonfinite_limit(self):
        """The second in a row is given up; a step with finite gradients begins the count anew."""
        self.write("bad", {"w": Tensor([2, 4], series(8, 1)), "b": Tensor([2], [math.nan, 1])})
        limit = ["--nonfinite", "skip", "--nonfinite-limit", "2"]
        done = self.step(*limit, g="bad", state="s")
        self.assertEqual(done.stdout.splitlines()[1:], ["the step was skipped"])
        before = self.snapshot()
        done = run(*self.step_arguments(*limit, g="bad", s="s"), cwd=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not finite", done.stderr)
        self.assertEqual(self.snapshot(), before)
        self.step(*limit, s="s", state="s")
        self.step(*limit, g="bad", s="s")
        self.assertEqual(self.read("s2")[1]["skipped_in_row"], "1")

    def test_schedule(self):
        """The multiplier of step t, which the state counts: cosine after a warm-up, milestones."""
        schedules = {
            "cosine,warmup=2,total_steps=4,final=0.5": [0.5, 1, 1, 0.75, 0.5, 0.5],
            "piecewise,gamma=0.5,milestones=1:3": [1, 0.5, 0.5, 0.25],
            "constant,warmup=4,warmup_start=0.5": [0.625, 0.75, 0.875, 1, 1],
        }
        for schedule, factors in schedules.items():
            p = {name: tensor.values for name, tensor in self.read("p")[0].items()}
            for t, factor in enumerate(factors, 1):
                self.step("--set", "lr=0.1", "--schedule", schedule, rule="sgd",
                          p="p" if t == 1 else "p2", s="s2" if t > 1 else None)
                for name, tensor in self.read("g")[0].items():
                    p[name] = [x - 0.1 * factor * y for x, y in zip(p[name], tensor.values)]
                    self.assert_close(self.read("p2")[0][name].values, p[name])

    def test_report(self):
        """Penalty, half the squared norm and exact zeros of the new p; the norm that was clipped."""
        self.write("p", {"w": Tensor([4], [1, -2, 0.25, 0]), "b": Tensor([2], [3, 0])})
        self.write("g", {"w": Tensor([4], [0, 0, 0, 0]), "b": Tensor([2], [6, 8])})
        l1 = ["--set", "lr=0.5", "--penalty", "l1,weight=1,application=proximal"]
        done = self.step(*l1, "--no-decay", "b", "--max-norm", "5", rule="sgd")
        w, b = self.read("p2")[0]["w"].values, self.read("p2")[0]["b"].values
        self.assertEqual(w, [0.5, -1.5, 0, 0])
        line = r"penalty (\S+), 1/2\|\|p\|\|\^2 (\S+), (\d+) of (\d+) elements exactly 0"
        found = re.findall(r"^" + line + "$", done.stdout, re.MULTILINE)
        self.assertEqual(found, [("2", "1.25", "2", "4")])
        found = re.findall(r"^--no-decay: " + line + "$", done.stdout, re.MULTILINE)
        self.assertEqual((found[0][0], found[0][2:]), ("0", ("0", "2")))
        self.assert_close([float(found[0][1])], [sum(x * x for x in b) / 2])
        found = re.search(r"^norm of the gradients (\S+), times (\S+)$", done.stdout, re.MULTILINE)
        self.assert_close([float(one) for one in found.groups()], [10, 0.5])
        self.assertNotIn("norm of the gradients", self.step(*l1, rule="sgd").stdout)

    def test_ema(self):
        """ema <- d*ema + (1 - d)*p, from the parameters or, debiased, from 0."""
        self.write("p", {"a": Tensor([2], [1, 2]), "b": Tensor([1], [3])})
        self.write("g", {"a": Tensor([2], [4, 8]), "b": Tensor([1], [1])})
        plain, biased = [1.0, 2.0], [0.0, 0.0]
        for kind in "0.75", "0.75,debias":
            state, p = None, [1.0, 2.0]
            self.step("--set", "lr=0", rule="sgd", out="p2")
            for t in range(3):
                options = ["--set", "lr=0.25", "--freeze", "b", "--ema", kind, "--ema-out", "e"]
                self.step(*options, rule="sgd", p="p2", out="p2", s=state, state="s")
                state = "s"
                p = [p[0] - 1, p[1] - 2]
                if "debias" in kind:
                    biased = [0.75 * e + 0.25 * x for e, x in zip(biased, p)]
                    due = [e / (1 - 0.75 ** (t + 1)) for e in biased]
                else:
                    due = plain = [0.75 * e + 0.25 * x for e, x in zip(plain, p)]
                self.assert_close(self.read("e")[0]["a"].values, due)
                self.assertEqual(self.read("p2")[0]["b"].values, [3])
                if "debias" not in kind:
                    self.assertEqual(self.read("e")[0]["b"].values, [3])
        self.assertEqual(self.read("s")[1]["ema"], "debiased")

    def test_eval(self):
        """schedule_free_adamw is evaluated at the mean x of z, here a plain one: lr is constant."""
        self.write("p", {"a": Tensor([2], [1, 2])})
        self.write("g", {"a": Tensor([2], [4, -8])})
        state, source, mean = None, "p", [0.0, 0.0]
        for t in 1, 2, 3:
            options = ["--set", "lr=0.25", "--set", "beta1=0.75", "--eval-out", "x"]
            self.step(*options, rule="schedule_free_adamw", p=source, out="p2", s=state, state="s")
            state, source = "s", "p2"
            z = self.read("s")[0]["a.z"].values
            mean = [m + (last - m) / t for m, last in zip(mean, z)]
            self.assert_close(self.read("x")[0]["a"].values, mean)
            self.assertEqual(self.read("p2")[0]["a"].values == z, t == 1)

    def test_copy(self):
        """Python's own conversion to fp16 is to nearest, ties to even; a bf16 is half a float."""
        values = series(1500, 2, 3.0) + [2049.0, 2051.0, 65519.0, 2.0**-25, -(2.0**-24) * 1.5, -0.0]
        self.write("p", {"a": Tensor([1506], values), "b": Tensor([1, 1], [1.00390625])})
        self.write("g", {"a": Tensor([1506], series(1506, 3)), "b": Tensor([1, 1], [0.0])})
        options = ["--set", "lr=0.0001", "--freeze", "b", "--copy-out", "c", "--copy"]
        self.step(*options, "fp16", rule="sgd", out="p2")
        p, copy = self.read("p2")[0], self.read("c", "F16")[0]
        self.assertEqual(list(copy), ["a", "b"])
        self.assertEqual(copy["b"].shape, [1, 1])
        for name, tensor in p.items():
            due = struct.pack("<%de" % len(tensor.values), *tensor.values)
            self.assertEqual(copy[name].data, due)
        self.step(*options, "bf16", rule="sgd", out="p2")
        copy = self.read("c", "BF16")[0]
        self.assertEqual(copy["b"].values, [1.0])
        for one, other in zip(copy["a"].values, p["a"].values):
            self.assertLessEqual(abs(one - other), 2.0**-8 * abs(other) + 2.0**-134)

    def test_copy_by_chance(self):
        """The same seed throws the same dice, in a step taken again and in one that goes on."""
        self.write("p", {"a": Tensor([3000], series(3000, 2))})
        self.write("g", {"a": Tensor([3000], [0.0] * 3000)})
        options = ["--copy", "bf16", "--copy-rounding", "stochastic", "--copy-out"]
        found = {}
        for name, seed, state in (("c1", "7", None), ("c2", "7", None), ("c3", "8", None),
                                  ("c4", "7", "s2"), ("c5", str(2**64 - 1), None)):
            self.step(*options, name, "--seed", seed, rule="sgd", s=state)
            found[name] = self.read(name, "BF16")[0]["a"]
        self.assertEqual(found["c1"].data, found["c2"].data)
        for one, other in ("c1", "c3"), ("c1", "c4"), ("c3", "c5"):
            self.assertNotEqual(found[one].data, found[other].data)
        p = self.read("p")[0]["a"].values
        for copy in found.values():
            for one, other in zip(copy.values, p):
                self.assertLess(abs(one - other), 2.0**-7 * abs(other))

    def test_norm_of_nothing(self):
        self.assertEqual(self.step("--max-norm", "1", "--freeze", "*").stderr, "")
        self.write("p", {})
        self.assertEqual(self.step("--max-norm", "1", g="p").stderr, "")

    def seconds_of_a_step(self, tensors):
        """Of the processor, not of the clock; also checks the result."""
        p = {"t%d" % i: Tensor([7], series(7, i)) for i in range(tensors)}
        g = {"t%d" % i: Tensor([7], series(7, i + 1)) for i in range(tensors)}
        self.write("p", p)
        self.write("g", g)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = self.step("--set", "lr=0.5", "--threads", "1", rule="sgd")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.assertIn("%d tensors, %d elements" % (tensors, 7 * tensors), done.stdout)
        found = self.read("p2")[0]
        for name in p:
            pairs = zip(p[name].values, g[name].values)
            due = [float32(x - float32(0.5 * y)) for x, y in pairs]
            self.assertEqual(found[name].values, due)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def test_many_tensors(self):
        """Eight times as many take some eight times as long, not the square of it."""
        few, many = (self.seconds_of_a_step(count) for count in (1000, 8000))
        self.assertLess(many, 24 * max(few, 0.02))

    def test_penalties(self):
        self.write("p", {"a": Tensor([4], [0.5, -0.5, 0.01, -0.01])})
        self.write("g", {"a": Tensor([4], [0, 0, 0, 0])})
        self.step("--set", "lr=0.1", "--penalty", "l1,weight=0.2,application=proximal", rule="sgd")
        found = self.read("p2")[0]["a"].values
        self.assert_close(found, [0.48, -0.48, 0, 0])
        self.assertEqual(found[2:], [0, 0])
        options = ["--set", "lr=0.1", "--penalty", "l1,weight=0.2,application=coupled"]
        self.step(*options, "--penalty", "l2,weight=1", rule="sgd")
        self.assert_close(self.read("p2")[0]["a"].values, [0.43, -0.43, -0.011, 0.011])

    def test_penalties_on_rows(self):
        self.write("p", {"a": Tensor([2, 2], [3, 4, 0.03, -0.04])})
        self.write("g", {"a": Tensor([2, 2], [0, 0, 0, 0])})
        lr = ["--set", "lr=0.1", "--penalty"]
        self.step(*lr, "group_lasso,weight=10,unit=row", rule="sgd")
        found = self.read("p2")[0]["a"].values
        self.assert_close(found, [2.4, 3.2, 0, 0])
        self.assertEqual(found[2:], [0, 0])
        self.step(*lr, "max_norm,radius=2.5", rule="sgd")
        self.assert_close(self.read("p2")[0]["a"].values, [1.5, 2, 0.03, -0.04])
        self.step(*lr, "simplex,radius=1,unit=row", rule="sgd")
        self.assert_close(self.read("p2")[0]["a"].values, [0, 1, 0.535, 0.465])

    def test_cumulative(self):
        """Half of the penalty is due at each step; the state carries it from one to the next."""
        self.write("p", {"a": Tensor([2], [0.5, -0.5])})
        self.write("g", {"a": Tensor([2], [0, 0])})
        options = ["--set", "lr=0.1", "--penalty", "l1_cumulative,weight=0.5"]
        self.step(*options, rule="sgd", state="s")
        found, metadata = self.read("s")
        self.assert_close(found["a.q"].values, [-0.05, 0.05])
        self.assertEqual(float(metadata["u"]), 0.05)

    def test_no_decay(self):
        options = ["--set", "weight_decay=0.5", "--penalty", "l1,weight=0.1"]
        self.step(*options, out="all")
        self.step("--set", "weight_decay=0", out="none")
        self.step(*options, "--no-decay", "b", out="mixed", state="s")
        decayed, free, mixed = (self.read(name)[0] for name in ("all", "none", "mixed"))
        self.assertEqual(mixed["w"].data, decayed["w"].data)
        self.assertEqual(mixed["b"].data, free["b"].data)
        self.assertNotEqual(mixed["w"].data, free["w"].data)
        self.assertNotEqual(mixed["b"].data, decayed["b"].data)
        self.step(*options, "--no-decay", "[wb]", out="globbed")
        self.assertEqual(self.read("globbed")[0]["w"].data, free["w"].data)
        self.step(*options, "--no-decay", "w", "--no-decay", "b", out="both")
        self.assertEqual(self.snapshot()["both"], self.snapshot()["none"])
        metadata = self.read("s")[1]
        self.assertEqual((metadata["rule"], metadata["step"]), ("adamw", "1"))
        self.step(*options, "--no-decay", "w", s="s", p="mixed", out="again", state="s")
        self.step(*options, s="s", p="again", out="again", state="s")
        self.assertEqual(self.read("s")[1]["step"], "3")

    def test_freeze(self):
        self.step(out="p1", state="s1")
        self.write("g", {"w": Tensor([2, 4], series(8, 5))})
        for clip in [], ["--max-norm", "0.5"]:
            done = self.step("--freeze", "b*", *clip, p="p1", s="s1", out="p2", state="s2")
            self.assertIn("1 tensors, 8 elements", done.stdout)
            before, after = self.read("p1")[0], self.read("p2")[0]
            self.assertEqual(after["b"].data, before["b"].data)
            self.assertNotEqual(after["w"].data, before["w"].data)
            old, new = self.read("s1")[0], self.read("s2")[0]
            self.assertEqual(set(new), set(old))
            for name in old:
                same = name.startswith("b.")
                self.assertEqual(new[name].data == old[name].data, same, name)
            self.assertEqual(self.read("s2")[1]["step"], "2")
        self.write("g", {"b": Tensor([2, 1], [1, 1]), "w": Tensor([2, 4], series(8, 5))})
        self.assert_step_fails(["--freeze", "b"], "'b'", "[2, 1]", p="p1", s="s1")

    def test_freeze_without_a_state(self):
        self.step(out="p1", state="s1")
        state, metadata = self.read("s1")
        self.write("s1", {k: v for k, v in state.items() if not k.startswith("b.")}, metadata)
        self.assert_step_fails([], "'b.exp_avg'", p="p1", s="s1")
        self.step("--freeze", "b", p="p1", s="s1", out="p2", state="s2")
        after = self.read("s2")[0]
        self.assertEqual(after["b.exp_avg"].values, [0, 0])
        self.assertNotEqual(after["w.exp_avg"].data, state["w.exp_avg"].data)
        self.write("s1", {k: v for k, v in state.items() if k != "b.exp_avg"}, metadata)
        self.assert_step_fails(["--freeze", "b"], "'b.exp_avg'", p="p1", s="s1")

    def test_frozen_group(self):
        """Groups may be drawn anew: all keep one step count."""
        self.step("--no-decay", "b", "--freeze", "b", out="p1", state="s1")
        self.assertNotIn("group.1.step", self.read("s1")[1])
        self.step("--no-decay", "w", p="p1", s="s1")
        self.step(p="p1", s="s1")
        self.assertEqual(self.read("s2")[1]["step"], "2")

    def test_split_is_whole(self):
        p, g = series(3000, 2), series(3000, 9)
        self.write("p", {"x": Tensor([3000], p)})
        self.write("g", {"x": Tensor([3000], g)})
        self.step(out="whole")
        self.write("p", {"x": Tensor([1701], p[:1701]), "y": Tensor([1299], p[1701:])})
        self.write("g", {"x": Tensor([1701], g[:1701]), "y": Tensor([1299], g[1701:])})
        self.step(out="split")
        whole, split = self.read("whole")[0], self.read("split")[0]
        self.assertEqual(split["x"].data + split["y"].data, whole["x"].data)

    def test_threads(self):
        self.write("p", {"x": Tensor([5000], series(5000, 2))})
        self.write("g", {"x": Tensor([5000], series(5000, 9))})
        for threads in 1, 2, 7:
            self.step("--threads", threads, "--max-norm", "1", out="p%d" % threads, state="s")
        files = self.snapshot()
        self.assertEqual(files["p1"], files["p2"])
        self.assertEqual(files["p1"], files["p7"])

    def test_odd_tensors(self):
        p = {"empty": Tensor([0, 3], []), "scalar": Tensor([], [2.0])}
        p['a "b"\n\\'] = Tensor([1], [1])
        self.write("p", p)
        self.write("g", p)
        done = self.step()
        self.assertIn("3 tensors, 2 elements", done.stdout)
        found = self.read("p2")[0]
        self.assertEqual([t.shape for t in found.values()], [[0, 3], [], [1]])
        st.write(self.path("p"), p, alignment=1)
        self.step(out="p3")
        self.assertEqual(self.snapshot()["p3"], self.snapshot()["p2"])
        self.write("p", {})
        self.step(g="p")
        self.assertEqual(self.read("p2")[0], {})

    def test_in_place_is_beside(self):
        self.step(out="p1", state="s1")
        self.step(p="p1", s="s1", out="p2", state="s2")
        os.chmod(self.path("p1"), 0o640)
        os.symlink("s1", self.path("link"))
        self.step(p="p1", s="link", out="p1", state="link")
        files = self.snapshot()
        self.assertEqual((files["p1"], files["s1"]), (files["p2"], files["s2"]))
        self.assertEqual(os.stat(self.path("p1")).st_mode & 0o777, 0o640)
        self.assertTrue(os.path.islink(self.path("link")))

    def test_verify_on_scalar(self):
        done = self.step("--verify", "all")
        self.assertIn("0 words verified, 0 mismatches", done.stdout)
        self.assertEqual(len(done.stdout.splitlines()), 2)
