#!/usr/bin/env python3
"""Times Convoke beside cuDNN (through PyTorch), in one process, in turns, on the same tensors.

  bench/cudnn.py --library build/release/lib/libconvoke.so --problems examples/problems/resnet50.txt \\
      --batch 128 --dtype f16 -o resnet50_b128_f16.jsonl

Both sides run as CUDA graphs on one stream. `time_us` and `peer_us` are cold: the launches of a graph go round so many
sets of buffers that the L2 cache holds none of a set when its turn comes again, each side with outputs of its own.
`warm_us` and `peer_warm_us` use one set. cuDNN tries all its algorithms first (benchmark mode) and its choice and
workspace are outside the timing, as is Convoke's compilation. Outputs must agree before anything is timed.

JSON lines as `convoke bench --peer --json` writes them, after a first object {"run": ...} about machine and versions;
`bench/report.py table|layers` reads them. Exit status as of `convoke`: 0 fine, 1 outputs differ, 2 usage, 4 no GPU or no
PyTorch, over a list the first of 2, 4, 1, 3, 5.
"""

import argparse
import datetime
import json
import math
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import convoke_api as api  # noqa: E402
from report import git_commit  # noqa: E402

SCHEMA = 1
# The configuration of the study that Convoke grows from: one tile for every layer.
STUDY = "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=2"
L2_TURNS = 3  # a rotation touches this many times the L2 cache: replacement is not strictly by age
MIN_SETS, MAX_SETS = 4, 512
MEMORY_SHARE = 0.4  # of the free memory, for all sets
WARM_GRAPH_US, MAX_WARM_LAUNCHES = 600, 256
MIN_ROUNDS = 7
# Largest |ours - theirs| / (1 + |theirs|): sums are of order 1, both sides round their f32 sums once (tf32 rounds the
# inputs too, and cuDNN may take Winograd).
TOLERANCE = {"f32": 1e-3, "tf32": 5e-3, "f16": 5e-3, "bf16": 3e-2}


def say(text):
    print(text, file=sys.stderr, flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("descriptors", nargs="*", help="problems, each quoted with its key=value words")
    parser.add_argument("--problems", action="append", default=[], metavar="FILE", help="list of problems")
    parser.add_argument("--library", default=os.path.join(here, "..", "build", "release", "lib", "libconvoke.so"))
    parser.add_argument("--target", default="cuda:0", help="cuda:N (default cuda:0)")
    parser.add_argument("--batch", type=int, help="images (overrides mb)")
    parser.add_argument("--dtype", choices=sorted(TOLERANCE))
    parser.add_argument("--layout", choices=api.LAYOUTS)
    parser.add_argument("--seconds", type=float, default=1.0, help="of timing for each problem (default 1)")
    parser.add_argument("--config", default="", help="fixes our configuration (default: the tuned one)")
    parser.add_argument("--study", action="store_true", help=f"a second row for each layer with {STUDY}")
    parser.add_argument("-o", "--output", help="file (default stdout)")
    return parser.parse_args()


def select_problems(library, arguments):
    specs = [spec for path in arguments.problems for spec in library.read_list(path)]
    specs += [library.parse(text) for text in arguments.descriptors]
    if not specs:
        raise api.Error(api.USAGE, "no problem given: name a list with --problems FILE or write a descriptor")
    words = [f"{key}={value}" for key, value in
             (("batch", arguments.batch), ("dtype", arguments.dtype), ("layout", arguments.layout)) if value is not None]
    for spec in specs:
        spec.override(" ".join(words))
    return specs


def why_not_comparable(fields):
    """Why the peer cannot compute the same, or None."""
    types = [api.TYPES[t] for t in (fields.x_type, fields.w_type, fields.y_type)]
    stored = ["f32" if t == "tf32" else t for t in types]
    if api.PASSES[fields.pass_] != "fprop":
        return f"pass {api.PASSES[fields.pass_]}: only fprop is compared"
    if types[0] not in TOLERANCE or len(set(stored)) != 1:
        return f"types {'/'.join(types)}: f32, tf32, f16 or bf16 for all tensors can be compared"
    if fields.x_layout != fields.y_layout:
        return "x and y have different layouts: PyTorch keeps that of x"
    if fields.epilogue:
        return f"epilogue {fields.epilogue.decode()}: the peer computes convolutions alone"
    if fields.n == api.OPEN_BATCH:
        return "the batch is open: give --batch"
    for size, taps, stride, dilation, pad, out in ((fields.h, fields.r, fields.stride_h, fields.dilation_h, fields.pad_h, fields.p),
                                                   (fields.w, fields.s, fields.stride_w, fields.dilation_w, fields.pad_w, fields.q)):
        if (size + 2 * pad - dilation * (taps - 1) - 1) // stride + 1 != out:
            return "padding that differs between the two sides: PyTorch has one number for both"
    return None


class Tensors:
    """`count` sets of x, w and our y, random and dense, as PyTorch sees them and as addresses."""

    def __init__(self, torch, device, fields, count):
        kind = {"f16": torch.float16, "bf16": torch.bfloat16}.get(api.TYPES[fields.x_type], torch.float32)
        self.nhwc = api.LAYOUTS[fields.x_layout] == "nhwc"
        scale = 1 / math.sqrt(fields.c / fields.groups * fields.r * fields.s)

        def dense(n, c, h, w, fill):
            # Allocated in the order of memory: with one channel or pixel a memory format alone is ambiguous.
            shape = (n, h, w, c) if self.nhwc else (n, c, h, w)
            tensor = torch.full(shape, math.nan, dtype=kind, device=device) if fill is None else (
                torch.empty(shape, dtype=torch.float32, device=device).uniform_(-fill, fill).to(kind))
            return tensor.permute(0, 3, 1, 2) if self.nhwc else tensor

        # Uniform in [-a, a] has variance a^2 / 3: sums of order one.
        self.x = [dense(fields.n, fields.c, fields.h, fields.w, math.sqrt(3)) for _ in range(count)]
        self.w = [dense(fields.k, fields.c // fields.groups, fields.r, fields.s, math.sqrt(3) * scale) for _ in range(count)]
        self.y = [dense(fields.n, fields.k, fields.p, fields.q, None) for _ in range(count)]


def span(tensor):
    return tensor.data_ptr(), tensor.numel() * tensor.element_size()


class Ours:
    def __init__(self, torch, device, plan, tensors, stream):
        self.tensors, self.stream, self.plan = tensors, stream, plan
        self.workspace_bytes = plan.info().workspace_bytes
        self.workspace = torch.empty(max(self.workspace_bytes, 1), dtype=torch.uint8, device=device)

    def launch(self, i):
        t = self.tensors
        self.plan.launch(span(t.x[i]), span(t.w[i]), span(t.y[i]), span(self.workspace), self.stream.cuda_stream)
        return t.y[i]


class Cudnn:
    def __init__(self, torch, fields, tensors):
        self.tensors = tensors
        self.convolve = lambda x, w: torch.nn.functional.conv2d(
            x, w, stride=(fields.stride_h, fields.stride_w), padding=(fields.pad_h, fields.pad_w),
            dilation=(fields.dilation_h, fields.dilation_w), groups=fields.groups)

    def launch(self, i):
        return self.convolve(self.tensors.x[i], self.tensors.w[i])


class Timed:
    """Launches of one side in a CUDA graph. `sets`: the buffer set of each launch."""

    def __init__(self, torch, stream, side, sets, keep):
        self.torch, self.stream, self.launches, self.samples = torch, stream, len(sets), []
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=stream):
            # Outputs that live side by side get memory of their own; dropped ones share it.
            outputs = [side.launch(i) for i in sets] if keep else [side.launch(i) for i in sets][-1:]
        self.outputs = outputs
        self.begin, self.end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def run(self):
        """Microseconds of one launch. An untimed turn first: it hides the host's work and settles the caches."""
        with self.torch.cuda.stream(self.stream):
            self.graph.replay()
            self.begin.record(self.stream)
            self.graph.replay()
            self.end.record(self.stream)
        self.end.synchronize()
        self.samples.append(self.begin.elapsed_time(self.end) * 1000 / self.launches)
        return self.samples[-1]

    def summary(self):
        quartiles = statistics.quantiles(self.samples, n=4, method="inclusive")
        return quartiles[1], quartiles[2] - quartiles[0]


def difference(ours, theirs):
    """Largest |a - b| / (1 + |b|); infinite if one is not a number."""
    a, b = ours.float(), theirs.float()
    worst = ((a - b).abs() / (1 + b.abs())).max().item()
    return worst if math.isfinite(worst) else math.inf


def set_count(torch, device, fields):
    properties = torch.cuda.get_device_properties(device)
    l2 = getattr(properties, "L2_cache_size", 64 << 20)
    one = fields.n * (fields.x_image_bytes + fields.y_image_bytes) + fields.w_bytes
    free = torch.cuda.mem_get_info(device)[0]
    # cuDNN's outputs lie beside ours; filling needs the floats of one x for a moment.
    room = int(MEMORY_SHARE * free / (one + fields.n * fields.y_image_bytes))
    return max(1, min(max(MIN_SETS, math.ceil(L2_TURNS * l2 / one)), MAX_SETS, room))


def check(torch, stream, sides, peer, count):
    """Every side against the peer on the first and the last set, before anything is timed."""
    worst = {name: 0.0 for name in sides}
    with torch.cuda.stream(stream):
        for i in sorted({0, count - 1}):
            theirs = peer.launch(i)
            for name, side in sides.items():
                worst[name] = max(worst[name], difference(side.launch(i), theirs))
    torch.cuda.synchronize()
    return worst


def time_sides(torch, stream, sides, count, seconds):
    """{name: (cold, cold spread, warm, warm spread, timed launches)}, sides in turns."""
    cold = {name: Timed(torch, stream, side, range(count), keep=True) for name, side in sides.items()}
    warm = {}
    for name, side in sides.items():
        guess = cold[name].run()
        cold[name].samples.clear()
        launches = max(MIN_SETS, min(MAX_WARM_LAUNCHES, math.ceil(WARM_GRAPH_US / max(guess, 1e-3))))
        warm[name] = Timed(torch, stream, side, [0] * launches, keep=False)
    names, end, rounds = list(sides), time.monotonic() + seconds, 0
    while rounds < MIN_ROUNDS or time.monotonic() < end:
        first = rounds % len(names)  # who begins changes, so that nobody always follows the same one
        for name in names[first:] + names[:first]:
            cold[name].run()
            warm[name].run()
        rounds += 1
    return {name: (*cold[name].summary(), *warm[name].summary(), rounds * cold[name].launches) for name in names}


def key_and_compiler(device):
    key, _, compiler = device.description.rpartition(", ")
    return key, compiler


def base_record(spec, fields, device, row=None):
    record = {"schema": SCHEMA, "command": "bench", "problem": str(spec), "name": fields.name.decode() or None,
              "count": fields.count, "pass": api.PASSES[fields.pass_], "dtype": api.TYPES[fields.x_type],
              "target": device.name, "device": key_and_compiler(device)[0], "status": "error",
              "batch": fields.n if fields.n > 0 else None, "time_us": None, "warm_us": None, "spread_us": None,
              "warm_spread_us": None, "launches": None, "gflops": None, "fraction_of_limit": None, "config": None,
              "max_error": None, "tolerance": None, "reason": None, "workspace_bytes": None}
    if row:
        record["row"] = row
    return record


def refuse(record, error, status=None):
    record["status"] = "unsupported" if error.status == api.UNSUPPORTED or status == "unsupported" else "error"
    record["reason"] = str(error)
    record["exit_code"] = error.status


def fill(record, side, times, peer_times, fields, limit_us):
    cold, spread, warm, warm_spread, launches = times
    peer_cold, peer_spread, peer_warm, peer_warm_spread, _ = peer_times
    record.update(
        status="measured", time_us=cold, warm_us=warm, spread_us=spread, warm_spread_us=warm_spread, launches=launches,
        gflops=2 * fields.macs_image * fields.n / cold * 1e-3, fraction_of_limit=limit_us / cold,
        workspace_bytes=side.workspace_bytes, peer_us=peer_cold, peer_spread_us=peer_spread, peer_warm_us=peer_warm,
        peer_warm_spread_us=peer_warm_spread, ratio=peer_cold / cold, warm_ratio=peer_warm / warm)


def measure(torch, device, spec, arguments, peer_version):
    """The records of one problem: ours, and the study's if asked for."""
    fields = spec.fields
    configs = {"ours": arguments.config} | ({"study": STUDY} if arguments.study else {})
    records = {name: base_record(spec, fields, device, None if name == "ours" else name) for name in configs}
    reason = why_not_comparable(fields)
    if reason:
        for record in records.values():
            refuse(record, api.Error(api.UNSUPPORTED, reason))
        return list(records.values())

    where = torch.device("cuda", int(device.name.partition(":")[2] or 0))
    torch.backends.cudnn.allow_tf32 = api.TYPES[fields.x_type] == "tf32"
    stream = torch.cuda.Stream(where)
    plans = {}
    for name, config in configs.items():
        try:
            plans[name] = device.plan(spec, config)
            records[name].update(config=plans[name].config, peer="cudnn", peer_version=peer_version)
        except api.Error as error:
            # A tile that does not fit a layer is the study's limit, not a mistake of this command line.
            refuse(records[name], error, "unsupported" if name == "study" and error.status == api.USAGE else None)
            if name == "study":
                records[name]["exit_code"] = 0
    if "ours" not in plans:
        return list(records.values())

    count = set_count(torch, where, fields)
    tensors = Tensors(torch, where, fields, count)
    torch.cuda.synchronize()  # filled on another stream
    sides = {name: Ours(torch, where, plan, tensors, stream) for name, plan in plans.items()}
    peer = Cudnn(torch, fields, tensors)
    tolerance = TOLERANCE[api.TYPES[fields.x_type]]
    for name, worst in check(torch, stream, sides, peer, count).items():
        records[name].update(max_error=worst if math.isfinite(worst) else None, tolerance=tolerance)
        if not worst <= tolerance:
            refuse(records[name], api.Error(
                api.WRONG_RESULT, f"differs from cuDNN by {worst:.3g} (relative to 1 + |y|), the tolerance is {tolerance}"))
            records[name]["status"] = "failed"
            del sides[name]
    if sides:
        times = time_sides(torch, stream, {**sides, "peer": peer}, count, arguments.seconds)
        limit_us = device.limit_us(spec)
        for name, side in sides.items():
            fill(records[name], side, times[name], times["peer"], fields, limit_us)
            records[name]["buffer_sets"] = count
    return list(records.values())


def clocks(torch, where):
    """What nvidia-smi says about the GPU now, or None without one."""
    keys = ("clocks.sm", "clocks.mem", "clocks.max.sm", "power.draw", "temperature.gpu", "clocks_throttle_reasons.active")
    uuid = getattr(torch.cuda.get_device_properties(where), "uuid", None)
    command = ["nvidia-smi", f"--query-gpu={','.join(keys)}", "--format=csv,noheader,nounits"]
    command += [f"--id=GPU-{uuid}"] if uuid else [f"--id={where.index}"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return dict(zip(keys, [value.strip() for value in result.stdout.strip().split(",")]))


def driver_version():
    try:
        with open("/proc/driver/nvidia/version", encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return None


def describe_run(torch, device, library, where):
    properties = torch.cuda.get_device_properties(where)
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "commit": git_commit(), "command": sys.argv, "convoke": library.version(),
            "device": properties.name, "multiprocessors": properties.multi_processor_count,
            "memory_bytes": properties.total_memory, "driver": driver_version(),
            "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(), "torch": torch.__version__,
            "compiler": key_and_compiler(device)[1], "clocks": clocks(torch, where)}


def weighted_mean(records, key):
    values = [(r["count"], r[key]) for r in records if r.get(key)]
    weight = sum(count for count, _ in values)
    return math.exp(sum(count * math.log(value) for count, value in values) / weight) if weight else None


def worst_exit_code(codes):
    return next((code for code in (2, 4, 1, 3, 5) if code in codes), 0)


def summarise(records, run, device, seconds):
    ours = [r for r in records if "row" not in r]
    study = [r for r in records if r.get("row") == "study"]
    timed = [r for r in ours if r["status"] == "measured"]
    least = min(timed, key=lambda r: r["ratio"], default=None)
    counted = {status: sum(r["status"] == status for r in ours) for status in ("failed", "unsupported", "error")}
    key, compiler = key_and_compiler(device)
    summary = {"command": "bench", "target": device.name, "device": key, "model": run["device"],
               "driver": run["driver"], "compiler": compiler, "threads": None, "problems": len(ours),
               "measured": len(timed), "failed": counted["failed"], "unsupported": counted["unsupported"],
               "errors": counted["error"], "seconds": seconds,
               "time_us": sum(r["count"] * r["time_us"] for r in timed), "peer_us": sum(r["count"] * r["peer_us"] for r in timed),
               "geomean_fraction_of_limit": weighted_mean(timed, "fraction_of_limit"),
               "geomean_ratio": weighted_mean(timed, "ratio"), "geomean_warm_ratio": weighted_mean(timed, "warm_ratio"),
               "least_ratio": least and least["ratio"], "least": least and (least["name"] or least["problem"])}
    if study:
        summary["study_geomean_ratio"] = weighted_mean([r for r in study if r["status"] == "measured"], "ratio")
    summary["exit_code"] = worst_exit_code({r.get("exit_code", 0) for r in records})
    return summary


def outline(record):
    name = (record["name"] or record["problem"]) + (f" ({record['row']})" if "row" in record else "")
    if record["status"] != "measured":
        return f"{name}: {record['status']}: {record['reason']}"
    return (f"{name}: {record['time_us']:.1f} us, cuDNN {record['peer_us']:.1f}: {record['ratio']:.2f}; "
            f"warm {record['warm_us']:.1f}, {record['peer_warm_us']:.1f}: {record['warm_ratio']:.2f}  {record['config']}")


def run_all(torch, library, specs, device, arguments, write):
    where = torch.device("cuda", int(device.name.partition(":")[2] or 0))
    torch.cuda.set_device(where)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.benchmark_limit = 0  # try every algorithm
    run = describe_run(torch, device, library, where)
    write({"run": run})
    peer_version = f"cuDNN {run['cudnn']} PyTorch {run['torch']}"
    records, start = [], time.monotonic()
    for number, spec in enumerate(specs, 1):
        try:
            of_problem = measure(torch, device, spec, arguments, peer_version)
        except api.Error as error:
            of_problem = [base_record(spec, spec.fields, device)]
            refuse(of_problem[0], error)
        except RuntimeError as error:  # out of memory is one
            of_problem = [base_record(spec, spec.fields, device)]
            refuse(of_problem[0], api.Error(api.DEVICE, f"PyTorch: {str(error).splitlines()[0]}"))
        torch.cuda.empty_cache()
        for record in of_problem:
            say(f"{number}/{len(specs)}  {outline(record)}")
            write(record)
        records += of_problem
    summary = summarise(records, run, device, time.monotonic() - start)
    summary["clocks"] = clocks(torch, where)
    write({"schema": SCHEMA, "summary": summary})
    if summary["geomean_ratio"]:
        say(f"cuDNN's time over ours, weighted geometric mean: {summary['geomean_ratio']:.3f} cold, "
            f"{summary['geomean_warm_ratio']:.3f} warm; least {summary['least_ratio']:.3f} ({summary['least']})")
    return summary["exit_code"]


def main():
    arguments = parse_arguments()
    try:
        library = api.Library(arguments.library)
        specs = select_problems(library, arguments)
        try:
            import torch  # pylint: disable=import-outside-toplevel
        except ImportError as error:
            raise api.Error(api.DEVICE, f"PyTorch is needed to run cuDNN: {error}") from error
        if not torch.cuda.is_available():
            raise api.Error(api.DEVICE, "PyTorch finds no CUDA device: run this on a machine with an NVIDIA GPU")
        device = library.open_device(arguments.target)
        if not device.name.startswith("cuda"):
            raise api.Error(api.USAGE, f"--target: '{arguments.target}' is no GPU; it takes cuda or cuda:N")
        try:
            out = open(arguments.output, "w", encoding="utf-8") if arguments.output else sys.stdout  # pylint: disable=R1732
        except OSError as error:
            raise api.Error(api.USAGE, f"-o: cannot write '{arguments.output}': {error.strerror}") from error
        return run_all(torch, library, specs, device, arguments,
                       lambda entry: print(json.dumps(entry), file=out, flush=True))
    except api.Error as error:
        say(f"cudnn.py: error: {error}")
        return error.status


if __name__ == "__main__":
    sys.exit(main())
