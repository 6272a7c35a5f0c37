"""include/convoke/convoke.h through ctypes: what a Python program needs to plan and launch convolutions.

Handles free themselves; a call that fails raises convoke_api.Error with the library's sentence and its status, which
is also the exit status of the `convoke` command line. Python's standard library only.
"""

import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_void_p

WRONG_RESULT, USAGE, UNSUPPORTED, DEVICE, CACHE = 1, 2, 3, 4, 5
STATUS_NAMES = {WRONG_RESULT: "failed", UNSUPPORTED: "unsupported"}
TYPES = ("f32", "tf32", "f16", "bf16", "s8", "u8", "e4m3", "s32")
LAYOUTS = ("nhwc", "nchw")
PASSES = ("fprop", "dgrad", "wgrad")
OPEN_BATCH = -1


class Error(Exception):
    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


class Fields(ctypes.Structure):
    """convoke_spec_fields, number by number."""

    _fields_ = ([("pass_", c_int)] + [(name, c_int64) for name in (
        "n c h w k r s p q groups stride_h stride_w dilation_h dilation_w pad_h pad_w pad_h_high pad_w_high").split()] +
        [(name, c_int) for name in "x_type w_type y_type x_layout y_layout".split()] +
        [(name, c_int64) for name in "x_image_bytes w_bytes y_image_bytes".split()] +
        [("macs_image", c_double)] + [(name, c_char_p) for name in "epilogue sparsity".split()] +
        [("has_pattern", c_int)] + [(name, c_char_p) for name in "text name".split()] + [("count", c_int64)])


class PlanOptions(ctypes.Structure):
    _fields_ = [("config", c_char_p), ("workspace_limit", c_int64), ("weights", c_int)]


class PlanInfo(ctypes.Structure):
    _fields_ = [("config", c_char_p), ("workspace_bytes", c_int64), ("packed_weight_bytes", c_int64),
                ("pattern_bytes", c_int64), ("alignment", c_size_t), ("steps", c_void_p), ("step_count", c_size_t),
                ("operand_names", POINTER(c_char_p)), ("operand_count", c_size_t), ("from_cache", c_int)]


class Buffer(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("bytes", c_size_t)]


class LaunchArgs(ctypes.Structure):
    _fields_ = [("x", Buffer), ("w", Buffer), ("y", Buffer), ("operands", POINTER(Buffer)), ("operand_count", c_size_t),
                ("pattern", Buffer), ("workspace", Buffer), ("batch", c_int64), ("stream", c_void_p),
                ("x_zero", c_int32)]


# Name, result, parameters. A function that returns c_int returns a status.
_FUNCTIONS = (
    ("convoke_version", c_char_p, []),
    ("convoke_last_error", c_char_p, []),
    ("convoke_spec_parse", c_int, [c_char_p, POINTER(c_void_p)]),
    ("convoke_spec_read_list", c_int, [c_char_p, POINTER(c_void_p), c_size_t, POINTER(c_size_t)]),
    ("convoke_spec_override", c_int, [c_void_p, c_char_p]),
    ("convoke_spec_get", c_int, [c_void_p, POINTER(Fields)]),
    ("convoke_spec_destroy", None, [c_void_p]),
    ("convoke_device_open", c_int, [c_char_p, c_void_p, POINTER(c_void_p)]),
    ("convoke_device_name", c_char_p, [c_void_p]),
    ("convoke_device_description", c_char_p, [c_void_p]),
    ("convoke_device_limit_us", c_int, [c_void_p, c_void_p, POINTER(c_double)]),
    ("convoke_device_destroy", None, [c_void_p]),
    ("convoke_plan_create", c_int, [c_void_p, c_void_p, POINTER(PlanOptions), POINTER(c_void_p)]),
    ("convoke_plan_get", c_int, [c_void_p, c_int64, POINTER(PlanInfo)]),
    ("convoke_plan_prepack", c_int, [c_void_p, Buffer, Buffer, Buffer, c_void_p]),
    ("convoke_plan_launch", c_int, [c_void_p, POINTER(LaunchArgs)]),
    ("convoke_plan_destroy", None, [c_void_p]),
)


class Library:
    """libconvoke.so at `path`. Raises Error(DEVICE) if it does not load."""

    def __init__(self, path):
        try:
            self._c = ctypes.CDLL(os.path.abspath(path))
            for name, result, parameters in _FUNCTIONS:
                function = getattr(self._c, name)
                function.restype, function.argtypes = result, parameters
        except (OSError, AttributeError) as error:
            raise Error(DEVICE, f"cannot use {path}: {error}; build Convoke or name the library with --library") from error
        self.path = path

    def version(self):
        return self._c.convoke_version().decode()

    def call(self, name, *arguments):
        status = getattr(self._c, name)(*arguments)
        if status != 0:
            raise Error(status, self._c.convoke_last_error().decode(errors="replace"))

    def parse(self, text):
        handle = c_void_p()
        self.call("convoke_spec_parse", text.encode(), byref(handle))
        return Spec(self, handle)

    def read_list(self, path):
        count = c_size_t()
        self.call("convoke_spec_read_list", os.fsencode(path), None, 0, byref(count))
        handles = (c_void_p * count.value)()
        self.call("convoke_spec_read_list", os.fsencode(path), handles, count.value, byref(count))
        return [Spec(self, c_void_p(handle)) for handle in handles]

    def open_device(self, target):
        handle = c_void_p()
        self.call("convoke_device_open", target.encode(), None, byref(handle))
        return Device(self, handle)


class _Handle:
    def __init__(self, library, handle):
        self.library, self.handle = library, handle

    def __del__(self):
        getattr(self.library._c, self._destroy)(self.handle)  # pylint: disable=protected-access


class Spec(_Handle):
    _destroy = "convoke_spec_destroy"

    def override(self, words):
        self.library.call("convoke_spec_override", self.handle, words.encode())

    @property
    def fields(self):
        fields = Fields()
        self.library.call("convoke_spec_get", self.handle, byref(fields))
        fields.spec = self  # whose texts they are
        return fields

    def __str__(self):
        return self.fields.text.decode()


class Device(_Handle):
    _destroy = "convoke_device_destroy"

    @property
    def name(self):
        return self.library._c.convoke_device_name(self.handle).decode()  # pylint: disable=protected-access

    @property
    def description(self):
        return self.library._c.convoke_device_description(self.handle).decode()  # pylint: disable=protected-access

    def limit_us(self, spec):
        microseconds = c_double()
        self.library.call("convoke_device_limit_us", self.handle, spec.handle, byref(microseconds))
        return microseconds.value

    def plan(self, spec, config=""):
        options = PlanOptions(config.encode(), -1, 0)
        handle = c_void_p()
        self.library.call("convoke_plan_create", self.handle, spec.handle, byref(options), byref(handle))
        return Plan(self.library, handle)


class Plan(_Handle):
    _destroy = "convoke_plan_destroy"

    def info(self, batch=0):
        info = PlanInfo()
        self.library.call("convoke_plan_get", self.handle, batch, byref(info))
        return info

    @property
    def config(self):
        return self.info().config.decode()

    @property
    def operand_names(self):
        info = self.info()
        return [info.operand_names[i].decode() for i in range(info.operand_count)]

    def launch(self, x, w, y, workspace=(None, 0), stream=None, operands=()):
        """Each buffer is (address, bytes); operands in the order of operand_names."""
        spans = (Buffer * len(operands))(*(Buffer(*operand) for operand in operands))
        arguments = LaunchArgs(Buffer(*x), Buffer(*w), Buffer(*y), spans, len(operands), Buffer(None, 0), Buffer(*workspace), 0,
                               stream, 0)
        self.library.call("convoke_plan_launch", self.handle, byref(arguments))
