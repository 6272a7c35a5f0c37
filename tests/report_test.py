"""bench/report.py on small files: the mean, the tables, and what it says about bad input."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench", "report.py")


def layer(name, count, ours, theirs):
    return {"problem": "mb1ic1", "name": name, "count": count, "time_us": ours, "gflops": 1.0, "config": "cpu:direct",
            "peer_us": theirs, "peer_version": "oneDNN 9", "ratio": theirs / ours if theirs else None, "status": "measured"}


SUMMARY = {"summary": {"device": "d", "model": "M", "driver": "Linux", "compiler": "LLVM", "threads": 2}}


class Report(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "net.jsonl")

    def tearDown(self):
        self.directory.cleanup()

    def write(self, *entries):
        with open(self.path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in entries)

    def run_report(self, *arguments):
        return subprocess.run([sys.executable, REPORT, *arguments], capture_output=True, text=True, check=False)

    def test_mean_is_geometric_and_weighted_by_count(self):
        self.write(layer("a", 3, 100, 200), layer("b", 1, 100, 25), SUMMARY)  # 2^3 * 2^-2 over 4: 2^(1/4)
        out = self.run_report("layers", self.path).stdout
        self.assertIn("Mean ratio, weighted by count: 1.189; least: 0.250", out)
        self.assertLess(out.index("| b "), out.index("| a "))  # least first
        self.assertIn("| net | M | 2 | 2 | 0.40 | oneDNN 9 | 0.62 | 1.19 | 0.25 | b |",
                      self.run_report("table", self.path).stdout)

    def test_layers_without_a_peer_are_named_and_left_out(self):
        self.write(layer("a", 1, 100, 100), layer("b", 1, 100, None), SUMMARY)
        self.assertIn("| 1 of 2 |", self.run_report("table", self.path).stdout)
        self.assertIn("Not compared: b: measured", self.run_report("layers", self.path).stdout)

    def test_cold_and_warm_figures_and_named_rows(self):
        cold = {**layer("a", 3, 100, 200), "warm_us": 50, "peer_warm_us": 50, "warm_ratio": 1.0}
        study = {**layer("a", 3, 400, 200), "row": "study"}
        none = {**layer("b", 1, 0, None), "problem": "mb1ic2", "row": "study", "status": "unsupported", "time_us": None}
        other = {**layer("b", 1, 100, 25), "problem": "mb1ic2", "warm_us": 50, "peer_warm_us": 800, "warm_ratio": 16.0}
        self.write({"run": {"date": "D", "commit": "C"}}, cold, study, other, none, SUMMARY)
        out = self.run_report("layers", self.path).stdout
        self.assertIn("Mean ratio, weighted by count: 1.189; least: 0.250\nWarm: 2.000\n", out)
        self.assertIn("| 200.0 |  | 2.00 | 50.0 | 50.0 | 1.00 | 400.0 |", out)
        self.assertIn("| 16.00 | unsupported |", out)
        self.assertNotIn("Not compared", out)
        out = self.run_report("table", self.path).stdout
        self.assertIn("| mean ratio, warm | mean ratio of study |", out)
        self.assertIn("| net | M | 2 | 2 | 0.40 | oneDNN 9 | 0.62 | 1.19 | 0.25 | b | 2.00 | 0.50 |", out)

    def test_8_bit_runs_beside_our_own_f16(self):
        def s8(name, problem, ratio, theirs, **more):
            return {**layer(name, 1, 100, theirs), "problem": problem, "bytes_us": 50, "f16_us": 100 * ratio, "f16_ratio": ratio,
                    "f16_warm_ratio": 1.0, **more}

        self.write(s8("a", "mb1ic128ih4oc8", 2.0, 200), s8("b", "mb1ic64ih4oc8", 0.5, 100), s8("c", "mb1ic256", 1.0, 100, bytes_us=99),
                   s8("d", "mb1ic3", 1.0, None, reason="cuDNN has none"), SUMMARY)
        out = self.run_report("layers", self.path).stdout
        self.assertIn("| our f16, us | ratio to it | warm |", out)
        self.assertIn("| 200.0 |  | 2.00 | 200.0 | 2.00 | 1.00 |", out)
        self.assertIn("| d `mb1ic3` | 1 | 100.0 | 1 | `cpu:direct` |  |  |  | 100.0 | 1.00 | 1.00 |", out)
        self.assertIn("Not compared: d: cuDNN has none", out)
        self.assertIn("Our own f16's time over ours: 1.000 over 4 layers\n", out)
        self.assertIn("at least 128 channels and 1.5 times their byte floor: 2.000 over 1 layer", out)
        self.assertIn("1 times their byte floor: 1.414 over 2 layers", self.run_report("layers", "--floors", "1", self.path).stdout)
        self.assertIn("| net | M | 2 | 3 of 4 | 0.30 | oneDNN 9 | 0.40 | 1.26 | 1.00 | b | 1.00 | 1.00 |",
                      self.run_report("table", self.path).stdout)

    def test_a_run_described_twice_is_merged(self):
        self.write({"run": {"date": "D", "commit": "C"}}, {"run": {"date": "E"}}, layer("a", 1, 100, 100), SUMMARY)
        self.assertIn("oneDNN 9, E, C", self.run_report("layers", self.path).stdout)

    def test_unfinished_and_broken_files_are_refused(self):
        self.write(layer("a", 1, 100, 100))
        self.assertIn("did not finish", self.run_report("table", self.path).stderr)
        self.write(SUMMARY)
        self.assertIn("no record has a ratio", self.run_report("table", self.path).stderr)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("{}\n{")
        self.assertIn("net.jsonl:2: not JSON", self.run_report("table", self.path).stderr)
        self.assertNotEqual(self.run_report("table", "/nonexistent").returncode, 0)

    def test_record_keeps_output_date_and_status(self):
        text = json.dumps(SUMMARY)
        os.environ["CONVOKE_CPU_ISA"] = "avx2"  # in the child's environment too
        self.addCleanup(os.environ.pop, "CONVOKE_CPU_ISA")
        result = self.run_report("record", self.path, "--", sys.executable, "-c", f"print('''{text}'''); exit(3)")
        self.assertIn("status 3", result.stderr)
        with open(self.path, encoding="utf-8") as file:
            run, summary = [json.loads(line) for line in file]
        self.assertEqual(run["run"]["exit_status"], 3)
        self.assertEqual(run["run"]["environment"]["CONVOKE_CPU_ISA"], "avx2")
        self.assertRegex(run["run"]["date"], r"^\d{4}-\d\d-\d\dT")
        self.assertEqual(summary, SUMMARY)


if __name__ == "__main__":
    unittest.main()
