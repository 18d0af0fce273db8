"""The command on an OpenCL device: the scalar path's bytes, and the self-test."""

import json
import os
import shutil

from command_case import InFolder, run, series
from safetensors_file import Tensor


KERNELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cl")


class OnDevice(InFolder):
    def with_kernel(self, old, new):
        """The environment in which plain sgd is another formula."""
        folder = self.path("cl")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(KERNELS, folder)
        with open(os.path.join(folder, "sgd.cl")) as file:
            source = file.read()
        self.assertIn(old, source)
        with open(os.path.join(folder, "sgd.cl"), "w") as file:
            file.write(source.replace(old, new))
        return {"TIKHONOV_CL_PATH": folder}

    def test_wrong_program(self):
        """The known-answer run finds it out: the scalar path takes over, and that is said."""
        env = self.with_kernel("return k.lr * g;", "return k.lr * g * 1.001f;")
        self.step(rule="sgd", out="due", state="due.s")
        arguments = self.step_arguments("--device", "opencl", rule="sgd")
        self.assert_fails([*arguments, "--strict"], "strict", "scalar path", code=1, env=env)
        done = run(*arguments, cwd=self.folder, env=env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("warning: the scalar path takes over", done.stderr)
        self.assertIn("the scalar path, in place of the device", done.stdout)
        self.assertEqual(self.snapshot()["p2"], self.snapshot()["due"])
        for options in [], ["--strict"]:
            done = run("verify", "--device", "opencl", *options, env=env)
            self.assertEqual(done.returncode, 1)
            lines = done.stdout.splitlines()
            self.assertRegex(lines[-1], "FAILED$")
            self.assertRegex(lines[1], r"^sgd +untested +0 words +0 mismatches +FAILED$")
            self.assertTrue(any(line.startswith("adamw ") for line in lines))

    def test_unfit_device(self):
        """A device that is there, and whose compiler takes nothing: no pass, and said so."""
        folder = self.path("cl")
        shutil.copytree(KERNELS, folder)
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "a") as file:
                file.write("\nthis is no kernel\n")
        env = {"TIKHONOV_CL_PATH": folder}
        found = json.loads(run("devices", "--json").stdout)["devices"]
        index = next(d["index"] for d in found if d["usable"] and d["index"] != "scalar")
        self.step(device="scalar", out="due", state="due.s")
        for device in index, "auto":
            done = run("verify", "--device", device, env=env)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertRegex(done.stdout, r"^scalar path: .*fit for use.*\n$")
            self.assertIn("warning: the scalar path takes over", done.stderr)
            done = run("verify", "--device", device, "--json", env=env)
            self.assertEqual(done.returncode, 1)
            self.assertIs(json.loads(done.stdout)["ok"], False)
            done = run("verify", "--device", device, "--strict", env=env)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            arguments = self.step_arguments("--device", device)
            self.assert_fails([*arguments, "--strict"], "strict", code=1, env=env)
            done = run(*arguments, cwd=self.folder, env=env)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("the scalar path, in place of the device", done.stdout)
            self.assertEqual(self.snapshot()["p2"], self.snapshot()["due"])

    def test_mismatch(self):
        """Wrong for one value that the known-answer run has not: the verified step finds it."""
        env = self.with_kernel("return k.lr * g;", "return g == 1234.5f ? 0.0f : k.lr * g;")
        self.write("g", {"b": Tensor([2], [0.25, 1234.5]), "w": Tensor([2, 4], series(8, 1))})
        arguments = self.step_arguments("--device", "opencl", "--verify", "all", rule="sgd")
        for options in [], ["--strict"]:
            self.assert_fails(arguments + options, "differ", code=1, env=env)
        self.step(rule="sgd", device="opencl")

    def test_same_bytes(self):
        self.write("p", {"x": Tensor([4099], series(4099, 2)), "y": Tensor([7], series(7, 3))})
        self.write("g", {"x": Tensor([4099], series(4099, 9)), "y": Tensor([7], series(7, 4))})
        options = ["--max-norm", "1", "--penalty", "l1,weight=1e-3", "--no-decay", "y"]
        for rule, extra in ("adamw", []), ("adam", []), ("sgd", ["--set", "momentum=0.9"]):
            for device in "scalar", "opencl":
                for t in 1, 2:
                    start = "p" if t == 1 else device
                    state = None if t == 1 else device + ".s"
                    files = dict(p=start, s=state, out=device, state=device + ".s")
                    self.step(*options, *extra, device=device, rule=rule, **files)
            found = self.snapshot()
            self.assertEqual(found["opencl"], found["scalar"], rule)
            self.assertEqual(found["opencl.s"], found["scalar.s"], rule)

    def test_memory_limit(self):
        """Two chunks of the least size; what needs a whole tensor's norm cannot be cut."""
        for name, seed in ("p", 2), ("g", 9):
            self.write(name, {"x": Tensor([20000], series(20000, seed))})
        self.step(out="due", state="due.s")
        limit = ["--memory-limit", "64Ki"]
        self.step(*limit, "--strict", device="opencl", out="cut", state="cut.s")
        found = self.snapshot()
        self.assertEqual((found["cut"], found["cut.s"]), (found["due"], found["due.s"]))
        arguments = self.step_arguments(*limit, "--device", "opencl", rule="lamb")
        self.assert_fails(arguments, "memory_limit", "norms")

    def test_verified_step(self):
        done = self.step("--verify", "all", "--strict", device="opencl")
        self.assertIn("(exact)", done.stdout)
        words = int(done.stdout.split(";")[1].split()[0])
        self.assertGreaterEqual(words, 10)
        self.assertIn(" 0 mismatches", done.stdout)
        self.step("--verify", "sample", device="opencl")

    def test_verify(self):
        done = run("verify", "--device", "opencl", "--strict")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[-1], r"^\d+ forms, [1-9]\d* words compared, 0 mismatches: ok$")
        tables = json.loads(run("rules", "--json").stdout)
        for rule in tables["rules"]:
            self.assertTrue(any(line.startswith(rule["name"] + " ") for line in lines))
        for penalty in tables["penalties"]:
            for application in penalty["applications"]:
                due = "adamw + %s %s" % (penalty["name"], application)
                self.assertTrue(any(line.startswith(due) for line in lines), due)

    def test_verify_json(self):
        done = run("verify", "--device", "opencl", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual((found["ok"], found["backend"], found["failed"]), (True, "opencl", 0))
        self.assertEqual(found["words"], sum(r["words"] for r in found["results"]))
        self.assertTrue(all(r["words"] > 0 and r["ok"] for r in found["results"]))
