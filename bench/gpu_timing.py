"""Times launches on a GPU as CUDA graphs, cold and warm, several sides in turns: the part of bench/cudnn.py that knows no library.

A side has `sets`, its number of sets of buffers, and `launch(i)`, which enqueues one launch on set i and returns its
output. Cold: the launches of a graph go round all sets, so many that the L2 cache holds none of a set when its turn
comes again. Warm: one set.
"""

import math
import statistics
import time

L2_TURNS = 3  # a rotation touches this many times the L2 cache: replacement is not strictly by age
MIN_SETS, MAX_SETS = 4, 512
MEMORY_SHARE = 0.4  # of the free memory, for all sets
WARM_GRAPH_US, MAX_WARM_LAUNCHES = 600, 256
MIN_ROUNDS = 7


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


def set_count(torch, device, fields):
    """How many sets of buffers a rotation takes."""
    properties = torch.cuda.get_device_properties(device)
    l2 = getattr(properties, "L2_cache_size", 64 << 20)
    one = fields.n * (fields.x_image_bytes + fields.y_image_bytes) + fields.w_bytes
    free = torch.cuda.mem_get_info(device)[0]
    # cuDNN's outputs lie beside ours; filling needs the floats of one x for a moment.
    room = int(MEMORY_SHARE * free / (one + fields.n * fields.y_image_bytes))
    return max(1, min(max(MIN_SETS, math.ceil(L2_TURNS * l2 / one)), MAX_SETS, room))


def time_sides(torch, stream, sides, seconds):
    """{name: (cold, cold spread, warm, warm spread, timed launches)}, sides in turns."""
    cold = {name: Timed(torch, stream, side, range(side.sets), keep=True) for name, side in sides.items()}
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
