#!/usr/bin/env python3
"""Records runs of `convoke bench --peer ... --json` and turns them into tables.

  bench/report.py record OUT.jsonl -- build/release/bin/convoke bench --peer onednn --problems FILE --json
  bench/report.py table bench/results/*.jsonl             Markdown for the README: one row a file
  bench/report.py layers bench/results/X.jsonl            Markdown: one row a problem, slowest ratio first

The mean is geometric over the layers, each weighted by how often the network runs it; `ratio` is the
peer's time over ours, so more is better for us. Python's standard library only.
"""

import argparse
import datetime
import json
import math
import os
import subprocess
import sys


def fail(message):
    sys.exit(f"report.py: {message}")


def load(path):
    """(run, records, summary) of a file; run is None if it was not written by `record`."""
    run, records, summary = None, [], None
    try:
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError as error:
                    fail(f"{path}:{number}: not JSON: {error}")
                if "run" in entry:
                    run = entry["run"]
                elif "summary" in entry:
                    summary = entry["summary"]
                else:
                    records.append(entry)
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    if summary is None:
        fail(f"{path}: no summary object: the run did not finish")
    return run, records, summary


def compared(path, records):
    with_peer = [r for r in records if r.get("ratio")]
    if not with_peer:
        fail(f"{path}: no record has a ratio; run bench with --peer")
    return with_peer


def weighted_mean(records):
    """Geometric mean of the ratios, weighted by count."""
    weight = sum(r["count"] for r in records)
    return math.exp(sum(r["count"] * math.log(r["ratio"]) for r in records) / weight)


def label(record):
    return record.get("name") or record["problem"]


def git_commit():
    here = os.path.dirname(os.path.abspath(__file__))
    result = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False)
    return result.stdout.strip() or None


def record(out, command):
    if not command:
        fail("record needs a command after --")
    load_before = os.getloadavg()[0]
    started = datetime.datetime.now(datetime.timezone.utc)
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    run = {"date": started.strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": git_commit(), "command": command,
           "exit_status": result.returncode, "load_before": load_before, "cpus": len(os.sched_getaffinity(0))}
    with open(out, "w", encoding="utf-8") as file:
        file.write(json.dumps({"run": run}) + "\n" + result.stdout)
    if load_before > 0.5:
        print(f"report.py: the machine was busy before the run (load {load_before:.1f}): the times may mean little",
              file=sys.stderr)
    if result.returncode != 0:
        fail(f"the command ended with status {result.returncode}; {out} holds what it printed")


def table(paths):
    print("| run | device | threads | layers | ours, ms | peer | peer's, ms | mean ratio | least ratio | layer |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for path in paths:
        _, records, summary = load(path)
        rows = compared(path, records)
        least = min(rows, key=lambda r: r["ratio"])
        ours = sum(r["count"] * r["time_us"] for r in rows) / 1000
        theirs = sum(r["count"] * r["peer_us"] for r in rows) / 1000
        layers = str(len(rows)) if len(rows) == len(records) else f"{len(rows)} of {len(records)}"
        name = os.path.splitext(os.path.basename(path))[0]
        print(f"| {name} | {summary.get('model') or summary['device']} | {summary.get('threads', '')} | {layers} | "
              f"{ours:.2f} | {rows[0]['peer_version']} | {theirs:.2f} | {weighted_mean(rows):.2f} | "
              f"{least['ratio']:.2f} | {label(least)} |")


def layers(path):
    run, records, summary = load(path)
    rows = compared(path, records)
    when = f", {run['date']}, {run['commit']}" if run else ""
    print(f"{summary['device']}, {summary['driver']}, {summary['compiler']}, against {rows[0]['peer_version']}{when}\n")
    print("| layer | count | ours, us | GFLOP/s | configuration | peer's, us | peer's kernel | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for r in sorted(rows, key=lambda r: r["ratio"]):
        print(f"| {label(r)} `{r['problem']}` | {r['count']} | {r['time_us']:.1f} | {r['gflops']:.0f} | `{r['config']}` | "
              f"{r['peer_us']:.1f} | {r.get('peer_implementation', '')} | {r['ratio']:.2f} |")
    for r in records:
        if not r.get("ratio"):
            print(f"\nNot compared: {label(r)}: {r.get('reason') or r['status']}")
    print(f"\nMean ratio, weighted by count: {weighted_mean(rows):.3f}; least: {min(r['ratio'] for r in rows):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record", help="run a command and keep its JSON lines with date and commit")
    recorder.add_argument("out")
    recorder.add_argument("argv", nargs=argparse.REMAINDER)
    commands.add_parser("table", help="one Markdown row a file").add_argument("files", nargs="+")
    commands.add_parser("layers", help="one Markdown row a problem").add_argument("file")
    arguments = parser.parse_args()
    if arguments.command == "record":
        argv = arguments.argv
        record(arguments.out, argv[1:] if argv[:1] == ["--"] else argv)
    elif arguments.command == "table":
        table(arguments.files)
    else:
        layers(arguments.file)


if __name__ == "__main__":
    main()
