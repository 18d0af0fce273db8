"""Bad input of tikhonov step: a message that names it, exit status 2, no file touched."""

import ctypes
import os
import resource

from command_case import NUMBERS, InFolder, run
from safetensors_file import Tensor


def obey_modes():
    """Takes CAP_DAC_OVERRIDE from root, who may else write what its mode forbids."""
    drop_from_bounding_set, dac_override = 24, 1
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override, 0, 0, 0):
        raise OSError("prctl failed")


class Errors(InFolder):
    def test_arguments(self):
        for option in ["--rule", "--params", "--grads", "--out", "--state-out"]:
            arguments = self.step_arguments()
            at = arguments.index(option)
            self.assert_fails(arguments[:at] + arguments[at + 2 :], option + " is missing")
        self.assert_fails(["step", "--rule"], "--rule needs a value")
        self.assert_step_fails(["more"], "'more'")
        for number in ["", "x", "1x", " 1", "0x10", "inf", "nan", "0", "-1", "1e999", "1,5"]:
            self.assert_step_fails(["--max-norm", number], "--max-norm is '%s'" % number, "above 0")
            for option in "--clip-norm", "--agc", "--clip-value":
                self.assert_step_fails([option, number], "%s is '%s'" % (option, number), "above 0")
            due = "--loss-scale is '%s'" % number, "dynamic or a finite number above 0"
            self.assert_step_fails(["--loss-scale", number], *due)
            due = "--ema is '%s'" % number, "a decay above 0 and below 1 is due, or D,debias"
            self.assert_step_fails(["--ema", number], *due)
        for text in "1", "0.9,bias", "0.9,debias,", ",debias", "0.9,":
            self.assert_step_fails(["--ema", text], "--ema is '%s'" % text)
        self.assert_step_fails(["--ema-out", "e"], "--ema-out is 'e'", "no --ema")
        self.assert_step_fails(["--ema", "0.9", "--ema-out", "p2"], "--ema-out and --out")
        self.assert_step_fails(["--ema", "0.9", "--ema-out", "p"], "--ema-out and --params")
        self.assert_step_fails(["--ema", "0.9", "--ema-out", "no/e"], "no folder 'no'")
        evaluated = "rule adamw is evaluated at its parameters", "schedule_free_adamw"
        self.assert_step_fails(["--eval-out", "e"], "--eval-out is 'e'", *evaluated)
        for out in "p", "p2", "s2", "g":
            self.assert_step_fails(["--eval-out", out], "--eval-out and --", "the same file")

    def test_schedule(self):
        fails = self.assert_step_fails
        fails(["--schedule", "sine"], "--schedule is 'sine'", "cosine, linear")
        fails(["--schedule", ""], "--schedule is ''")
        fails(["--schedule", "cosine,total=3"], "has no 'total'", "warmup, warmup_start, total_steps")
        fails(["--schedule", "cosine,warmup"], "'warmup'; KEY=VALUE is due")
        fails(["--schedule", "cosine,warmup=-1"], "warmup is '-1'; a whole number is due")
        fails(["--schedule", "step,gamma=x"], "gamma is 'x'; a number is due")
        fails(["--schedule", "step,gamma=2"], "schedule: gamma is 2; allowed is (0, 1]")
        fails(["--schedule", "piecewise,milestones=3:x"], "milestones is '3:x'; steps as in 30:60:90")
        fails(["--schedule", "cosine,warmup=9,total_steps=9"], "more than warmup_steps, 9")

    def test_nonfinite_limit(self):
        for number in "0", "-1", "x", "", "1.5", "4294967296":
            self.assert_step_fails(["--nonfinite-limit", number],
                                   "--nonfinite-limit is '%s'" % number, "from 1")
        for other in [], ["--nonfinite", "error"]:
            self.assert_step_fails(["--nonfinite-limit", "2", *other], "no step is skipped")

    def test_copy(self):
        self.assert_step_fails(["--copy", "fp8", "--copy-out", "c"], "'fp8'", "bf16 or fp16")
        self.assert_step_fails(["--copy", "bf16"], "--copy is given", "no --copy-out")
        self.assert_step_fails(["--copy-out", "c"], "--copy-out is 'c'", "no --copy")
        self.assert_step_fails(["--copy-rounding", "up"], "'up'", "nearest or stochastic")
        copy = ["--copy", "bf16", "--copy-out"]
        self.assert_step_fails([*copy, "c", "--seed", "1"], "--seed", "stochastic")
        self.assert_step_fails(["--copy-rounding", "stochastic"], "--copy-rounding", "no --copy")
        for seed in "-1", "x", "", "18446744073709551616", "1.5":
            self.assert_step_fails(["--seed", seed], "--seed is '%s'" % seed, "below 2^64")
        self.assert_step_fails([*copy, "p2"], "--copy-out and --out")
        self.assert_step_fails([*copy, "p"], "--copy-out and --params")
        self.assert_step_fails([*copy, "no/c"], "no folder 'no'")
        self.assert_step_fails(["--nonfinite", "stop"], "'stop'", "propagate, skip or error")
        both = ["--max-norm", "1", "--agc", "1"]
        self.assert_step_fails(both, "--max-norm and --agc are both given")
        both = ["--loss-scale", "2", "--nonfinite", "propagate"]
        self.assert_step_fails(both, "does not go with --loss-scale")
        self.assert_step_fails(["--loss-scale", "1e99"], "loss_scale is 1e+99", "2^100")
        for number in ["", "0", "-1", "1.5", "1e2", "99999", "two"]:
            self.assert_step_fails(["--threads", number], "--threads is '%s'" % number, "1 to 1024")
        for bytes in ["", "0", "-1", "1.5", "64Ti", "much"]:
            due = "--memory-limit is '%s'; a number of bytes is due" % bytes
            self.assert_step_fails(["--memory-limit", bytes], due)
        self.assert_step_fails(["--verify", "some"], "'some'", "all, sample or off")

    def test_options(self):
        self.assert_step_fails([], "'nadam_'", "sgd", "adam", "adamw", rule="nadam_")
        self.assert_step_fails(["--set", "beta3=0.9"], "beta3", "lr, beta1, beta2, eps")
        self.assert_step_fails(["--set", "momentum=0.9"], "adamw", "momentum", "beta1")
        self.assert_step_fails(["--set", "lr"], "'lr'", "KEY=VALUE")
        self.assert_step_fails(["--set", "=1"], "KEY=VALUE")
        self.assert_step_fails(["--set", ""], "--set is empty")
        self.assert_step_fails(["--set", "lr=-1"], "lr", "-1", "[0, inf)")
        self.assert_step_fails(["--set", "beta1=1"], "beta1", "1", "[0, 1)")
        for value in ["", "x", "1e-3x", "nan", "inf", "1e999", "0x1"]:
            self.assert_step_fails(["--set", "lr=" + value], "lr", "[0, inf)")
        self.assert_step_fails(["--set", "amsgrad=maybe"], "amsgrad", "maybe", "true or false")
        self.assert_step_fails(["--set", "nesterov=true"], "nesterov", "momentum", rule="sgd")

    def test_presets(self):
        self.assert_step_fails(["--preset", "torch"], "'torch'", "pytorch, loshchilov", rule="sgd")
        keras = ["--preset", "keras", "--set"]
        self.assert_step_fails(["--preset", "caffe"], "caffe", "'lion'", "sgd, adam", rule="lion")
        self.assert_step_fails([*keras, "clipnorm"], "'clipnorm'", "KEY=VALUE", rule="sgd")
        self.assert_step_fails([*keras, "betas=1"], "betas", "lr, momentum", rule="sgd")
        both = [*keras, "clipvalue=1", "--max-norm", "1"]
        self.assert_step_fails(both, "max_norm", "clip_value", "one clip", rule="sgd")
        sums = ["--preset", "caffe", "--set", "iter_size=2"]
        self.assert_step_fails(sums, "accumulate is 2", "average", rule="sgd")

    def test_penalties(self):
        self.assert_step_fails(["--penalty", "l3"], "'l3'", "l2, l1, elastic_net")
        self.assert_step_fails(["--penalty", ""], "--penalty is empty")
        self.assert_step_fails(["--penalty", ","], "penalty")
        self.assert_step_fails(["--penalty", "l1,weight"], "'weight'", "KEY=VALUE")
        self.assert_step_fails(["--penalty", "l1,width=1"], "width", "weight, application")
        self.assert_step_fails(["--penalty", "l1,weight=-1"], "weight", "-1", "[0, inf)")
        self.assert_step_fails(
            ["--penalty", "l1,application=decoupled"], "decoupled", "coupled or proximal"
        )
        self.assert_step_fails(["--penalty", "l1,weight=1"] * 9, "4")
        for name in "l2", "l1", "elastic_net", "lp", "group_lasso", "l1_cumulative":
            due = "--penalty %s has no weight" % name, "%s,weight=X is due" % name
            self.assert_step_fails(["--penalty", name], *due)
        for penalty in "l1,weight=0", "l2_ball", "box":
            self.step("--penalty", penalty)

    def test_idle_convention(self):
        """It multiplies a decoupled decay: elsewhere it is a slip, though a harmless one."""
        for penalty, application in (
            ("l2,weight=1,application=coupled,convention=none", "coupled"),
            ("l2,weight=1,convention=schedule", "coupled"),
            ("elastic_net,weight=1,convention=lr", "proximal"),
        ):
            done = self.step("--penalty", penalty)
            self.assertIn("warning: --penalty %s: convention=" % penalty.split(",")[0], done.stderr)
            self.assertIn("no effect with application=%s;" % application, done.stderr)
        for penalty in "l2,convention=none,application=decoupled", "l2,application=coupled", "l1":
            self.assertEqual(self.step("--penalty", penalty + ",weight=1").stderr, "")

    def test_missing_and_surplus(self):
        self.write("g", {"w": Tensor([2, 4], NUMBERS)})
        self.assert_step_fails([], "'b'", "no gradient", "--freeze")
        grads = {"w": Tensor([2, 4], NUMBERS), "b": Tensor([2], [1, 2]), "x": Tensor([], [1])}
        self.write("g", grads)
        self.assert_step_fails([], "'x'", "no parameter")

    def test_shapes_and_dtypes(self):
        self.write("g", {"w": Tensor([4, 2], NUMBERS), "b": Tensor([2], [1, 2])})
        self.assert_step_fails([], "'w'", "[4, 2]", "[2, 4]")
        self.write("g", {"w": Tensor([2, 4], NUMBERS), "b": Tensor([2, 1], [1, 2])})
        self.assert_step_fails([], "'b'", "[2, 1]", "[2]")
        for dtype in "F16", "F64", "I64":
            self.write("g", {"w": Tensor([2, 4], NUMBERS), "b": Tensor([2], [1, 2], dtype)})
            self.assert_step_fails([], "'b'", dtype, "F32")
        self.write("p9", {"x": Tensor([1] * 9, [1])})
        self.assert_step_fails([], "x", "9", "8", p="p9", g="p9")

    def test_files(self):
        self.assert_step_fails([], "missing", p="missing")
        self.assert_step_fails([], "missing", g="missing")
        self.assert_step_fails([], "missing", s="missing")
        self.assert_step_fails([], "'missing'", "no folder", out="missing/p2")
        self.assert_step_fails([], "'missing'", "no folder", state="missing/s2")
        with open(self.path("text"), "w") as file:
            file.write("this is no safetensors file")
        self.assert_step_fails([], "text", "header", p="text")
        self.assert_step_fails([], "regular file", p=".")

    def test_unusable_outputs(self):
        """Found before the step, and of either output."""
        os.mkdir(self.path("folder"))
        os.symlink("missing/x", self.path("dangling"))
        os.symlink("circle", self.path("circle"))
        os.symlink("new", self.path("link"))
        for name, *words in (
            ("folder", "'folder'", "not a regular file"),
            ("folder/", "'folder/'", "name of a file"),
            ("new/", "'new/'", "name of a file"),
            ("", "''", "name of a file"),
            (os.devnull, os.devnull, "not a regular file"),
            ("dangling", "'dangling'", "no folder 'missing'"),
            ("circle", "'circle'", "followed"),
            ("p/x", "'p/x'", "no folder 'p'"),
            ("x" * 300, "xxx", "cannot be written"),
        ):
            self.assert_step_fails([], "--out is ", *words, out=name)
            self.assert_step_fails([], "--state-out is ", *words, state=name)
        self.step(out="link")
        self.assertTrue(os.path.islink(self.path("link")))
        self.assertTrue(os.path.isfile(self.path("new")))

    def test_read_only_outputs(self):
        self.write("fixed", {})
        os.chmod(self.path("fixed"), 0o444)
        os.mkdir(self.path("closed"))
        os.chmod(self.path("closed"), 0o555)
        for name, message in ("fixed", "'fixed', which"), ("closed/x", "nothing can be written in"):
            arguments = self.step_arguments("--device", "scalar", out=name)
            self.assert_fails(arguments, "--out is ", message, "denied", preexec_fn=obey_modes)

    def test_out_equals_another_input(self):
        self.step()
        self.assert_step_fails([], "--out and --state-out", out="x", state="x")
        self.assert_step_fails([], "same file", out="x", state="./x")
        self.assert_step_fails([], "--out and --grads", out="g")
        self.assert_step_fails([], "--out and --grads", out="./g")
        self.assert_step_fails([], "--out and --state", out="s2", state="s3", s="s2")
        self.assert_step_fails([], "--state-out and --params", state="p")
        self.assert_step_fails([], "--state-out and --grads", state="g")
        os.link(self.path("g"), self.path("hard"))
        self.assert_step_fails([], "--out and --grads", out="hard")

    def test_globs(self):
        self.assert_step_fails(["--freeze", ""], "--freeze is empty")
        self.assert_step_fails(["--no-decay", ""], "--no-decay is empty")
        self.assert_fails(["step", "--freeze"], "--freeze needs a value")
        for option in "--freeze", "--no-decay":
            done = self.step(option, "nothing*")
            self.assertIn("warning", done.stderr)
            self.assertIn("%s 'nothing*' matches no tensor" % option, done.stderr)

    def test_states(self):
        self.step(rule="adam", state="adam")
        self.assert_step_fails([], "adam: ", "rule adam;", "rule adamw", s="adam")
        self.step("--set", "amsgrad=true", state="amsgrad")
        self.assert_step_fails([], "max_exp_avg_sq", s="amsgrad")
        self.step(state="plain")
        self.assert_step_fails(["--set", "amsgrad=true"], "max_exp_avg_sq", s="plain")
        state, metadata = self.read("plain")
        for key in "format", "version", "rule", "step":
            self.write("bad", state, {k: v for k, v in metadata.items() if k != key})
            self.assert_step_fails([], "bad", key, s="bad")
        for step in "x", "-1", "1.5", "", "18446744073709551616":
            self.write("bad", state, dict(metadata, step=step))
            self.assert_step_fails([], "step", "'%s'" % step, s="bad")
        for name in state:
            self.write("bad", {k: v for k, v in state.items() if k != name}, metadata)
            self.assert_step_fails([], "'%s'" % name, s="bad")
        self.write("bad", dict(state, extra=Tensor([1], [1])), metadata)
        self.assert_step_fails([], "'extra'", s="bad")
        self.write("bad", {**state, "b.exp_avg": Tensor([1, 2], [1, 2])}, metadata)
        self.assert_step_fails([], "'b.exp_avg'", "[1, 2]", "[2]", s="bad")

    def test_a_full_disk(self):
        """SIGXFSZ is as a shell leaves it: the command has to ignore it by itself."""

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))

        self.step(out="p", state="s")
        self.write("g", {"w": Tensor([2, 4], NUMBERS), "b": Tensor([2], [1, 2])})
        arguments = self.step_arguments("--device", "scalar", out="p", state="s", s="s")
        self.assert_fails(arguments, "s: ", code=1, preexec_fn=limit)
        self.assert_fails(arguments[:-2], "s: ", code=1, preexec_fn=limit)
        self.step(out="p", state="s", s="s")

    def test_names_cannot_drive_the_terminal(self):
        self.write("g", {"\x1b[2J": Tensor([1], [1])})
        done = run(*self.step_arguments("--device", "scalar"), cwd=self.folder)
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("\x1b", done.stderr)
