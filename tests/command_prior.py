"""tikhonov prior: both ways, the conventions, and what is refused."""

import json

from command_case import InFolder, run


class Prior(InFolder):
    def priors(self, *arguments):
        done = run("prior", "--json", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return json.loads(done.stdout)["priors"]

    def assert_lambda(self, due, *arguments):
        (row,) = self.priors("--noise", 0.3, *arguments)
        self.assertAlmostEqual(row["lambda"] / due, 1, places=13)

    def test_conventions(self):
        tau, b = ["--gaussian", "0.5"], ["--laplace", "0.5"]
        mean = 0.3**2 / 200
        samples = ["--samples", "200"]
        self.assert_lambda(mean / 0.5**2, *tau, *samples)
        self.assert_lambda(mean / 0.5, *b, *samples)
        self.assert_lambda(2 * mean / 0.5**2, *tau, *samples, "--no-half-loss")
        self.assert_lambda(2 * mean / 0.5, *b, *samples, "--no-half-loss")
        self.assert_lambda(mean / 0.5**2 / 2, *tau, *samples, "--l2-without-half")
        self.assert_lambda(mean / 0.5, *b, *samples, "--l2-without-half")
        self.assert_lambda(0.3**2 / 0.5**2, *tau, "--sum-loss")

    def test_both_ways(self):
        samples = ["--samples", 50]
        (forth,) = self.priors("--gaussian", 0.7, *samples)
        self.assertEqual((forth["prior"], forth["scale"], forth["penalty"]), ("gaussian", 0.7, "l2"))
        gaussian, laplace = self.priors("--lambda", repr(forth["lambda"]), *samples)
        self.assertAlmostEqual(gaussian["scale"], 0.7, places=14)
        self.assertEqual((laplace["prior"], laplace["penalty"]), ("laplace", "l1"))
        (again,) = self.priors("--laplace", repr(laplace["scale"]), *samples)
        self.assertAlmostEqual(again["lambda"] / forth["lambda"], 1, places=13)

    def test_text(self):
        done = run("prior", "--gaussian", 0.5, "--noise", 0.3, "--samples", 200)
        self.assertEqual(done.stdout.split(), "gaussian tau = 0.5 l2 with lambda = 0.0018".split())
        done = run("prior", "--lambda", 0.0018, "--noise", 0.3, "--samples", 200)
        lines = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual(lines[0], "gaussian tau = 0.5 l2 with lambda = 0.0018".split())
        self.assertEqual(lines[1], "laplace b = 0.25 l1 with lambda = 0.0018".split())

    def test_refusals(self):
        for option in ["--gaussian", "--laplace", "--lambda", "--noise"]:
            for number in ["", "x", "0", "-1", "nan", "inf", "1e999"]:
                self.assert_fails(["prior", option, number], "%s is '%s'" % (option, number), "0")
        for number in ["", "0", "-1", "1.5", "1e2", "many", "99999999999999999"]:
            self.assert_fails(["prior", "--samples", number], "'%s'" % number, "1 to 2^53")
        self.assert_fails(["prior", "--samples", "3"], "--gaussian, --laplace or --lambda")
        self.assert_fails(["prior", "--gaussian", "1"], "--samples is missing", "--sum-loss")
        self.assert_fails(["prior", "--gaussian", "1", "--laplace", "1"], "--laplace", "one of")
        self.assert_fails(["prior", "--lambda", "1", "--lambda", "1"], "--lambda", "one of")
        self.assert_fails(
            ["prior", "--gaussian", "1e-200", "--samples", "1"], "lambda would be inf", code=2
        )
