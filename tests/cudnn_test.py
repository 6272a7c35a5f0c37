"""bench/convoke_api.py on the CPU target, and of bench/cudnn.py what needs no GPU.

Arguments: libconvoke.so, and libconvoke_cudnn_int8.so where it is built."""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import unittest

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench")
sys.path.insert(0, BENCH)
import convoke_api as api  # noqa: E402
import cudnn  # noqa: E402
import cudnn_int8  # noqa: E402

INT8_LIBRARY = sys.argv.pop(2) if len(sys.argv) > 2 else None
LIBRARY = sys.argv.pop() if len(sys.argv) > 1 else "libconvoke.so"


def run_cudnn(*arguments):
    return subprocess.run([sys.executable, os.path.join(BENCH, "cudnn.py"), "--library", LIBRARY, *arguments],
                          capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": BLOCKED.name})


# A machine without PyTorch, wherever this runs.
BLOCKED = tempfile.TemporaryDirectory()
with open(os.path.join(BLOCKED.name, "torch.py"), "w", encoding="utf-8") as stub:
    stub.write("raise ImportError('no PyTorch here')\n")


class Binding(unittest.TestCase):
    def setUp(self):
        self.library = api.Library(LIBRARY)

    def test_fields_agree_with_the_text(self):
        spec = self.library.parse("g2mb3ic4ih9iw7oc6kh3kw3sh2sw2ph1pw1dh1dw1nnet*5 dtype=f16 epilogue=relu(acc)")
        f = spec.fields
        self.assertEqual((f.n, f.c, f.h, f.w, f.k, f.r, f.s, f.groups), (3, 4, 9, 7, 6, 3, 3, 2))
        self.assertEqual((f.stride_h, f.dilation_w, f.pad_w), (2, 2, 1))
        self.assertEqual((api.TYPES[f.x_type], api.LAYOUTS[f.y_layout], api.PASSES[f.pass_]), ("f16", "nhwc", "fprop"))
        self.assertEqual((f.x_image_bytes, f.w_bytes), (4 * 9 * 7 * 2, 6 * 2 * 9 * 2))
        self.assertEqual(f.macs_image, 6 * f.p * f.q * 2 * 9)
        self.assertEqual((f.epilogue, f.name, f.count), (b"relu(acc)", b"net", 5))
        spec.override("batch=? layout=nchw")
        self.assertEqual((spec.fields.n, str(self.library.parse(str(spec)))), (api.OPEN_BATCH, str(spec)))

    def test_lists_and_refusals(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("mb1ic2ih4oc8kh1na # one\nmb1ic2ih4oc8kh3nb\n")
            file.flush()
            self.assertEqual([s.fields.name for s in self.library.read_list(file.name)], [b"a", b"b"])
        with self.assertRaises(api.Error) as caught:
            self.library.parse("mb1ic0ih4oc4kh3")
        self.assertEqual(caught.exception.status, api.USAGE)
        self.assertIn("ic", str(caught.exception))
        with self.assertRaises(api.Error) as caught:
            api.Library("/nonexistent/libconvoke.so")
        self.assertEqual(caught.exception.status, api.DEVICE)

    def test_a_plan_computes(self):
        device = self.library.open_device("cpu")
        self.assertEqual(device.name, "cpu")
        plan = device.plan(self.library.parse("mb1ic2ih4oc8oh4kh1"))
        info = plan.info()
        self.assertEqual((info.alignment, info.operand_count), (4, 0))
        self.assertTrue(plan.config.startswith("cpu:"))
        x, w, y = (ctypes.c_float * 32)(*[1] * 32), (ctypes.c_float * 16)(*[1] * 16), (ctypes.c_float * 128)()
        room = (ctypes.c_char * (info.workspace_bytes + 64))()
        workspace = (ctypes.addressof(room) + 63) // 64 * 64

        def span(array):
            return ctypes.addressof(array), ctypes.sizeof(array)

        plan.launch(span(x), span(w), span(y), (workspace, info.workspace_bytes))
        self.assertEqual(list(y), [2.0] * 128)
        with self.assertRaises(api.Error) as caught:
            plan.launch((None, 0), span(w), span(y), (workspace, info.workspace_bytes))
        self.assertIn("x is null", str(caught.exception))


    def test_operands_go_to_the_launch_by_name(self):
        device = self.library.open_device("cpu")
        plan = device.plan(self.library.parse(f"mb1ic2ih2oc2kh1 dtype=s8 epilogue={cudnn_int8.EPILOGUE}"))
        self.assertEqual(plan.operand_names, ["scale", "bias"])
        x, w, y = (ctypes.c_int8 * 8)(*range(8)), (ctypes.c_int8 * 4)(1, 0, 0, -1), (ctypes.c_int8 * 8)()
        operands = {"scale": (ctypes.c_float * 2)(2, 1), "bias": (ctypes.c_float * 2)(100, 5.5)}
        room = (ctypes.c_char * (plan.info().workspace_bytes + 64))()

        def span(array):
            return ctypes.addressof(array), ctypes.sizeof(array)

        plan.launch(span(x), span(w), span(y), ((ctypes.addressof(room) + 63) // 64 * 64, plan.info().workspace_bytes), None,
                    [span(operands[name]) for name in plan.operand_names])
        self.assertEqual(list(y), [100, 4, 104, 2, 108, 0, 112, 0])  # 4.5 and 2.5 to even, -1.5 is below zero


@unittest.skipUnless(INT8_LIBRARY, "libconvoke_cudnn_int8.so is not built: no cuDNN was found")
class Int8Library(unittest.TestCase):
    """Which number is which in the C structure: cuDNN's half refuses each by its name, without a GPU."""

    GOOD = dict(zip("n c h w k r s p q groups stride_h stride_w dilation_h dilation_w pad_h pad_w".split(),
                    [1, 8, 4, 4, 8, 1, 1, 4, 4, 2, 1, 1, 1, 1, 0, 0]), pad_h_high=0, pad_w_high=0, x_type=api.TYPES.index("s8"))

    def refusal(self, max_engines=0, **changed):
        fields = api.Fields(**{**self.GOOD, **changed})
        with self.assertRaises(api.Error) as caught:
            cudnn_int8.Ways(cudnn_int8.Library(INT8_LIBRARY), fields, 0.5, max_engines)
        return caught.exception

    def test_numbers_are_refused_by_name(self):
        for name in self.GOOD:
            if name in ("x_type", "pad_h_high", "pad_w_high"):
                continue
            error = self.refusal(**{name: -7})
            self.assertEqual(error.status, api.USAGE)
            self.assertTrue(str(error).startswith(f"{name} is -7, it must be "), error)
        self.assertIn("max_engines is -1", str(self.refusal(max_engines=-1)))
        self.assertIn("n is 2147483648", str(self.refusal(n=1 << 31)))
        self.assertIn("3 groups", str(self.refusal(groups=3)))

    def test_without_a_gpu_it_says_so(self):
        library = cudnn_int8.Library(INT8_LIBRARY)
        self.assertRegex(library.version(), r"^cuDNN \d+\.\d+\.\d+$")
        try:
            ways = cudnn_int8.Ways(library, api.Fields(**self.GOOD), 0.5, 0)
        except api.Error as error:
            self.assertEqual(error.status, api.DEVICE)
            self.assertIn("no device that works", str(error))
        else:
            self.assertTrue(ways.names)

    def test_a_library_that_is_none(self):
        with self.assertRaises(api.Error) as caught:
            cudnn_int8.Library(LIBRARY)
        self.assertEqual(caught.exception.status, api.DEVICE)
        self.assertIn("convoke_cudnn_int8", str(caught.exception))


class Comparison(unittest.TestCase):
    def why(self, text):
        return cudnn.why_not_comparable(api.Library(LIBRARY).parse(text).fields)

    def test_says_what_a_peer_cannot_compute(self):
        self.assertIsNone(self.why("mb8ic64ih56oc64kh3ph1 dtype=f16"))
        self.assertIsNone(self.why("mb8ic3ih224oc64oh112kh7sh2ph3 dtype=tf32"))
        self.assertIn("dgrad", self.why("mb8ic64ih56oc64kh3ph1 pass=dgrad"))
        self.assertIn("f16/f16/f32", self.why("mb8ic64ih56oc64kh3ph1 x=f16 w=f16 y=f32"))
        self.assertIn("layouts", self.why("mb8ic64ih56oc64kh3ph1 xlayout=nhwc ylayout=nchw"))
        self.assertIn("relu(acc)", self.why("mb8ic64ih56oc64kh3ph1 epilogue=relu(acc)"))
        self.assertIn("--batch", self.why("mb?ic64ih56oc64kh3ph1"))
        self.assertIn("two sides", self.why("mb8ic8ih8oc8oh8kh2ph0"))

    def test_8_bit_problems(self):
        problem = f"mb8ic64ih56oc64kh3ph1 epilogue={cudnn_int8.EPILOGUE}"
        self.assertIsNone(self.why(f"{problem} dtype=s8"))
        self.assertIsNone(self.why(f"{problem} dtype=u8"))
        self.assertIn("s8/s8/u8", self.why(f"{problem} x=s8 w=s8 y=u8"))
        self.assertIn("nchw", self.why(f"{problem} dtype=s8 layout=nchw"))
        self.assertIn("relu(acc)", self.why("mb8ic64ih56oc64kh3ph1 dtype=s8 epilogue=relu(acc)"))

        class Arguments:
            problems, descriptors, batch, dtype, layout = [], ["mb1ic3ih8oc4kh3", "mb1ic3ih8oc4kh3 epilogue=relu(acc)"], 2, "s8", None

        specs = cudnn.select_problems(api.Library(LIBRARY), Arguments)
        self.assertEqual([spec.fields.epilogue.decode() for spec in specs], [cudnn_int8.EPILOGUE, "relu(acc)"])

    def test_without_a_ratio_there_is_our_time_and_a_reason(self):
        class Device:
            name, description = "cuda:0", "a GPU, NVRTC 13.0"

        alone = {"problem": "b", "name": None, "count": 1, "status": "measured", "time_us": 10, "warm_us": 9, "config": "cuda:mma",
                 "fraction_of_limit": 0.5, "f16_us": 20, "f16_warm_us": 18, "f16_ratio": 2.0, "f16_warm_ratio": 2.0, "reason": "no ratio: C is 3"}
        both = {**alone, "peer_us": 40, "peer_warm_us": 9, "ratio": 4.0, "warm_ratio": 1.0, "peer_implementation": "engine 7", "reason": None}
        summary = cudnn.summarise([alone, both], {"device": "GPU", "driver": "580"}, Device, 1.0)
        self.assertEqual((summary["measured"], summary["geomean_ratio"], summary["time_us"]), (2, 4.0, 10))
        self.assertAlmostEqual(summary["geomean_f16_ratio"], 2.0)
        self.assertEqual(cudnn.outline(alone), "b: 10.0 us, our f16 20.0: 2.00; warm 9.0, 18.0: 2.00  cuda:mma (no ratio: C is 3)")
        self.assertEqual(cudnn.outline(both), "b: 10.0 us, cuDNN 40.0: 4.00, our f16 20.0: 2.00; warm 9.0, 9.0: 1.00, 18.0: 2.00  "
                         "cuda:mma | engine 7")

    def test_summary_weighs_by_count_and_keeps_the_study_apart(self):
        def record(name, count, ours, theirs, **more):
            return {"problem": name, "name": name, "count": count, "status": "measured", "time_us": ours, "peer_us": theirs,
                    "ratio": theirs / ours, "warm_ratio": 1.0, "fraction_of_limit": 0.5, **more}

        class Device:
            name, description = "cuda:0", "a GPU, NVRTC 13.0"

        records = [record("a", 3, 100, 200), record("b", 1, 100, 25), record("a", 3, 400, 200, row="study"),
                   {"problem": "c", "name": None, "count": 1, "status": "failed", "exit_code": 1}]
        summary = cudnn.summarise(records, {"device": "GPU", "driver": "580"}, Device, 1.0)
        self.assertAlmostEqual(summary["geomean_ratio"], 2 ** 0.25)
        self.assertAlmostEqual(summary["study_geomean_ratio"], 0.5)
        self.assertEqual((summary["least"], summary["least_ratio"], summary["failed"]), ("b", 0.25, 1))
        self.assertEqual((summary["time_us"], summary["peer_us"], summary["exit_code"]), (400, 625, 1))
        self.assertEqual((summary["device"], summary["compiler"]), ("a GPU", "NVRTC 13.0"))
        self.assertEqual(cudnn.worst_exit_code({0, 3, 4}), 4)
        json.dumps(summary)

    def test_command_line_without_pytorch(self):
        self.assertEqual(run_cudnn("--help").returncode, 0)
        missing = run_cudnn("mb1ic3ih8oc4kh3")
        self.assertEqual((missing.returncode, missing.stdout), (4, ""))
        self.assertIn("PyTorch is needed", missing.stderr)
        self.assertEqual(run_cudnn("mb1ic3").returncode, 2)
        self.assertIn("no problem given", run_cudnn().stderr)
        self.assertIn("/nonexistent", run_cudnn("--problems", "/nonexistent").stderr)


if __name__ == "__main__":
    unittest.main()
