"""The command, run as a user runs it.

usage: test_command.py COMMAND host|device

`host` needs no device; `device` compares OpenCL's bytes with the scalar path's, and exits with 77
(skipped) where no OpenCL device is usable.
"""

import json
import os
import subprocess
import sys
import unittest

if len(sys.argv) != 3 or sys.argv[2] not in ("host", "device"):
    sys.exit(__doc__)

from command_bench import Bench, BenchOnDevice
from command_case import COMMAND, InFolder, run
from command_device import OnDevice
from command_errors import Errors
from command_prior import Prior
from command_steps import Steps


class Help(InFolder):
    def test_texts(self):
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for name in ["devices", "verify", "rules", "prior", "step", "tune", "bench"]:
            self.assertIn(name, done.stdout)
            text = run(name, "--help")
            self.assertEqual((text.returncode, text.stderr), (0, ""))
            self.assertTrue(text.stdout.startswith("usage: tikhonov %s" % name))
            self.assertTrue(all(len(line) <= 100 for line in text.stdout.splitlines()))
            self.assertEqual(run(name, "-h").stdout, text.stdout)
        text = run("step", "--help").stdout
        for option in "rules policy sizes tensors device threads rounds json plot".split():
            self.assertIn("--" + option + " ", run("bench", "--help").stdout)
        options = "set penalty no-decay freeze max-norm state verify strict threads clip-norm agc"
        options += " clip-value loss-scale nonfinite ema ema-out memory-limit copy copy-out seed"
        options += " schedule nonfinite-limit"
        for option in options.split():
            self.assertIn("--" + option, text)

    def test_version(self):
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^tikhonov \d+\.\d+\.\d+\n$")

    def test_usage(self):
        self.assert_fails([], "usage: tikhonov")
        self.assert_fails(["stop"], "'stop'", "devices, verify, rules, prior, step, tune and bench")
        for name in ["devices", "verify", "rules", "prior", "step", "tune", "bench"]:
            self.assert_fails([name, "--nonsense"], "'--nonsense'", "tikhonov %s --help" % name)
            self.assert_fails([name, "-x"], "'-x'")
            self.assert_fails([name, "--json=1" if name != "step" else "--strict=1"], "no value")
        for name in ["devices", "verify", "rules", "prior", "tune", "bench"]:
            self.assert_fails([name, "operand"], "'operand'")

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_unwritable_output(self):
        with open("/dev/full", "w") as full:
            streams = {"stdout": full, "stderr": subprocess.PIPE}
            done = subprocess.run([COMMAND, "rules"], text=True, **streams)
        self.assertEqual(done.returncode, 1)
        self.assertIn("output", done.stderr)


class Rules(unittest.TestCase):
    def test_json(self):
        done = run("rules", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        tables = json.loads(done.stdout)
        self.assertEqual(list(tables), ["rules", "penalties", "presets"])
        rules = {rule["name"]: rule for rule in tables["rules"]}
        self.assertLessEqual({"sgd", "adam", "adamw"}, set(rules))
        for rule in rules.values():
            keys = ["name", "equation", "options", "states", "citation", "matrices", "conformance"]
            keys += ["launches", "launches_with_max_norm", "bytes_per_parameter"]
            keys += ["bytes_per_parameter_with_every_state"]
            self.assertEqual(list(rule), keys)
            self.assertEqual(rule["conformance"], "bounded" if rule["name"] == "muon" else "exact")
            self.assertIs(rule["matrices"], rule["name"] == "muon")
            self.assertGreaterEqual(rule["launches"], 1)
            self.assertEqual(rule["launches_with_max_norm"], rule["launches"] + 2)
            for option in rule["options"]:
                self.assertEqual(list(option), ["name", "default", "range", "doc"])
        defaults = {o["name"]: o["default"] for o in rules["adamw"]["options"]}
        due = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 1e-2}
        self.assertEqual({name: defaults[name] for name in due}, due)
        self.assertIs(defaults["amsgrad"], False)
        for name in "sgd", "adam", "adamw", "ftrl":
            self.assertEqual(rules[name]["launches"], 1)
        moved = {name: rules[name]["bytes_per_parameter"] for name in ("sgd", "adam", "adamw")}
        self.assertEqual(moved, {"sgd": 12, "adam": 28, "adamw": 28})
        moved = {n: rules[n]["bytes_per_parameter_with_every_state"] for n in ("sgd", "adam", "lion")}
        self.assertEqual(moved, {"sgd": 20, "adam": 36, "lion": 20})
        self.assertIn("sqrt(v)/sqrt(1 - beta2^t) + eps", rules["adam"]["equation"])
        self.assertEqual(rules["adamw"]["states"], ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"])
        penalties = {penalty["name"]: penalty for penalty in tables["penalties"]}
        self.assertEqual(penalties["l2"]["applications"], ["coupled", "decoupled", "proximal"])
        self.assertEqual(penalties["l1"]["applications"], ["coupled", "proximal"])
        defaults = {o["name"]: o["default"] for o in penalties["l1"]["options"]}
        self.assertEqual(defaults["application"], "proximal")
        for penalty in penalties.values():
            keys = ["name", "equation", "options", "applications", "citation"]
            self.assertEqual(list(penalty), keys)
        presets = {preset["name"]: preset for preset in tables["presets"]}
        due = "pytorch loshchilov optax keras tensorflow caffe mxnet mxnet2"
        due += " flashlight bitsandbytes apex d2l sklearn"
        self.assertEqual(list(presets), due.split())
        for preset in presets.values():
            self.assertEqual(list(preset), ["name", "rules", "differs", "words", "citation"])
            self.assertGreater(len(preset["rules"]), 0)
        self.assertIn({"name": "global_clipnorm", "ours": "max_norm"}, presets["keras"]["words"])

    def test_table(self):
        tables = json.loads(run("rules", "--json").stdout)
        done = run("rules")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        words = " ".join(done.stdout.split())
        for row in tables["rules"] + tables["penalties"] + tables["presets"]:
            self.assertIn(row["name"] + "\n", done.stdout)
            self.assertIn(row["citation"], words)
            self.assertIn(row.get("equation", ""), words)
            for word in row.get("words", []):
                self.assertIn("%s = %s" % (word["name"], word["ours"]), words)
            for option in row.get("options", []):
                default = option["default"]
                shown = str(default).lower() if isinstance(default, bool) else default
                shown = shown if isinstance(shown, str) else "%g" % shown
                due = "%s %s %s %s" % (option["name"], shown, option["range"], option["doc"])
                self.assertIn(due, words)
        self.assertIn("28 a parameter with the default options, 36 with every state", words)
        self.assertIn("12 a parameter with the default options, 20 with every state", words)
        for row in tables["rules"]:
            due = "launches: %d a step for a group's tensors in the library's memory; with --max-norm"
            self.assertIn(due % row["launches"] + " %d a group" % (row["launches"] + 1), words)
        lines = done.stdout.splitlines()
        self.assertTrue(all(len(line) <= 100 for line in lines))
        self.assertEqual([line for line in lines if line != line.rstrip()], [])


    def cost(self, *arguments):
        done = run("rules", "--json", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = json.loads(done.stdout)
        self.assertEqual(list(found), ["rule", "policy", "launches", "bytes_per_parameter"])
        return found["launches"], found["bytes_per_parameter"]

    def test_policy(self):
        self.assertEqual(self.cost("--rule", "adam"), (1, 28))
        self.assertEqual(self.cost("--rule", "adam:amsgrad=true"), (1, 36))
        self.assertEqual(self.cost("--rule", "adamw", "--policy", "ema=0.9,zero_grad=true"), (1, 40))
        around = "max_norm=1,ema=0.9,zero_grad=true,l1,weight=1e-4"
        self.assertEqual(self.cost("--rule", "adamw", "--policy", around), (3, 44))
        self.assertGreater(self.cost("--rule", "sgd", "--policy", "group_lasso,weight=1")[0], 1)
        line = run("rules", "--rule", "sgd:momentum=0.9", "--policy", "max_norm=1").stdout
        due = "sgd momentum=0.9,max_norm=1: 3 launches a step for a group's tensors in the library's"
        self.assertEqual(line, due + " memory, 24 bytes a parameter\n")
        for arguments, word in (["--policy", "ema=0.9"], "--rule"), (["--rule", "sgx"], "'sgx'"):
            done = run("rules", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(word, done.stderr)


class Devices(InFolder):
    KEYS = "index platform name driver version type usable chosen host_unified_memory conformance blas"

    def test_json(self):
        done = run("devices", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(list(found), ["devices", "choice"])
        for device in found["devices"]:
            self.assertEqual(list(device), (self.KEYS + " reason").split())
            self.assertTrue(device["reason"])
        self.assertEqual([d["chosen"] for d in found["devices"]].count(True), 1)
        self.assertEqual(found["devices"][-1]["index"], "scalar")
        self.assertEqual(found["devices"][-1]["conformance"], "exact")

    def test_choice(self):
        for arguments, env in (["--device", "scalar"], {}), ([], {"TIKHONOV_DEVICE": "scalar"}):
            found = json.loads(run("devices", "--json", *arguments, env=env).stdout)
            self.assertTrue(found["devices"][-1]["chosen"])
            text = run("devices", *arguments, env=env).stdout
            self.assertIn("(chosen)", text)
            self.assertEqual(text.splitlines()[-1], found["choice"])

    def test_verify_on_scalar(self):
        done = run("verify", "--device", "scalar")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "no device is in use, so there is nothing to compare\n")
        for strict in (["--strict"], {}), ([], {"TIKHONOV_STRICT": "1"}):
            done = run("verify", "--device", "scalar", *strict[0], env=strict[1])
            self.assertEqual(done.returncode, 1)
        done = run("verify", "--device", "scalar", "--json", "--strict")
        self.assertEqual(done.returncode, 1)
        found = json.loads(done.stdout)
        self.assertEqual((found["ok"], found["words"], found["results"]), (False, 0, []))

    def test_tune_refuses(self):
        self.assert_fails(["tune", "--device", "scalar"], "scalar path", "OpenCL device")
        self.assert_fails(["tune", "--threads", "-1"], "-1")

    def test_no_such_device(self):
        """devices lists what there is all the same."""
        done = run("devices", "--device", "no such device")
        self.assertEqual((done.returncode, done.stderr), (2, ""))
        self.assertIn("\nnone: no OpenCL device answers to 'no such device'", done.stdout)
        done = run("devices", "--json", "--device", "no such device")
        self.assertEqual(done.returncode, 2)
        self.assertIn("none: ", json.loads(done.stdout)["choice"])
        for name in ["verify"], ["tune"], self.step_arguments():
            self.assert_fails([*name, "--device", "no such device"], "no such device")


def opencl_is_usable():
    found = json.loads(run("devices", "--json").stdout)
    usable = [d for d in found["devices"] if d["usable"] and d["index"] != "scalar"]
    return any(d["conformance"] in ("exact", "bounded") for d in usable)


def main():
    cases = {
        "host": [Help, Rules, Devices, Errors, Prior, Steps, Bench],
        "device": [OnDevice, BenchOnDevice],
    }
    if sys.argv[2] == "device" and not opencl_is_usable():
        print("skipped: no OpenCL device is usable")
        sys.exit(77)
    load = unittest.defaultTestLoader.loadTestsFromTestCase
    suite = unittest.TestSuite(load(case) for case in cases[sys.argv[2]])
    sys.exit(not unittest.TextTestRunner().run(suite).wasSuccessful())


if __name__ == "__main__":
    main()
