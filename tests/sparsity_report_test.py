"""bench/sparsity.py over a convoke of the test's own: what it runs, the tables, the picture, bad input."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench", "sparsity.py")
# Layer a takes time by its ratio, layer b stays dense. Each command line goes to calls.txt.
FAKE = """#!{python}
import json, sys
words = sys.argv[1:]
open({calls!r}, "a").write(" ".join(words) + "\\n")
word = words[words.index("--sparsity") + 1]
if words[0] == "tune":
    sys.exit(0)
keep = 1 if word == "none" else float(word.split(":")[1].split("@")[0])
for name, count, us, config in (("a", 3, 100 * keep, "cpu:gemm"), ("b", 1, 50, "cpu:gemm" + ",masked=1" * (keep < 1))):
    print(json.dumps({{"problem": "mb1ic1", "name": name, "count": count, "time_us": us, "bytes_us": us / 2, "config": config}}))
print(json.dumps({{"summary": {{"model": "M", "device": "d", "driver": "", "compiler": "", "threads": 2}}}}))
"""


class Sparsity(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.out = os.path.join(self.directory.name, "out.jsonl")
        self.calls = os.path.join(self.directory.name, "calls.txt")
        program = os.path.join(self.directory.name, "bin", "convoke")
        os.mkdir(os.path.dirname(program))
        with open(program, "w", encoding="utf-8") as file:
            file.write(FAKE.format(python=sys.executable, calls=self.calls))
        os.chmod(program, 0o755)

    def tearDown(self):
        self.directory.cleanup()

    def script(self, *arguments):
        return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)

    def measure(self):
        done = self.script("run", self.directory.name, self.out, "--kinds", "channel:{},block:{}@16x16", "--ratios", "0.5,0.25",
                           "--budget", "3", "--problems", "list.txt", "--batch", "8")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_tunes_and_measures_dense_and_every_word(self):
        self.measure()
        with open(self.calls, encoding="utf-8") as file:
            calls = file.read().splitlines()
        self.assertEqual(len(calls), 10)
        self.assertEqual(calls[0], "tune --sparsity none --json --budget 3.0 --problems list.txt --batch 8")
        self.assertEqual(calls[-1], "bench --sparsity block:0.25@16x16 --json --problems list.txt --batch 8")

    def test_table_has_shares_of_dense(self):
        self.measure()
        out = self.script("table", self.out).stdout
        self.assertIn("| channel:0.5 | 0.59 | 0.50 | 1.00 | 1 of 2 |", out)  # 0.5^(3/4)
        layers = self.script("layers", self.out, "block:0.25@16x16").stdout
        self.assertIn("| a | 100.0 | 25.0 | 12.5 | 0.25 | 0.12 | cpu:gemm |", layers)

    def test_picture_is_xml_with_a_curve_for_each_kind(self):
        self.measure()
        svg = os.path.join(self.directory.name, "x.svg")
        self.assertEqual(self.script("picture", self.out, svg).returncode, 0)
        root = xml.etree.ElementTree.parse(svg).getroot()
        texts = [element.text for element in root.iter() if element.tag.endswith("text")]
        for name in ("channel", "block 16x16", "byte floor", "dense"):
            self.assertIn(name, texts)

    def test_says_what_is_wrong(self):
        done = self.script("table", self.out)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("out.jsonl", done.stderr)
        with open(self.out, "w", encoding="utf-8") as file:
            file.write(json.dumps({"run": {}}) + "\n")
        self.assertIn("the run did not finish", self.script("table", self.out).stderr)
        self.measure()
        self.assertIn("it has channel:0.5", self.script("layers", self.out, "channel:0.9").stderr)
        self.assertEqual(self.script("table", self.out, "--nonsense").returncode, 2)
        self.write({"none": 100})
        self.assertIn("nothing to check", self.script("check", self.out).stderr)

    def write(self, times, target="cuda:0", problem="mb128ic256ih14oc256kh3ph1 dtype=f16", problems="resnet18.txt"):
        """A results file of one layer: {word: us}, its byte floor 10 us."""
        with open(self.out, "w", encoding="utf-8") as file:
            print(json.dumps({"run": {"date": "d", "commit": "c", "selectors": ["--problems", f"lists/{problems}"]}}), file=file)
            for word, us in times.items():
                print(json.dumps({"problem": problem, "name": "a", "count": 1, "time_us": us, "bytes_us": 10, "target": target, "config": "c",
                                  "word": word}), file=file)
            print(json.dumps({"summary": {"model": "M"}}), file=file)

    def check(self, times, *arguments, **layer):
        self.write(times, **layer)
        done = self.script("check", self.out, *arguments)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def test_check_says_what_is_met(self):
        status, out = self.check({"none": 100, "channel:0.5": 60, "channel:0.25": 36, "nm:2:4": 75, "channel:0.5:bound": 63})
        self.assertEqual(status, 0)
        self.assertIn("| layer | dense, us | in byte floors | channel:0.5, 0.60 | channel:0.25, 0.36 | nm:2:4, 0.75 |", out)
        self.assertIn("| a | 100.0 | 10.0 | 0.600 | 0.360 | 0.750 |", out)
        self.assertIn("| bound over baked | 1.05 | 1 of 1 | 1.050 |  |", out)

    def test_check_says_what_is_missed(self):
        status, out = self.check({"none": 100, "channel:0.5": 60.1})
        self.assertEqual(status, 1)
        self.assertIn("| **0.601** |", out)
        self.assertIn("| channel:0.5 | 0.60 | 0 of 1 | 0.601 | in bold above |", out)
        status, out = self.check({"none": 20, "channel:0.25": 11})
        self.assertEqual(status, 1)
        self.assertIn("| a | 20.0 | 2.0 | **0.550** (floor 0.50) |", out)
        self.assertIn("| 0 of 1 | 0.550 | in bold above, 1 by the byte floor alone |", out)
        status, out = self.check({"none": 100, "block:0.9@64x64": 104})
        self.assertEqual(status, 1)
        self.assertIn("| every word: share of dense | 1.03 | 0 of 1 | 1.040 | block:0.9@64x64, a 1.040 |", out)
        status, out = self.check({"none": 100, "channel:0.75": 57, "channel:0.6": 58, "channel:0.5": 59})
        self.assertEqual(status, 1)  # each within 3 % of the one before, not of the least
        self.assertIn("| a ratio over the least of the higher ones | 1.03 | 0 of 1 | 1.035 | channel, a 1.035 |", out)
        status, out = self.check({"none": 100, "channel:0.5": 50, "channel:0.5:bound": 53})
        self.assertEqual(status, 1)
        self.assertIn("| bound over baked | 1.05 | 0 of 1 | 1.060 | channel:0.5:bound, a 1.060 |", out)
        self.assertEqual(self.check({"none": 100, "channel:0.5": 50, "channel:0.5:bound": 53}, "--bound", "1.1")[0], 0)

    def test_check_asks_only_what_holds_for_a_layer(self):
        times = {"none": 100, "input:0.5@64": 90, "input:0.5@8": 90, "nm:2:4": 90}
        self.assertEqual(self.check({"none": 19, "channel:0.5": 19})[0], 0)  # under two byte floors
        self.assertEqual(self.check(times, problem="mb128ic8ih14oc256kh3ph1")[0], 0)  # one unit; too few channels
        self.assertEqual(self.check(times, problem="mb128ic64ih14oc256kh3ph1")[0], 1)  # eight units of 8
        self.assertEqual(self.check({"none": 100, "input:0.5@16": 59}, target="cpu", problem="mb1ic64ih14oc64kh3")[0], 1)
        self.assertEqual(self.check({"none": 100, "input:0.5@16": 59}, target="cpu", problem="mb1ic64ih14oc64kh1")[0], 0)
        self.assertEqual(self.check({"none": 100, "unstructured:0.1": 40}, target="cpu", problem="mb1ic8ih1oc8kh1")[0], 0)
        self.assertEqual(self.check({"none": 100, "unstructured:0.1": 40}, target="cpu", problem="mb1ic8ih1oc8kh1", problems="lenet_k3.txt")[0], 1)

    def test_floors_leave_out_layers_at_their_bytes(self):
        self.measure()
        self.assertIn("no layer's dense kernel takes 3 times", self.script("table", self.out, "--floors", "3").stderr)
        self.assertIn("| channel:0.5 | 0.59 |", self.script("table", self.out, "--floors", "2").stdout)
        svg = os.path.join(self.directory.name, "x.svg")
        self.assertEqual(self.script("picture", self.out, svg, "--floors", "2").returncode, 0)
        with open(svg, encoding="utf-8") as file:
            self.assertIn("; layers whose dense time is at least 2 byte floors", file.read())


if __name__ == "__main__":
    unittest.main()
