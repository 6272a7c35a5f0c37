"""The 8-bit half of bench/cudnn.py: bench/cudnn_int8.h through ctypes, its tensors, and who is right.

Both sides compute y = relu(acc*scale[k]+bias[k]) in s8 (or u8), every scale[k] the same: cuDNN's legacy API has one
number for all channels. That number is a power of two and bias is not, so that nothing but the sum is rounded and no value
lies half way between two integers: whatever rounds to nearest, by multiply and add or in one operation, agrees bit for bit.
"""

import ctypes
import math
import os
import statistics
from ctypes import POINTER, Structure, byref, c_char_p, c_float, c_int32, c_int64, c_void_p

import convoke_api as api
from gpu_timing import Timed, set_count

EPILOGUE = "relu(acc*scale[k]+bias[k])"
TYPES = ("s8", "u8")
CHOOSING_RUNS = 5  # of a way's cold graph, before the fastest is kept
REFERENCE_IMAGES = 2
# Of the outputs, at most this share may differ from cuDNN's by one step.
MAX_DIFFERING = 1e-4


class _Conv(Structure):
    _fields_ = ([(name, c_int64) for name in (
        "n c h w k r s p q groups stride_h stride_w dilation_h dilation_w pad_h pad_w pad_h_high pad_w_high").split()] +
        [("max_engines", c_int64), ("unsigned_images", c_int32), ("alpha", c_float)])


class _Buffers(Structure):
    _fields_ = [(name, c_void_p) for name in "x w scale bias y workspace".split()] + [("workspace_bytes", c_int64)]


_FUNCTIONS = (
    ("cudnn_int8_version", c_char_p, []),
    ("cudnn_int8_last_error", c_char_p, []),
    ("cudnn_int8_create", c_int32, [POINTER(_Conv), POINTER(c_void_p)]),
    ("cudnn_int8_count", c_int64, [c_void_p]),
    ("cudnn_int8_name", c_char_p, [c_void_p, c_int64]),
    ("cudnn_int8_workspace_bytes", c_int64, [c_void_p, c_int64]),
    ("cudnn_int8_run", c_int32, [c_void_p, c_int64, POINTER(_Buffers), c_void_p]),
    ("cudnn_int8_destroy", None, [c_void_p]),
)


class Library:
    """libconvoke_cudnn_int8.so at `path`. Import PyTorch first: then it uses PyTorch's cuDNN."""

    def __init__(self, path):
        try:
            self.c = ctypes.CDLL(os.path.abspath(path))
            for name, result, parameters in _FUNCTIONS:
                function = getattr(self.c, name)
                function.restype, function.argtypes = result, parameters
        except (OSError, AttributeError) as error:
            raise api.Error(api.DEVICE, f"cannot use {path}: {error}; build the target convoke_cudnn_int8 and name it with "
                            "--cudnn-int8") from error

    def version(self):
        return self.c.cudnn_int8_version().decode()

    def call(self, name, *arguments):
        status = getattr(self.c, name)(*arguments)
        if status != 0:
            raise api.Error(status, self.c.cudnn_int8_last_error().decode(errors="replace"))


class Ways:
    """What cuDNN offers for one problem. Raises api.Error(UNSUPPORTED) if that is nothing."""

    def __init__(self, library, fields, alpha, max_engines):
        names = [name for name, _ in _Conv._fields_[:18]]
        conv = _Conv(*(getattr(fields, name) for name in names), max_engines, api.TYPES[fields.x_type] == "u8", alpha)
        self.library, self.handle = library, c_void_p()
        library.call("cudnn_int8_create", byref(conv), byref(self.handle))
        ways = range(library.c.cudnn_int8_count(self.handle))
        self.names = [library.c.cudnn_int8_name(self.handle, way).decode() for way in ways]
        self.workspace_bytes = [library.c.cudnn_int8_workspace_bytes(self.handle, way) for way in ways]

    def run(self, way, buffers, stream):
        self.library.call("cudnn_int8_run", self.handle, way, byref(buffers), stream)

    def __del__(self):
        self.library.c.cudnn_int8_destroy(self.handle)


class Tensors:
    """`count` sets of x, w and our y, of the whole range of their types, and the epilogue's operands."""

    def __init__(self, torch, device, fields, count):
        self.torch, self.fields = torch, fields
        unsigned = api.TYPES[fields.x_type] == "u8"
        self.least, self.most = (0, 255) if unsigned else (-128, 127)
        images = torch.uint8 if unsigned else torch.int8
        c = fields.c // fields.groups

        def draw(shape, low, high, kind):
            return torch.randint(low, high + 1, shape, dtype=kind, device=device)

        self.x = [draw((fields.n, fields.h, fields.w, fields.c), self.least, self.most, images) for _ in range(count)]
        self.w = [draw((fields.k, fields.r, fields.s, c), -127, 127, torch.int8) for _ in range(count)]
        # Few results have this value: what is not written shows.
        self.y = [torch.full((fields.n, fields.p, fields.q, fields.k), 77, dtype=images, device=device) for _ in range(count)]
        # The spread of a sum of products of uniform numbers; results shall fill their type and seldom leave it.
        squares = (255 * 256 if unsigned else 2 * 128 * 128) / (3 if unsigned else 6) * (127 * 128) / 3
        spread = math.sqrt(c * fields.r * fields.s * squares)
        target = self.most / 2
        self.alpha = 2.0 ** round(math.log2(target / spread))
        bias = torch.empty(fields.k, dtype=torch.float32, device=device).uniform_(-target / 2, target)
        self.operands = {"scale": torch.full_like(bias, self.alpha), "bias": bias}

    def output(self):
        """A new y for the other side, from the stream's (or the capture's) pool."""
        return self.torch.empty_like(self.y[0])

    def expected(self, i):
        """y of the first and the last image of set i by the documented formula: {image: tensor}."""
        torch, fields = self.torch, self.fields
        w = self.w[i].permute(0, 3, 1, 2).double().contiguous()
        results = {}
        for image in sorted({0, fields.n - 1})[:REFERENCE_IMAGES]:
            x = self.x[i][image:image + 1].permute(0, 3, 1, 2).double().contiguous()
            # What strides leave over at the end is padding below zero: cut off.
            x = torch.nn.functional.pad(x, (fields.pad_w, fields.pad_w_high, fields.pad_h, fields.pad_h_high))
            with torch.backends.cudnn.flags(enabled=False):  # PyTorch's own: in f64 every sum is exact
                total = torch.nn.functional.conv2d(
                    x, w, stride=(fields.stride_h, fields.stride_w), dilation=(fields.dilation_h, fields.dilation_w), groups=fields.groups).float()
            z = total.permute(0, 2, 3, 1) * self.operands["scale"] + self.operands["bias"]
            results[image] = z.clamp(min=0).round().clamp(self.least, self.most).to(self.y[i].dtype)[0]
        return results


def differing(ours, theirs):
    """(how many values differ, by how many steps at most)."""
    steps = (ours.int() - theirs.int()).abs()
    return int((steps != 0).sum().item()), int(steps.max().item())


def why_wrong(tensors, side):
    """Why a side of ours does not compute the formula bit for bit, or None."""
    for i in sorted({0, side.sets - 1}):
        y = side.launch(i)
        for image, expected in tensors.expected(i).items():
            count, steps = differing(y[image], expected)
            if count:
                return (f"{count} of {expected.numel()} values of image {image} differ from the formula, "
                        f"by {steps} at most")
    return None


class Way:
    """One way of cuDNN as a side that can be timed."""

    def __init__(self, ways, number, tensors, stream):
        self.ways, self.number, self.tensors, self.stream = ways, number, tensors, stream
        self.name, self.sets = ways.names[number], len(tensors.x)
        self.workspace_bytes = ways.workspace_bytes[number]
        torch = tensors.torch
        self.workspace = torch.empty(max(self.workspace_bytes, 1), dtype=torch.uint8, device=tensors.x[0].device)

    def launch(self, i):
        t, y = self.tensors, self.tensors.output()
        self.ways.run(self.number, _Buffers(
            t.x[i].data_ptr(), t.w[i].data_ptr(), t.operands["scale"].data_ptr(), t.operands["bias"].data_ptr(),
            y.data_ptr(), self.workspace.data_ptr(), self.workspace_bytes), self.stream.cuda_stream)
        return y


def try_way(torch, stream, way, ours):
    """Microseconds of a cold launch and how many outputs differ from ours. Raises api.Error if it is no candidate."""
    total = worst = 0
    with torch.cuda.stream(stream):
        for i in sorted({0, way.sets - 1}):
            count, steps = differing(ours.launch(i), way.launch(i))
            total, worst = total + count, max(worst, steps)
        outputs = ours.tensors.y[0].numel() * len({0, way.sets - 1})
    if worst > 1 or total > MAX_DIFFERING * outputs:
        raise api.Error(api.WRONG_RESULT, f"{total} of {outputs} outputs differ from ours, by {worst} at most")
    timed = Timed(torch, stream, way, range(way.sets), keep=True)
    return statistics.median(timed.run() for _ in range(CHOOSING_RUNS)), total, worst


def choose(torch, stream, ways, ours):
    """The fastest way that runs, can be captured and agrees with `ours`, and what the record says about all of them."""
    tried, best = [], None
    for number, name in enumerate(ways.names):
        try:
            way = Way(ways, number, ours.tensors, stream)
            us, count, steps = try_way(torch, stream, way, ours)
        except (api.Error, RuntimeError) as error:  # PyTorch's: out of memory, or a capture that failed
            tried.append({"name": name, "reason": str(error).splitlines()[0],
                          "status": getattr(error, "status", api.DEVICE)})
            continue
        tried.append({"name": name, "us": us})
        if best is None or us < best[0]:
            best = us, way, count, steps
    if best is None:
        wrong = next((t for t in tried if t["status"] == api.WRONG_RESULT), tried[0])
        status = min(wrong["status"], api.UNSUPPORTED)  # of ways that fail the row tells too, and the run goes on
        raise api.Error(status, f"none of cuDNN's {len(tried)} ways can be compared; {wrong['name']}: {wrong['reason']}")
    _, way, count, steps = best
    return way, {"peer_implementation": way.name, "peer_ways": tried, "peer_workspace_bytes": way.workspace_bytes,
                 "max_error": steps, "tolerance": 1, "differing": count}


class Peer:
    """The fastest of cuDNN's ways, once a side of ours is known to be right; `reason` if it has none."""

    def __init__(self, torch, where, fields, stream, library, engines):
        self.torch, self.stream, self.fields, self.library, self.engines = torch, stream, fields, library, engines
        self.tensors = Tensors(torch, where, fields, set_count(torch, where, fields))
        self.side, self.says = None, {}

    def check(self, side):
        """What the record says about cuDNN, and why `side` is wrong or None."""
        with self.torch.cuda.stream(self.stream):
            wrong = why_wrong(self.tensors, side)
        self.torch.cuda.synchronize()
        if wrong is None and not self.says:
            try:
                ways = Ways(self.library, self.fields, self.tensors.alpha, self.engines)
                self.side, self.says = choose(self.torch, self.stream, ways, side)
            except api.Error as error:
                if error.status not in (api.UNSUPPORTED, api.WRONG_RESULT):
                    raise
                self.says = {"reason": f"no ratio: {error}", "max_error": 0, "tolerance": 0}  # beside the formula
        return self.says, wrong
