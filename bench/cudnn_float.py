"""The f32, tf32, f16 and bf16 half of bench/cudnn.py: PyTorch's convolution and random tensors for both sides."""

import math

import convoke_api as api
from gpu_timing import set_count

# Largest |ours - theirs| / (1 + |theirs|): sums are of order 1, both sides round their f32 sums once (tf32 rounds the
# inputs too, and cuDNN may take Winograd).
TOLERANCE = {"f32": 1e-3, "tf32": 5e-3, "f16": 5e-3, "bf16": 3e-2}


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
        # Of an epilogue, if the problem has one.
        bias = torch.empty(fields.k, dtype=torch.float32, device=device).uniform_(-1, 1)
        self.operands = {"scale": torch.ones_like(bias), "bias": bias}


class Cudnn:
    def __init__(self, torch, fields, tensors):
        self.tensors, self.sets = tensors, len(tensors.x)
        self.convolve = lambda x, w: torch.nn.functional.conv2d(
            x, w, stride=(fields.stride_h, fields.stride_w), padding=(fields.pad_h, fields.pad_w),
            dilation=(fields.dilation_h, fields.dilation_w), groups=fields.groups)

    def launch(self, i):
        return self.convolve(self.tensors.x[i], self.tensors.w[i])


def difference(ours, theirs):
    """Largest |a - b| / (1 + |b|); infinite if one is not a number."""
    a, b = ours.float(), theirs.float()
    worst = ((a - b).abs() / (1 + b.abs())).max().item()
    return worst if math.isfinite(worst) else math.inf


class Peer:
    """PyTorch's convolution, and whether a side of ours agrees with it."""

    def __init__(self, torch, where, fields, stream):
        torch.backends.cudnn.allow_tf32 = api.TYPES[fields.x_type] == "tf32"
        self.torch, self.stream, self.tolerance = torch, stream, TOLERANCE[api.TYPES[fields.x_type]]
        self.tensors = Tensors(torch, where, fields, set_count(torch, where, fields))
        self.side = Cudnn(torch, fields, self.tensors)

    def check(self, side):
        """What the record says about a side, from the first and the last set, and why it is wrong or None."""
        worst = 0.0
        with self.torch.cuda.stream(self.stream):
            for i in sorted({0, side.sets - 1}):
                theirs = self.side.launch(i)
                if side.plan.operand_names:  # relu(acc*scale[k]+bias[k]), the only epilogue that comes here
                    operands = self.tensors.operands
                    theirs = (theirs.float().permute(0, 2, 3, 1) * operands["scale"] + operands["bias"]).relu().permute(0, 3, 1, 2)
                worst = max(worst, difference(side.launch(i), theirs))
        self.torch.cuda.synchronize()
        wrong = None if worst <= self.tolerance else (
            f"differs from cuDNN by {worst:.3g} (relative to 1 + |y|), the tolerance is {self.tolerance}")
        return {"max_error": worst if math.isfinite(worst) else None, "tolerance": self.tolerance}, wrong
