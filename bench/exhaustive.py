#!/usr/bin/env python3
"""How far from the best does tuning end? Tunes each problem as usual, then measures every legal configuration of it, and
times the two winners in turn.

  bench/exhaustive.py build/release/bin/convoke --target cuda --dtype f16 --batch 128 mb1ic64ih56oc64kh3ph1 ... >out.jsonl

One JSON object a problem: `tuned`, `best` (configurations), `tuned_us`, `best_us` (medians of the turns), `ratio`
(tuned over best), `tuned_seconds`, `best_seconds`, `configs`. Exit status 1 if a ratio exceeds --limit.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def run(arguments, environment):
    """The objects that a command of Convoke prints, and the seconds it took."""
    start = time.monotonic()
    done = subprocess.run(arguments + ["--json"], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"exhaustive.py: {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()], time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("convoke", help="the command line of a build")
    parser.add_argument("problems", nargs="+", help="descriptors")
    parser.add_argument("--target", default="cuda")
    parser.add_argument("--dtype", default="f16")
    parser.add_argument("--batch", default="128")
    parser.add_argument("--budget", type=float, default=8, help="seconds of the usual tuning of a problem (8)")
    parser.add_argument("--exhaustive-budget", type=float, default=300, help="seconds of the other (300)")
    parser.add_argument("--turns", type=int, default=5, help="timings of each winner (5)")
    parser.add_argument("--limit", type=float, default=1.03, help="largest ratio that is fine (1.03)")
    options = parser.parse_args()

    worst = 0
    with tempfile.TemporaryDirectory() as cache:
        environment = dict(os.environ, CONVOKE_CACHE_DIR=cache)
        for problem in options.problems:
            selectors = [problem, "--target", options.target, "--dtype", options.dtype, "--batch", options.batch]
            tune = [options.convoke, "tune", "--force"] + selectors
            (tuned, _), tuned_seconds = run(tune + ["--budget", str(options.budget)], environment)
            (best, _), best_seconds = run(
                tune + ["--candidates", "all", "--budget", str(options.exhaustive_budget)], environment)
            times = {tuned["config"]: [], best["config"]: []}
            for _ in range(options.turns):
                for config, samples in times.items():
                    (bench, _), _ = run([options.convoke, "bench", "--config", config, "--budget", "0.5"] + selectors,
                                        environment)
                    samples.append(bench["time_us"])
            tuned_us, best_us = (statistics.median(times[one["config"]]) for one in (tuned, best))
            ratio = tuned_us / best_us
            worst = max(worst, ratio)
            print(json.dumps({
                "problem": tuned["problem"], "tuned": tuned["config"], "best": best["config"], "tuned_us": tuned_us,
                "best_us": best_us, "ratio": ratio, "tuned_seconds": tuned_seconds, "best_seconds": best_seconds,
                "configs": best["measured"] + best["rejected"]}), flush=True)
            print(f"{ratio:6.3f}  {tuned_us:9.2f} us  {best_us:9.2f} us  {tuned['problem']}", file=sys.stderr)
    return 1 if worst > options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
