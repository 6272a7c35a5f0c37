#!/usr/bin/env python3
"""Times Convoke beside cuDNN (through PyTorch), in one process, in turns, on the same tensors.

  bench/cudnn.py --library build/release/lib/libconvoke.so --problems examples/problems/resnet50.txt \\
      --batch 128 --dtype f16 -o resnet50_b128_f16.jsonl

  bench/cudnn.py --library build/release/lib/libconvoke.so --problems examples/problems/resnet50.txt \\
      --batch 128 --dtype s8 --against-f16 -o resnet50_b128_s8.jsonl

Both sides run as CUDA graphs on one stream. `time_us` and `peer_us` are cold: the launches of a graph go round so many
sets of buffers that the L2 cache holds none of a set when its turn comes again, each side with outputs of its own.
`warm_us` and `peer_warm_us` use one set. cuDNN tries all its algorithms first (benchmark mode) and its choice and
workspace are outside the timing, as is Convoke's compilation. Outputs must agree before anything is timed.

PyTorch has no 8-bit convolution of cuDNN's: for s8 and u8 the peer is libconvoke_cudnn_int8.so (bench/cudnn_int8.h), the
fastest of cuDNN's algorithms and engines; both sides compute relu(acc*scale[k]+bias[k]). What cuDNN refuses has a `reason`
and our time alone. `--against-f16` times our own f16 kernel of the same problem in the same turns (`f16_us`, `f16_ratio`).

JSON lines as `convoke bench --peer --json` writes them, after a first object {"run": ...} about machine and versions;
`bench/report.py table|layers` reads them. Exit status as of `convoke`: 0 fine, 1 outputs differ, 2 usage, 4 no GPU or no
PyTorch, over a list the first of 2, 4, 1, 3, 5.
"""

import argparse
import datetime
import json
import math
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import convoke_api as api  # noqa: E402
import cudnn_float  # noqa: E402
import cudnn_int8  # noqa: E402
from gpu_timing import time_sides  # noqa: E402
from report import git_commit  # noqa: E402

SCHEMA = 1
# The configuration of the study that Convoke grows from: one tile for every layer.
STUDY = "cuda:mma,bm=64,bn=64,bk=64,wm=2,wn=2,stages=2"


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
    parser.add_argument("--dtype", choices=[*sorted(cudnn_float.TOLERANCE), *cudnn_int8.TYPES])
    parser.add_argument("--layout", choices=api.LAYOUTS)
    parser.add_argument("--seconds", type=float, default=1.0, help="of timing for each problem (default 1)")
    parser.add_argument("--config", default="", help="fixes our configuration (default: the tuned one)")
    parser.add_argument("--study", action="store_true", help=f"a second row for each layer with {STUDY}")
    parser.add_argument("--against-f16", action="store_true", help="our own f16 kernel of each 8-bit problem in the same turns")
    parser.add_argument("--cudnn-int8", metavar="PATH", help="the 8-bit peer (default: libconvoke_cudnn_int8.so beside --library)")
    parser.add_argument("--engines", type=int, default=8,
                        help="of cuDNN's graph API to try for an 8-bit problem, 0: its legacy API alone (default 8)")
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
        if is_8bit(spec.fields) and not spec.fields.epilogue:
            spec.override(f"epilogue={cudnn_int8.EPILOGUE}")
    return specs


def is_8bit(fields):
    return api.TYPES[fields.x_type] in cudnn_int8.TYPES


def why_not_comparable(fields):
    """Why the peer cannot compute the same, or None."""
    types = [api.TYPES[t] for t in (fields.x_type, fields.w_type, fields.y_type)]
    stored = ["f32" if t == "tf32" else t for t in types]
    eight_bit = is_8bit(fields)
    if api.PASSES[fields.pass_] != "fprop":
        return f"pass {api.PASSES[fields.pass_]}: only fprop is compared"
    if eight_bit and (types[1:] != ["s8", types[0]] or api.LAYOUTS[fields.x_layout] != "nhwc"):
        return f"types {'/'.join(types)}, {api.LAYOUTS[fields.x_layout]}: s8/s8/s8 or u8/s8/u8 in nhwc can be compared"
    if not eight_bit and (types[0] not in cudnn_float.TOLERANCE or len(set(stored)) != 1):
        return f"types {'/'.join(types)}: f32, tf32, f16 or bf16 for all tensors can be compared"
    if fields.x_layout != fields.y_layout:
        return "x and y have different layouts: PyTorch keeps that of x"
    if eight_bit and fields.epilogue.decode() != cudnn_int8.EPILOGUE:
        return f"epilogue {fields.epilogue.decode()}: for 8-bit types the peer computes {cudnn_int8.EPILOGUE}"
    if not eight_bit and fields.epilogue:
        return f"epilogue {fields.epilogue.decode()}: the peer computes convolutions alone"
    if fields.n == api.OPEN_BATCH:
        return "the batch is open: give --batch"
    for size, taps, stride, dilation, pad, out in ((fields.h, fields.r, fields.stride_h, fields.dilation_h, fields.pad_h, fields.p),
                                                   (fields.w, fields.s, fields.stride_w, fields.dilation_w, fields.pad_w, fields.q)):
        if (size + 2 * pad - dilation * (taps - 1) - 1) // stride + 1 != out:
            return "padding that differs between the two sides: PyTorch has one number for both"
    return None


def span(tensor):
    return tensor.data_ptr(), tensor.numel() * tensor.element_size()


class Ours:
    def __init__(self, torch, device, plan, tensors, stream):
        self.tensors, self.stream, self.plan, self.sets = tensors, stream, plan, len(tensors.x)
        self.operands = [span(tensors.operands[name]) for name in plan.operand_names]
        self.workspace_bytes = plan.info().workspace_bytes
        self.workspace = torch.empty(max(self.workspace_bytes, 1), dtype=torch.uint8, device=device)

    def launch(self, i):
        t = self.tensors
        self.plan.launch(span(t.x[i]), span(t.w[i]), span(t.y[i]), span(self.workspace), self.stream.cuda_stream,
                         self.operands)
        return t.y[i]


def f16_side(torch, device, where, library, spec, stream):
    """Our own f16 kernel of an 8-bit problem, checked, with tensors of its own."""
    half = library.parse(str(spec))
    half.override("dtype=f16")
    peer = cudnn_float.Peer(torch, where, half.fields, stream)
    side = Ours(torch, where, device.plan(half), peer.tensors, stream)
    torch.cuda.synchronize()  # filled on another stream
    wrong = peer.check(side)[1]
    if wrong:
        raise api.Error(api.WRONG_RESULT, wrong)
    return side


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


def fill(record, side, times, fields, limit_us, floor_us):
    cold, spread, warm, warm_spread, launches = times
    record.update(
        status="measured", time_us=cold, warm_us=warm, spread_us=spread, warm_spread_us=warm_spread, launches=launches,
        gflops=2 * fields.macs_image * fields.n / cold * 1e-3, fraction_of_limit=limit_us / cold, bytes_us=floor_us,
        workspace_bytes=side.workspace_bytes, buffer_sets=side.sets)


def fill_peer(record, prefix, times, ratio):
    """Another side's times beside ours: its time over ours is the ratio."""
    cold, spread, warm, warm_spread, _ = times
    record.update({f"{prefix}_us": cold, f"{prefix}_spread_us": spread, f"{prefix}_warm_us": warm,
                   f"{prefix}_warm_spread_us": warm_spread, ratio: cold / record["time_us"],
                   ratio.replace("ratio", "warm_ratio"): warm / record["warm_us"]})


def bytes_us(library, device, fields):
    """Time of a problem's compulsory bytes: of a convolution that does next to nothing else the limit is its bytes' time."""
    probe = library.parse("g1024mb1024ic1024ih32oc1024kh1")
    per_byte = device.limit_us(probe) / sum_bytes(probe.fields)
    return sum_bytes(fields) * per_byte


def sum_bytes(fields):
    return fields.n * (fields.x_image_bytes + fields.y_image_bytes) + fields.w_bytes


class Bench:
    """What all problems of a run share."""

    def __init__(self, torch, library, device, where, arguments, int8):
        self.torch, self.library, self.device, self.where, self.arguments = torch, library, device, where, arguments
        self.int8 = int8

    def peer(self, fields, stream):
        """The peer of a problem and its version."""
        suffix = f"PyTorch {self.torch.__version__}"
        if not is_8bit(fields):
            return cudnn_float.Peer(self.torch, self.where, fields, stream), f"cuDNN {self.torch.backends.cudnn.version()} {suffix}"
        peer = cudnn_int8.Peer(self.torch, self.where, fields, stream, self.int8, self.arguments.engines)
        return peer, f"{self.int8.version()} int8 {suffix}"

    def plans(self, spec, records):
        """{row: plan}; a record of a row without one says why."""
        plans = {}
        for name, config in (("ours", self.arguments.config), ("study", STUDY)):
            if name not in records:
                continue
            try:
                plans[name] = self.device.plan(spec, config)
                records[name]["config"] = plans[name].config
            except api.Error as error:
                # A tile that does not fit a layer is the study's limit, not a mistake of this command line.
                refuse(records[name], error, "unsupported" if name == "study" and error.status == api.USAGE else None)
                if name == "study":
                    records[name]["exit_code"] = 0
        return plans

    def checked_sides(self, peer, plans, records, stream):
        sides = {}
        for name, plan in plans.items():
            side = Ours(self.torch, self.where, plan, peer.tensors, stream)
            says, wrong = peer.check(side)
            records[name].update(says)
            if wrong is None:
                sides[name] = side
            else:
                refuse(records[name], api.Error(api.WRONG_RESULT, wrong))
                records[name]["status"] = "failed"
        return sides

    def measure(self, spec):
        """The records of one problem: ours, and the study's if asked for."""
        fields = spec.fields
        rows = ["ours", "study"] if self.arguments.study else ["ours"]
        records = {name: base_record(spec, fields, self.device, None if name == "ours" else name) for name in rows}
        reason = why_not_comparable(fields)
        if reason:
            for record in records.values():
                refuse(record, api.Error(api.UNSUPPORTED, reason))
            return list(records.values())
        stream = self.torch.cuda.Stream(self.where)
        plans = self.plans(spec, records)
        if "ours" not in plans:
            return list(records.values())
        peer, version = self.peer(fields, stream)
        self.torch.cuda.synchronize()  # filled on another stream
        sides = self.checked_sides(peer, plans, records, stream)
        if sides:
            self.time(spec, sides, peer, version, records, stream)
        return list(records.values())

    def time(self, spec, sides, peer, version, records, stream):
        fields, all_sides = spec.fields, dict(sides)
        if peer.side is not None:
            all_sides["peer"] = peer.side
        if is_8bit(fields) and self.arguments.against_f16:
            try:
                all_sides["f16"] = f16_side(self.torch, self.device, self.where, self.library, spec, stream)
            except api.Error as error:
                records["ours"]["f16_reason"] = str(error)
        times = time_sides(self.torch, stream, all_sides, self.arguments.seconds)
        limit_us, floor_us = self.device.limit_us(spec), bytes_us(self.library, self.device, fields)
        for name, side in sides.items():
            fill(records[name], side, times[name], fields, limit_us, floor_us)
            records[name].update(peer="cudnn", peer_version=version)
            if "peer" in all_sides:
                fill_peer(records[name], "peer", times["peer"], "ratio")
            if "f16" in all_sides:
                fill_peer(records[name], "f16", times["f16"], "f16_ratio")
                records[name]["f16_config"] = all_sides["f16"].plan.config


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
    measured = [r for r in ours if r["status"] == "measured"]
    timed = [r for r in measured if r.get("ratio")]  # 8-bit problems that cuDNN refuses have none
    least = min(timed, key=lambda r: r["ratio"], default=None)
    counted = {status: sum(r["status"] == status for r in ours) for status in ("failed", "unsupported", "error")}
    key, compiler = key_and_compiler(device)
    summary = {"command": "bench", "target": device.name, "device": key, "model": run["device"],
               "driver": run["driver"], "compiler": compiler, "threads": None, "problems": len(ours),
               "measured": len(measured), "failed": counted["failed"], "unsupported": counted["unsupported"],
               "errors": counted["error"], "seconds": seconds,
               "time_us": sum(r["count"] * r["time_us"] for r in timed), "peer_us": sum(r["count"] * r["peer_us"] for r in timed),
               "geomean_fraction_of_limit": weighted_mean(timed, "fraction_of_limit"),
               "geomean_ratio": weighted_mean(timed, "ratio"), "geomean_warm_ratio": weighted_mean(timed, "warm_ratio"),
               "least_ratio": least and least["ratio"], "least": least and (least["name"] or least["problem"])}
    if any(r.get("f16_ratio") for r in measured):
        summary.update({f"geomean_{key}": weighted_mean(measured, key) for key in ("f16_ratio", "f16_warm_ratio")})
    if study:
        summary["study_geomean_ratio"] = weighted_mean([r for r in study if r["status"] == "measured"], "ratio")
    summary["exit_code"] = worst_exit_code({r.get("exit_code", 0) for r in records})
    return summary


def outline(record):
    name = (record["name"] or record["problem"]) + (f" ({record['row']})" if "row" in record else "")
    if record["status"] != "measured":
        return f"{name}: {record['status']}: {record['reason']}"
    cold, warm = f"{record['time_us']:.1f} us", f"warm {record['warm_us']:.1f}"
    for key, label, prefix in (("peer", "cuDNN ", ""), ("f16", "our f16 ", "f16_")):
        if record.get(f"{key}_us"):
            cold += f", {label}{record[f'{key}_us']:.1f}: {record[f'{prefix}ratio']:.2f}"
            warm += f", {record[f'{key}_warm_us']:.1f}: {record[f'{prefix}warm_ratio']:.2f}"
    chosen = f" | {record['peer_implementation']}" if record.get("peer_implementation") else ""
    reason = f" ({record['reason']})" if record["reason"] else ""
    return f"{name}: {cold}; {warm}  {record['config']}{chosen}{reason}"


def open_int8(library, specs, arguments):
    """The 8-bit peer, or None if no problem wants it."""
    if not any(is_8bit(spec.fields) for spec in specs):
        if arguments.against_f16:
            raise api.Error(api.USAGE, "--against-f16 stands beside 8-bit problems: give --dtype s8 or u8")
        return None
    if arguments.engines < 0:
        raise api.Error(api.USAGE, f"--engines {arguments.engines}: it takes 0 (cuDNN's legacy API alone) or more")
    beside = os.path.join(os.path.dirname(library.path), "libconvoke_cudnn_int8.so")
    return cudnn_int8.Library(arguments.cudnn_int8 or beside)


def run_all(torch, library, specs, device, arguments, int8, write):
    where = torch.device("cuda", int(device.name.partition(":")[2] or 0))
    torch.cuda.set_device(where)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.benchmark_limit = 0  # try every algorithm
    run = describe_run(torch, device, library, where)
    write({"run": run})
    bench = Bench(torch, library, device, where, arguments, int8)
    records, start = [], time.monotonic()
    for number, spec in enumerate(specs, 1):
        try:
            of_problem = bench.measure(spec)
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
    if summary.get("geomean_f16_ratio"):
        say(f"our f16's time over that of 8 bits: {summary['geomean_f16_ratio']:.3f} cold, "
            f"{summary['geomean_f16_warm_ratio']:.3f} warm")
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
        int8 = open_int8(library, specs, arguments)
        try:
            out = open(arguments.output, "w", encoding="utf-8") if arguments.output else sys.stdout  # pylint: disable=R1732
        except OSError as error:
            raise api.Error(api.USAGE, f"-o: cannot write '{arguments.output}': {error.strerror}") from error
        return run_all(torch, library, specs, device, arguments, int8,
                       lambda entry: print(json.dumps(entry), file=out, flush=True))
    except api.Error as error:
        say(f"cudnn.py: error: {error}")
        return error.status


if __name__ == "__main__":
    sys.exit(main())
