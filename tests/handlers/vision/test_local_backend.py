"""The local backend loads each of its networks once, when it is needed, and answers in the contract's shape."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handlers.common.deadline import Deadline
from handlers.vision.geometry import Rectangle
from handlers.vision.images import Picture
from handlers.vision.labels import ImageLabeler, LabelClass
from handlers.vision.local_backend import LocalVision
from handlers.vision.networks import OnnxNetwork
from handlers.vision.text_detection import Regions
from handlers.vision.text_reading import TextReader
from handlers.vision.text_recognition import Reading

PICTURE = Picture(Image.new("RGB", (200, 100), "white"), 200, 100)


class FixedDetector:
    def find(self, image: Image.Image) -> Regions:
        assert image.mode == "RGB"
        return Regions([Rectangle(50, 70, 60, 10, 0), Rectangle(100, 20, 80, 10, 0)], dropped=2)


class CountingRecognizer:
    def __init__(self) -> None:
        self.read_lines = 0

    def read(self, line: Image.Image) -> Reading:
        assert line.mode == "RGB"
        self.read_lines += 1
        return Reading("wide" if line.width > 70 else "narrow", 0.912345)


class Loads:
    """Factory of the parts of a backend that counts its calls."""

    def __init__(self) -> None:
        self.readers = 0
        self.labelers = 0

    def reader(self) -> TextReader:
        self.readers += 1
        return TextReader(FixedDetector(), CountingRecognizer())

    def labeler(self) -> ImageLabeler:
        self.labelers += 1
        classes = [
            LabelClass("tabby cat", ("cat",)),
            LabelClass("tiger cat", ("cat",)),
            LabelClass("knot", ()),
        ]
        return ImageLabeler(lambda batch: np.array([[0.5, 0.3, 0.2]] * len(batch), dtype=np.float32), classes)


def test_text_comes_in_reading_order_and_in_shares_of_the_image() -> None:
    loads = Loads()
    answer = LocalVision(loads.reader, loads.labeler).read_text(PICTURE, deadline=Deadline.after(60))
    assert answer.model_dump() == {
        "text": "wide\nnarrow",
        "lines": [
            {
                "text": "wide",
                "confidence": 0.9123,
                "bounding_box": {"left": 0.3, "top": 0.15, "width": 0.4, "height": 0.1},
                "polygon": [
                    {"x": 0.3, "y": 0.15},
                    {"x": 0.7, "y": 0.15},
                    {"x": 0.7, "y": 0.25},
                    {"x": 0.3, "y": 0.25},
                ],
            },
            {
                "text": "narrow",
                "confidence": 0.9123,
                "bounding_box": {"left": 0.1, "top": 0.65, "width": 0.3, "height": 0.1},
                "polygon": [
                    {"x": 0.1, "y": 0.65},
                    {"x": 0.4, "y": 0.65},
                    {"x": 0.4, "y": 0.75},
                    {"x": 0.1, "y": 0.75},
                ],
            },
        ],
        "width": 200,
        "height": 100,
        "model": "PP-OCRv6 small",
        "complete": False,
        "unread_regions": 2,
    }
    assert loads.labelers == 0


def test_labels_come_surest_first_and_of_equals_the_narrower_first() -> None:
    loads = Loads()
    backend = LocalVision(loads.reader, loads.labeler)
    answer = backend.find_labels(PICTURE, max_labels=3, min_confidence=0.25, deadline=Deadline.after(60))
    assert [(label.name, label.confidence, label.parents) for label in answer.labels] == [
        ("cat", 0.8, []),
        ("tabby cat", 0.5, ["cat"]),
        ("tiger cat", 0.3, ["cat"]),
    ]
    assert (answer.width, answer.height, answer.model) == (200, 100, "EfficientNet-lite0")
    assert loads.readers == 0


def test_no_more_labels_than_asked_for() -> None:
    loads = Loads()
    backend = LocalVision(loads.reader, loads.labeler)
    answer = backend.find_labels(PICTURE, max_labels=1, min_confidence=0, deadline=Deadline.after(60))
    assert [label.name for label in answer.labels] == ["cat"]


def test_networks_are_loaded_once() -> None:
    loads = Loads()
    backend = LocalVision(loads.reader, loads.labeler)
    for _ in range(3):
        backend.read_text(PICTURE, deadline=Deadline.after(60))
        backend.find_labels(PICTURE, max_labels=3, min_confidence=0.25, deadline=Deadline.after(60))
    assert (loads.readers, loads.labelers) == (1, 1)


class FakeOnnxruntime(types.ModuleType):
    """As much of onnxruntime as a network uses; it is in the archive and not in the developers' environment."""

    def __init__(self) -> None:
        super().__init__("onnxruntime")
        self.sessions: list[tuple[str, Any, list[str]]] = []
        self.severity = 2
        runtime = self

        class SessionOptions:
            def __init__(self) -> None:
                self.entries: dict[str, str] = {}

            def add_session_config_entry(self, name: str, value: str) -> None:
                self.entries[name] = value

        class InferenceSession:
            def __init__(self, path: str, options: SessionOptions, *, providers: list[str]) -> None:
                runtime.sessions.append((path, options, providers))

            def get_inputs(self) -> list[types.SimpleNamespace]:
                return [types.SimpleNamespace(name="pixels")]

            def get_outputs(self) -> list[types.SimpleNamespace]:
                return [types.SimpleNamespace(name="first"), types.SimpleNamespace(name="second")]

            def get_modelmeta(self) -> types.SimpleNamespace:
                return types.SimpleNamespace(custom_metadata_map={"character": "a\nb"})

            def run(self, outputs: list[str], inputs: dict[str, Any]) -> list[Any]:
                assert (outputs, list(inputs)) == (["first"], ["pixels"])
                return [inputs["pixels"] * 2]

        self.SessionOptions = SessionOptions
        self.InferenceSession = InferenceSession

    def set_default_logger_severity(self, severity: int) -> None:
        self.severity = severity


@pytest.mark.parametrize(("processors", "threads"), [(None, 1), (1, 1), (2, 2), (64, 6)])
def test_a_network_runs_quietly_on_the_processors_that_lambda_has(
    processors: int | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = FakeOnnxruntime()
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    network = OnnxNetwork(Path("weights/labels.onnx"))
    assert network(np.full((1, 2), 3, dtype=np.float32)).tolist() == [[6, 6]]
    assert network.metadata == {"character": "a\nb"}
    ((path, options, providers),) = runtime.sessions
    assert (path, providers, runtime.severity) == ("weights/labels.onnx", ["CPUExecutionProvider"], 3)
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)
    assert (options.log_severity_level, options.enable_cpu_mem_arena) == (3, False)


def test_the_character_list_of_the_recognizer_is_split_at_newlines_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = FakeOnnxruntime()
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    monkeypatch.setattr(OnnxNetwork, "metadata", property(lambda network: {"character": "a\n\u2028\nb"}))
    steps = np.zeros((1, 1, 5), dtype=np.float32)
    steps[0, 0, 3] = 1

    def run(network: OnnxNetwork, batch: Any) -> Any:
        # The detector's map and the recognizer's steps: both networks are this one.
        return steps if batch.shape[2] == 48 else np.ones((1, 1, *batch.shape[2:]), dtype=np.float32)

    monkeypatch.setattr(OnnxNetwork, "__call__", run)
    answer = LocalVision.from_weights(Path("weights")).read_text(PICTURE, deadline=Deadline.after(60))
    assert answer.text == "b"
    assert [Path(path).name for path, _, _ in runtime.sessions] == [
        "text_recognition.onnx",
        "text_detection.onnx",
    ]
