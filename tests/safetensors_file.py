"""Safetensors files by struct and json alone, from the format's description: a second opinion."""

import json
import struct

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8}


class Tensor:
    """float32 values with a shape; `values` are Python floats that float32 holds exactly."""

    def __init__(self, shape, values, dtype="F32"):
        self.shape, self.dtype = list(shape), dtype
        if dtype == "F32":
            self.data = struct.pack("<%df" % len(values), *values)
        else:
            self.data = bytes(len(values) * SIZES[dtype])

    @property
    def values(self):
        if self.dtype == "F16":
            return list(struct.unpack("<%de" % (len(self.data) // 2), self.data))
        if self.dtype == "BF16":  # the upper halves of floats
            words = struct.unpack("<%dH" % (len(self.data) // 2), self.data)
            return [struct.unpack("<f", struct.pack("<HH", 0, word))[0] for word in words]
        return list(struct.unpack("<%df" % (len(self.data) // 4), self.data))


def write(path, tensors, metadata=None, alignment=8):
    header, offset = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, tensor in tensors.items():
        end = offset + len(tensor.data)
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % alignment)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.write(b"".join(tensor.data for tensor in tensors.values()))


def read(path, dtype="F32"):
    """Tensors by name in the header's order, and the metadata. Fails where the format is hurt."""
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    assert length % 8 == 0, "the data is not aligned to 8 bytes"
    header = json.loads(content[8 : 8 + length].decode("utf-8"))
    data = content[8 + length :]
    metadata = header.pop("__metadata__", {})
    tensors, offset = {}, 0
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        count = 1
        for size in entry["shape"]:
            count *= size
        assert begin == offset and end - begin == SIZES[dtype] * count, "%s: wrong offsets" % name
        assert entry["dtype"] == dtype, "%s: wrong dtype" % name
        tensors[name] = Tensor(entry["shape"], [0] * count, dtype)
        tensors[name].data = data[begin:end]
        offset = end
    assert offset == len(data), "bytes after the last tensor"
    return tensors, metadata
