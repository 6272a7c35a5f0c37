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


if __name__ == "__main__":
    unittest.main()
