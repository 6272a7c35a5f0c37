#!/usr/bin/env python3
"""Times a list of convolutions dense and in every kind of sparsity, and shows what that buys.

  bench/sparsity.py run build/release OUT.jsonl --problems examples/problems/resnet18.txt --batch 128 --dtype f16
  bench/sparsity.py table OUT.jsonl           Markdown: one row a kind and keep ratio, mean over the layers
  bench/sparsity.py layers OUT.jsonl WORD     Markdown: one row a layer of one word (channel:0.5), with byte floors
  bench/sparsity.py picture OUT.jsonl X.svg   time by keep ratio
  bench/sparsity.py check OUT.jsonl           Markdown: what is asked of each layer, met or missed; exit status 1 if anything is missed

`run` tunes (--budget SECONDS for each word; 0: not at all) and measures (--measure SECONDS for each word); what it does not know it hands to convoke, so
that every selector works. Patterns are drawn by --seed. A share is the sparse time over the dense one of the same run; means are
geometric, weighted by how often the network runs a layer. `table` and `picture` take --floors F: only layers whose dense kernel takes at
least F times its byte floor. Python's standard library only.
"""

import argparse
import datetime
import fnmatch
import json
import math
import os
import re
import subprocess
import sys
import types

from report import fail, git_commit, print_table

KINDS = ("channel:{}", "channel:{}@4", "input:{}", "input:{}@8", "input:{}@64", "block:{}@16x16", "block:{}@64x64",
         "block:{}@128x64", "unstructured:{}")
RATIOS = ("0.75", "0.6", "0.5", "0.25", "0.1")
COLOURS = ("#1b6ca8", "#c0392b", "#27864a", "#8e44ad", "#d17a00", "#16888a", "#7f5539", "#c2185b", "#555555", "#6b8e23")

# What `check` asks, by target: words, the most time as a share of dense, and the layers it is asked of. A layer has c and k (of a group),
# r, s, net (the list's name) and floors (its dense time over its byte floor).
GOALS = {
    "cuda": (
        ("channel:0.5", 0.60, lambda layer: layer.floors >= 2),
        ("channel:0.25", 0.36, lambda layer: layer.floors >= 2),
        ("channel:0.5@4", 0.60, lambda layer: layer.floors >= 2),
        ("input:0.5@64", 0.62, lambda layer: layer.floors >= 2 and layer.c >= 128),
        ("input:0.25@64", 0.40, lambda layer: layer.floors >= 2 and layer.c >= 256),
        ("input:0.5@8", 0.75, lambda layer: layer.floors >= 2),
        ("block:0.5@64x64", 0.66, lambda layer: layer.floors >= 2),
        ("block:0.25@64x64", 0.42, lambda layer: layer.floors >= 2),
        ("nm:2:4", 0.75, lambda layer: layer.floors >= 2 and min(layer.c, layer.k) >= 256),
    ),
    "cpu": (
        ("channel:0.5", 0.58, lambda layer: layer.r == layer.s == 3),
        ("input:0.5*", 0.58, lambda layer: layer.r == layer.s == 3),
        ("block:0.5@*", 0.58, lambda layer: layer.r == layer.s == 3),
        ("unstructured:0.1", 0.30, lambda layer: layer.r == layer.s == 3 or layer.net.startswith("lenet")),
        ("unstructured:0.2", 0.50, lambda layer: layer.r == layer.s == 3 or layer.net.startswith("lenet")),
    ),
}


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


def floors_of(record):
    return record["time_us"] / record["bytes_us"] if record.get("bytes_us") else 0


def load(path, floors=0):
    """(run, {word: {layer: record}}, summary), of the layers whose dense time is at least so many byte floors."""
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
    wanted = [layer for layer, record in by_word["none"].items() if floors_of(record) >= floors]
    if not wanted:
        fail(f"{path}: no layer's dense kernel takes {floors:g} times its byte floor")
    return run_info, {word: {layer: records[layer] for layer in wanted if layer in records} for word, records in by_word.items()}, summary


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


def baked(by_word):
    return [word for word in by_word if word != "none" and not word.endswith(":bound")]


def shares(by_word, word, masked=None):
    """(share of dense, weight) of the layers; of those that run masked or sparse alone if asked for."""
    dense = by_word["none"]
    return [(r["time_us"] / dense[layer]["time_us"], r["count"]) for layer, r in by_word[word].items()
            if layer in dense and (masked is None or ("masked=1" in r["config"]) == masked)]


def heading(path, run_info, summary):
    print(f"{os.path.splitext(os.path.basename(path))[0]}: {summary['model']}, {run_info['date']}, {run_info['commit']}\n")


def table(path, floors):
    run_info, by_word, summary = load(path, floors)
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


def picture(path, out, floors):
    run_info, by_word, summary = load(path, floors)
    lines = {}
    for word in baked(by_word):
        if shares(by_word, word):
            lines.setdefault(kind_of(word), []).append((keep_of(word), mean(shares(by_word, word))))
    by_bytes = {}  # of channel-like bytes: the least that any kind needs at a ratio
    for word, records in by_word.items():
        if word == "none":
            continue
        found = [(r["bytes_us"] / by_word["none"][layer]["time_us"], r["count"]) for layer, r in records.items()
                 if r.get("bytes_us") and layer in by_word["none"]]
        if found:
            keep = keep_of(word)
            by_bytes[keep] = min(by_bytes.get(keep, math.inf), mean(found))
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
    if by_bytes:
        curve("byte floor", list(by_bytes.items()), 'stroke="#999" stroke-width="2" stroke-dasharray="1 2"')
    for i, (kind, points) in enumerate(lines.items()):
        curve(kind, points, f'stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="2"')
    parts.append(f'<text x="{left}" y="{height - 4}" font-size="10" fill="#666">{run_info["date"]}, {run_info["commit"]}'
                 f'{f"; layers whose dense time is at least {floors:g} byte floors" if floors else ""}</text></svg>')
    with open(out, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")


def layer_of(record, net):
    sizes = {name: int(value) for name, value in re.findall(r"([a-z]+)(\d+)", record["problem"].split()[0])}
    groups = sizes.get("g", 1)
    return types.SimpleNamespace(c=sizes["ic"] // groups, k=sizes["oc"] // groups, r=sizes["kh"], s=sizes.get("kw", sizes["kh"]), net=net,
                                 floors=floors_of(record))


def one_unit(word, layer):
    """Whether the layer has a single unit of the word, so that nothing can be pruned."""
    kind, size = word.split(":")[0], word.partition("@")[2].partition(":")[0]
    return kind in ("channel", "input") and {"channel": layer.k, "input": layer.c}[kind] <= int(size or 1)


def goals_met(by_word, net):
    """[(word, limit, {layer: share}, layers whose byte floor alone misses)] of the goals whose words were measured. Prints the share of every
    layer, one that misses in bold, with the floor's where that misses too."""
    dense = by_word["none"]
    layers_of = {name: layer_of(record, net) for name, record in dense.items()}
    target = next(iter(dense.values()))["target"].split(":")[0]
    asked = []
    for pattern, limit, holds in GOALS.get(target, ()):
        for word in fnmatch.filter(baked(by_word), pattern):
            records = {name: record for name, record in by_word[word].items()
                       if name in dense and holds(layers_of[name]) and not one_unit(word, layers_of[name])}
            floor = {name: (record.get("bytes_us") or 0) / dense[name]["time_us"] for name, record in records.items()}
            asked.append((word, limit, {name: record["time_us"] / dense[name]["time_us"] for name, record in records.items()},
                          {name: share for name, share in floor.items() if share > limit}))
    rows = []
    for name, record in dense.items():
        cells = [("{:.3f}" if of[name] <= limit else "**{:.3f}**").format(of[name]) + (f" (floor {floor[name]:.2f})" if name in floor else "")
                 if name in of else "" for _, limit, of, floor in asked]
        rows.append([name, f"{record['time_us']:.1f}", f"{layers_of[name].floors:.1f}", *cells])
    print_table(["layer", "dense, us", "in byte floors", *(f"{word}, {limit:.2f}" for word, limit, *_ in asked)], rows)
    return asked


def over(by_word, word, base):
    """{"word, layer": time over that of another word}."""
    return {f"{word}, {layer}": record["time_us"] / by_word[base][layer]["time_us"] for layer, record in by_word[word].items()
            if layer in by_word[base]}


def rises(by_word):
    """{"kind, layer": the most that a ratio takes over the least of the higher ones and dense}, of kinds with several ratios."""
    by_kind, found = {}, {}
    for word in sorted(baked(by_word), key=keep_of, reverse=True):
        by_kind.setdefault(kind_of(word), []).append(word)
    for kind, words in by_kind.items():
        for layer, record in by_word["none"].items() if len(words) > 1 else ():
            least, most = record["time_us"], 0
            for time in (by_word[word][layer]["time_us"] for word in words if layer in by_word[word]):
                most, least = max(most, time / least), min(least, time)
            found[f"{kind}, {layer}"] = most
    return found


def check(path, oracle, rise, bound):
    """Whether all that is asked is met."""
    run_info, by_word, summary = load(path)
    heading(path, run_info, summary)
    lists = [value for option, value in zip(run_info["selectors"], run_info["selectors"][1:]) if option == "--problems"]
    goals = goals_met(by_word, os.path.splitext(os.path.basename(lists[0]))[0] if lists else "")
    everywhere, to_baked = {}, {}
    for word in by_word:
        if word != "none":
            everywhere.update(over(by_word, word, "none"))
        if word.endswith(":bound") and word.removesuffix(":bound") in by_word:
            to_baked.update(over(by_word, word, word.removesuffix(":bound")))
    if not everywhere:
        fail(f"{path} has only dense times: there is nothing to check")
    rules = [("every word: share of dense", oracle, everywhere), ("a ratio over the least of the higher ones", 1 + rise, rises(by_word)),
             ("bound over baked", bound, to_baked)]
    rows, fine = [], True
    for what, limit, of, *floor in goals + rules:
        missed = sorted(((share, name) for name, share in of.items() if share > limit), reverse=True)
        fine = fine and not missed
        where = "; ".join(f"{name} {share:.3f}" for share, name in missed)
        if floor and missed:
            where = "in bold above" + (f", {len(floor[0])} by the byte floor alone" if floor[0] else "")
        rows.append([what, f"{limit:.2f}", f"{len(of) - len(missed)} of {len(of)}", f"{max(of.values()):.3f}" if of else "", where])
    print()
    print_table(["asked", "at most", "met", "most", "missed"], rows)
    return fine


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
    for name, more in (("table", ()), ("layers", ("word",)), ("picture", ("svg",)), ("check", ())):
        reader = commands.add_parser(name)
        reader.add_argument("file")
        for argument in more:
            reader.add_argument(argument)
        if name in ("table", "picture"):
            reader.add_argument("--floors", type=float, default=0, help="only layers whose dense time is at least so many byte floors (0: all)")
        if name == "check":
            reader.add_argument("--oracle", type=float, default=1.03, help="no word may take more than this share of dense (1.03)")
            reader.add_argument("--rise", type=float, default=0.03, help="a lower ratio may take so much more time than a higher one (0.03)")
            reader.add_argument("--bound", type=float, default=1.05, help="bound may take this share of baked (1.05)")
    arguments, selectors = parser.parse_known_args()
    if arguments.command == "run":
        run(arguments, selectors)
    elif selectors:
        parser.error(f"unknown: {' '.join(selectors)}")
    elif arguments.command == "table":
        table(arguments.file, arguments.floors)
    elif arguments.command == "layers":
        layers(arguments.file, arguments.word)
    elif arguments.command == "picture":
        picture(arguments.file, arguments.svg, arguments.floors)
    elif not check(arguments.file, arguments.oracle, arguments.rise, arguments.bound):
        sys.exit(1)


if __name__ == "__main__":
    main()
