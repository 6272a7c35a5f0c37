#!/usr/bin/env python3
"""Records runs of `convoke bench --peer ... --json` and of bench/cudnn.py and turns them into tables.

  bench/report.py record OUT.jsonl -- build/release/bin/convoke bench --peer onednn --problems FILE --json
  bench/report.py table bench/results/*.jsonl             Markdown for the README: one row a file
  bench/report.py layers bench/results/X.jsonl            Markdown: one row a problem, slowest ratio first
      --floors F     for 8-bit runs beside our own f16: what counts as far from the byte floor (default 1.5)

The mean is geometric over the layers, each weighted by how often the network runs it; `ratio` is the
peer's time over ours, so more is better for us. Where a run has cold and warm figures, times are cold
ones. Rows with a name of their own (`row`: the study's configuration) stand beside the layer and are in
no mean but their own. Python's standard library only.
"""

import argparse
import datetime
import json
import math
import os
import re
import subprocess
import sys


# What of the environment steers a measurement, beside OpenMP's and oneDNN's own.
STEERING = ("CONVOKE_CPU_ISA", "CONVOKE_NUM_THREADS", "CONVOKE_PIN_THREADS")


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
                    run = {**(run or {}), **entry["run"]}
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
    with_peer = [r for r in records if r.get("ratio") and not r.get("row")]
    if not with_peer:
        fail(f"{path}: no record has a ratio; run bench with --peer")
    return with_peer


def weighted_mean(records, key="ratio"):
    """Geometric mean of the ratios, weighted by count; None if there is none."""
    values = [(r["count"], r[key]) for r in records if r.get(key)]
    weight = sum(count for count, _ in values)
    return math.exp(sum(count * math.log(value) for count, value in values) / weight) if values else None


def number(value, digits=2):
    return "" if value is None else f"{value:.{digits}f}"


def named_rows(records):
    """{problem: {row's name: record}} of the rows beside the layers, and those names."""
    rows = {}
    for r in records:
        if r.get("row"):
            rows.setdefault(r["problem"], {})[r["row"]] = r
    return rows, sorted({name for of_problem in rows.values() for name in of_problem})


def beside_f16(records):
    """8-bit records with our own f16's time beside them, whatever the peer says."""
    return [r for r in records if r.get("f16_ratio") and not r.get("row")]


def far_from_floor(record, floors):
    """Whether a layer has the channels for tensor cores and takes so many times as long as its bytes."""
    channels = int(re.search(r"ic(\d+)", record["problem"]).group(1))
    return channels >= 128 and record["time_us"] >= floors * record["bytes_us"]


def label(record):
    return record.get("name") or record["problem"]


def git_commit():
    """The checkout's commit, or CONVOKE_COMMIT where there is no git."""
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        result = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True,
                                timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("CONVOKE_COMMIT")
    return result.stdout.strip() or os.environ.get("CONVOKE_COMMIT")


def record(out, command):
    if not command:
        fail("record needs a command after --")
    load_before = os.getloadavg()[0]
    started = datetime.datetime.now(datetime.timezone.utc)
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    run = {"date": started.strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": git_commit(), "command": command,
           "environment": {name: value for name, value in sorted(os.environ.items())
                           if name.startswith(("OMP_", "ONEDNN_", "DNNL_")) or name in STEERING},
           "exit_status": result.returncode, "load_before": load_before, "cpus": len(os.sched_getaffinity(0))}
    with open(out, "w", encoding="utf-8") as file:
        file.write(json.dumps({"run": run}) + "\n" + result.stdout)
    if load_before > 0.5:
        print(f"report.py: the machine was busy before the run (load {load_before:.1f}): the times may mean little",
              file=sys.stderr)
    if result.returncode != 0:
        fail(f"the command ended with status {result.returncode}; {out} holds what it printed")


def print_table(heads, rows):
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def table(paths):
    loaded = [(path, *load(path)[1:]) for path in paths]
    with_warm = any(r.get("warm_ratio") for _, records, _ in loaded for r in records)
    with_f16 = any(beside_f16(records) for _, records, _ in loaded)
    names = sorted({name for _, records, _ in loaded for name in named_rows(records)[1]})
    rows = []
    for path, records, summary in loaded:
        timed = compared(path, records)
        least = min(timed, key=lambda r: r["ratio"])
        layers_in_all = sum(not r.get("row") for r in records)
        row = [os.path.splitext(os.path.basename(path))[0], summary.get("model") or summary["device"],
               str(summary.get("threads") or ""),
               str(len(timed)) if len(timed) == layers_in_all else f"{len(timed)} of {layers_in_all}",
               number(sum(r["count"] * r["time_us"] for r in timed) / 1000), timed[0]["peer_version"],
               number(sum(r["count"] * r["peer_us"] for r in timed) / 1000), number(weighted_mean(timed)),
               number(least["ratio"]), label(least)]
        row += [number(weighted_mean(timed, "warm_ratio"))] if with_warm else []
        row += [number(weighted_mean(beside_f16(records), key)) for key in ("f16_ratio", "f16_warm_ratio")] if with_f16 else []
        row += [number(weighted_mean([r for r in records if r.get("row") == name])) for name in names]
        rows.append(row)
    heads = ["run", "device", "threads", "layers", "ours, ms", "peer", "peer's, ms", "mean ratio", "least ratio", "layer"]
    heads += ["mean ratio, warm"] if with_warm else []
    heads += ["mean ratio to our f16", "warm"] if with_f16 else []
    print_table(heads + [f"mean ratio of {name}" for name in names], rows)


def layers(path, floors):
    run, records, summary = load(path)
    timed = compared(path, records)
    when = f", {run['date']}, {run['commit']}" if run else ""
    print(f"{summary['device']}, {summary['driver']}, {summary['compiler']}, against {timed[0]['peer_version']}{when}\n")
    beside, names = named_rows(records)
    with_warm = any(r.get("warm_ratio") for r in timed)
    against_f16 = beside_f16(records)
    heads = ["layer", "count", "ours, us", "GFLOP/s", "configuration", "peer's, us", "peer's kernel", "ratio"]
    heads += ["ours warm, us", "peer's warm, us", "ratio warm"] if with_warm else []
    heads += ["our f16, us", "ratio to it", "warm"] if against_f16 else []
    heads += [f"{name}, us" for name in names]
    rows = []
    for r in sorted(timed, key=lambda r: r["ratio"]) + [r for r in against_f16 if not r.get("ratio")]:
        row = [f"{label(r)} `{r['problem']}`", str(r["count"]), number(r["time_us"], 1), number(r["gflops"], 0),
               f"`{r['config']}`", number(r.get("peer_us"), 1), r.get("peer_implementation") or "", number(r.get("ratio"))]
        if with_warm:
            row += [number(r.get("warm_us"), 1), number(r.get("peer_warm_us"), 1), number(r.get("warm_ratio"))]
        if against_f16:
            row += [number(r.get("f16_us"), 1), number(r.get("f16_ratio")), number(r.get("f16_warm_ratio"))]
        for name in names:
            other = beside.get(r["problem"], {}).get(name, {})
            row.append(number(other.get("time_us"), 1) or other.get("status", ""))
        rows.append(row)
    print_table(heads, rows)
    for r in records:
        if not r.get("ratio") and not r.get("row"):
            print(f"\nNot compared: {label(r)}: {r.get('reason') or r['status']}")
    print(f"\nMean ratio, weighted by count: {weighted_mean(timed):.3f}; least: {min(r['ratio'] for r in timed):.3f}")
    if with_warm:
        print(f"Warm: {weighted_mean(timed, 'warm_ratio'):.3f}")
    if against_f16:
        print(f"Our own f16's time over ours: {weighted_mean(against_f16, 'f16_ratio'):.3f} over {len(against_f16)} layers")
        far = [r for r in against_f16 if far_from_floor(r, floors)]
        if far:
            print(f"Of these, with at least 128 channels and {floors:g} times their byte floor: {weighted_mean(far, 'f16_ratio'):.3f} "
                  f"over {len(far)} layers")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record", help="run a command and keep its JSON lines with date and commit")
    recorder.add_argument("out")
    recorder.add_argument("argv", nargs=argparse.REMAINDER)
    commands.add_parser("table", help="one Markdown row a file").add_argument("files", nargs="+")
    of_layers = commands.add_parser("layers", help="one Markdown row a problem")
    of_layers.add_argument("file")
    of_layers.add_argument("--floors", type=float, default=1.5, help="far from the byte floor: this many times it (default 1.5)")
    arguments = parser.parse_args()
    if arguments.command == "record":
        argv = arguments.argv
        record(arguments.out, argv[1:] if argv[:1] == ["--"] else argv)
    elif arguments.command == "table":
        table(arguments.files)
    else:
        layers(arguments.file, arguments.floors)


if __name__ == "__main__":
    main()
