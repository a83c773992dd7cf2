"""Reads a safetensors file."""

import json
import struct

import numpy as np

TYPES = {"F32": "<f4", "I8": "i1", "I64": "<i8"}


def read(data):
    """The tensors by their names."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, described in header.items():
        begin, end = (8 + length + offset for offset in described["data_offsets"])
        values = np.frombuffer(data[begin:end], TYPES[described["dtype"]])
        tensors[name] = values.reshape(described["shape"])
    return tensors
