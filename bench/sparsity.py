#!/usr/bin/env python3
"""Times a list of convolutions dense and in every kind of sparsity, and shows what that buys.

  bench/sparsity.py run build/release OUT.jsonl --problems examples/problems/resnet18.txt --batch 128 --dtype f16
  bench/sparsity.py table OUT.jsonl           Markdown: one row a kind and keep ratio, mean over the layers
  bench/sparsity.py layers OUT.jsonl WORD     Markdown: one row a layer of one word (channel:0.5), with byte floors
  bench/sparsity.py picture OUT.jsonl X.svg   time by keep ratio

`run` tunes (--budget SECONDS for each word; 0: not at all) and measures (--measure SECONDS for each word); what it does not know it hands to convoke, so that
every selector works. Patterns are drawn by --seed. A share is the sparse time over the dense one of the same run; means are
geometric, weighted by how often the network runs a layer. Python's standard library only.
"""

import argparse
import datetime
import json
import math
import os
import subprocess
import sys

from report import fail, git_commit, print_table

KINDS = ("channel:{}", "channel:{}@4", "input:{}", "input:{}@8", "input:{}@64", "block:{}@16x16", "block:{}@64x64",
         "block:{}@128x64", "unstructured:{}")
RATIOS = ("0.75", "0.6", "0.5", "0.25", "0.1")
COLOURS = ("#1b6ca8", "#c0392b", "#27864a", "#8e44ad", "#d17a00", "#16888a", "#7f5539", "#c2185b", "#555555", "#6b8e23")


def words_of(kinds, ratios):
    for kind in kinds:
        if "{}" not in kind:
            yield kind
        else:
            yield from (kind.replace("{}", ratio) for ratio in ratios)


def convoke(build, command, word, selectors):
    """The records of one command; its table and progress go to our stderr."""
    line = [os.path.join(build, "bin", "convoke"), command, "--sparsity", word, "--json", *selectors]
    result = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
    entries = [json.loads(text) for text in result.stdout.splitlines() if text.strip()]
    if result.returncode not in (0, 3):  # 3: a problem that the target does not do
        fail(f"{' '.join(line)} ended with status {result.returncode}")
    summaries = [entry["summary"] for entry in entries if "summary" in entry]
    return [entry for entry in entries if "summary" not in entry], summaries[0] if summaries else {}


def run(arguments, selectors):
    words = ["none", *words_of(arguments.kinds.split(","), arguments.ratios.split(","))]
    started = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    with open(arguments.out, "w", encoding="utf-8") as file:
        def write(entry):
            file.write(json.dumps(entry) + "\n")
            file.flush()
        write({"run": {"date": started, "commit": git_commit(), "selectors": selectors, "budget": arguments.budget, "measure": arguments.measure,
                       "load_before": os.getloadavg()[0], "cpus": len(os.sched_getaffinity(0))}})
        summary = {}
        for word in words:
            print(f"sparsity.py: {word}", file=sys.stderr)
            if arguments.budget > 0:
                convoke(arguments.build, "tune", word, ["--budget", str(arguments.budget), *selectors])
            limit = ["--budget", str(arguments.measure)] if arguments.measure else []
            records, summary = convoke(arguments.build, "bench", word, [*limit, *selectors])
            for record in records:
                write({**record, "word": word})
        write({"summary": {key: summary.get(key) for key in ("device", "model", "driver", "compiler", "threads")}})


def load(path):
    """(run, {word: {layer: record}}, summary)."""
    run_info, by_word, summary = {}, {}, None
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                if "run" in entry:
                    run_info = entry["run"]
                elif "summary" in entry:
                    summary = entry["summary"]
                elif entry.get("time_us"):
                    layer = entry.get("name") or entry["problem"].split(" sparsity=")[0]
                    by_word.setdefault(entry["word"], {})[layer] = entry
    except (OSError, json.JSONDecodeError, KeyError) as error:
        fail(f"{path}: {error}")
    if summary is None or "none" not in by_word:
        fail(f"{path}: no dense times or no summary: the run did not finish")
    return run_info, by_word, summary


def mean(values_and_weights):
    weight = sum(w for _, w in values_and_weights)
    return math.exp(sum(w * math.log(v) for v, w in values_and_weights) / weight) if weight else None


def keep_of(word):
    parts = word.split("@")[0].split(":")
    return int(parts[1]) / int(parts[2]) if parts[0] == "nm" else float(parts[1])


def kind_of(word):
    """The word without its ratio, as in the legend of a picture."""
    head, _, size = word.replace(":bound", "").partition("@")
    return head if head.startswith("nm:") else head.split(":")[0] + (f" {size}" if size else "")


def shares(by_word, word, masked=None):
    """(share of dense, weight) of the layers; of those that run masked or sparse alone if asked for."""
    dense = by_word["none"]
    return [(r["time_us"] / dense[layer]["time_us"], r["count"]) for layer, r in by_word[word].items()
            if layer in dense and (masked is None or ("masked=1" in r["config"]) == masked)]


def heading(path, run_info, summary):
    print(f"{os.path.splitext(os.path.basename(path))[0]}: {summary['model']}, {run_info['date']}, {run_info['commit']}\n")


def table(path):
    run_info, by_word, summary = load(path)
    heading(path, run_info, summary)
    rows = []
    for word in by_word:
        if word != "none":
            all_layers = shares(by_word, word)
            rows.append([word, f"{mean(all_layers):.2f}", f"{min(all_layers)[0]:.2f}", f"{max(all_layers)[0]:.2f}",
                         f"{len(shares(by_word, word, masked=False))} of {len(all_layers)}"])
    print_table(["sparsity", "mean share of dense", "least", "most", "layers that run sparse"], rows)


def layers(path, word):
    run_info, by_word, summary = load(path)
    if word not in by_word or word == "none":
        fail(f"{path} has no {word}; it has {', '.join(w for w in by_word if w != 'none')}")
    heading(path, run_info, summary)
    rows = []
    for layer, record in by_word[word].items():
        dense = by_word["none"].get(layer)
        if dense:
            floor = record.get("bytes_us")
            rows.append([layer, f"{dense['time_us']:.1f}", f"{record['time_us']:.1f}", f"{floor:.1f}" if floor else "",
                         f"{record['time_us'] / dense['time_us']:.2f}", f"{floor / dense['time_us']:.2f}" if floor else "",
                         record["config"]])
    print_table(["layer", "dense, us", "us", "byte floor, us", "share of dense", "floor's share", "configuration"], rows)


def picture(path, out):
    run_info, by_word, summary = load(path)
    lines = {}
    for word in by_word:
        if word != "none" and shares(by_word, word):
            lines.setdefault(kind_of(word), []).append((keep_of(word), mean(shares(by_word, word))))
    floors = {}  # of channel-like bytes: the least that any kind needs at a ratio
    for word, records in by_word.items():
        if word == "none":
            continue
        found = [(r["bytes_us"] / by_word["none"][layer]["time_us"], r["count"]) for layer, r in records.items()
                 if r.get("bytes_us") and layer in by_word["none"]]
        if found:
            keep = keep_of(word)
            floors[keep] = min(floors.get(keep, math.inf), mean(found))
    width, height, left, top, plot = 720, 440, 60, 40, (440, 340)
    most = max([1.1] + [share for points in lines.values() for _, share in points])
    across = lambda keep: left + plot[0] * keep
    down = lambda share: top + plot[1] * (1 - share / most)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             f'<text x="{left}" y="20" font-size="14">{summary["model"]}: time by keep ratio, share of dense (mean over '
             f'{len(by_word["none"])} layers)</text>']
    for i in range(6):
        parts.append(f'<text x="{across(i / 5):.0f}" y="{top + plot[1] + 18}" text-anchor="middle">{i / 5:.1f}</text>')
        share = most * i / 5
        parts.append(f'<line x1="{left}" x2="{left + plot[0]}" y1="{down(share):.0f}" y2="{down(share):.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{down(share) + 4:.0f}" text-anchor="end">{share:.2f}</text>')
    parts.append(f'<text x="{left + plot[0] / 2:.0f}" y="{height - 20}" text-anchor="middle">keep ratio</text>')
    legend = top + 10

    def curve(name, points, style):
        nonlocal legend
        path_text = " ".join(f"{across(keep):.1f},{down(share):.1f}" for keep, share in sorted(points))
        parts.append(f'<polyline points="{path_text}" fill="none" {style}/>')
        if "dash" not in style:
            parts.extend(f'<circle cx="{across(keep):.1f}" cy="{down(share):.1f}" r="3" {style} fill="white"/>' for keep, share in points)
        parts.append(f'<line x1="{left + plot[0] + 20}" x2="{left + plot[0] + 44}" y1="{legend}" y2="{legend}" {style}/>')
        parts.append(f'<text x="{left + plot[0] + 50}" y="{legend + 4}">{name}</text>')
        legend += 20

    curve("dense", [(0, 1), (1, 1)], 'stroke="#000" stroke-width="1" stroke-dasharray="6 3"')
    curve("share = ratio", [(0, 0), (1, 1)], 'stroke="#999" stroke-width="1" stroke-dasharray="2 3"')
    if floors:
        curve("byte floor", list(floors.items()), 'stroke="#999" stroke-width="2" stroke-dasharray="1 2"')
    for i, (kind, points) in enumerate(lines.items()):
        curve(kind, points, f'stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="2"')
    parts.append(f'<text x="{left}" y="{height - 4}" font-size="10" fill="#666">{run_info["date"]}, {run_info["commit"]}</text></svg>')
    with open(out, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="measure; other options go to convoke")
    runner.add_argument("build")
    runner.add_argument("out")
    runner.add_argument("--kinds", default=",".join((*KINDS, "nm:2:4")), help="words with {} for the ratio, separated by commas")
    runner.add_argument("--ratios", default=",".join(RATIOS))
    runner.add_argument("--budget", type=float, default=60)
    runner.add_argument("--measure", type=float, help="default: convoke's own")
    for name, more in (("table", ()), ("layers", ("word",)), ("picture", ("svg",))):
        reader = commands.add_parser(name)
        reader.add_argument("file")
        for argument in more:
            reader.add_argument(argument)
    arguments, selectors = parser.parse_known_args()
    if arguments.command == "run":
        run(arguments, selectors)
    elif selectors:
        parser.error(f"unknown: {' '.join(selectors)}")
    elif arguments.command == "table":
        table(arguments.file)
    elif arguments.command == "layers":
        layers(arguments.file, arguments.word)
    else:
        picture(arguments.file, arguments.svg)


if __name__ == "__main__":
    main()
