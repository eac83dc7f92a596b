"""The backend that runs small networks in this process: PP-OCRv6 for text, EfficientNet-lite0 for labels.

Their files are put beside this one when the archive is built. Each is loaded when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from handlers.common.deadline import Deadline
from handlers.common.once import Once
from handlers.vision.backend import labels_response, text_response
from handlers.vision.images import Picture
from handlers.vision.labels import ImageLabeler, read_classes
from handlers.vision.models import LabelsResponse, TextResponse
from handlers.vision.networks import OnnxNetwork
from handlers.vision.text_detection import TextDetector
from handlers.vision.text_reading import TextReader
from handlers.vision.text_recognition import TextRecognizer

TEXT_MODEL = "PP-OCRv6 small"
LABELS_MODEL = "EfficientNet-lite0"

_HERE = Path(__file__).parent


class LocalVision:
    """Vision backend with networks in this process.

    Args:
        load_reader: Makes what reads text; called at most once.
        load_labeler: Makes what labels images; called at most once.
    """

    def __init__(
        self, load_reader: Callable[[], TextReader], load_labeler: Callable[[], ImageLabeler]
    ) -> None:
        self._reader = Once(load_reader)
        self._labeler = Once(load_labeler)

    @classmethod
    def from_weights(cls, weights: Path = _HERE / "weights") -> LocalVision:
        """The backend with the networks of the archive.

        Args:
            weights: The folder with their files.
        """
        return cls(lambda: _text_reader(weights), lambda: _image_labeler(weights))

    def read_text(self, picture: Picture, *, deadline: Deadline) -> TextResponse:
        """Read the text of an image; see `VisionBackend`."""
        page = self._reader().read(picture.pixels, deadline=deadline)
        return text_response(
            page.pieces, picture=picture, model=TEXT_MODEL, unread_regions=page.unread_regions
        )

    def find_labels(
        self, picture: Picture, *, max_labels: int, min_confidence: float, deadline: Deadline
    ) -> LabelsResponse:
        """Name the things in an image; see `VisionBackend`. It takes milliseconds, so it ignores the deadline."""
        del deadline
        return labels_response(
            self._labeler().label(picture.pixels),
            picture=picture,
            max_labels=max_labels,
            min_confidence=min_confidence,
            model=LABELS_MODEL,
        )


def _text_reader(weights: Path) -> TextReader:
    recognition = OnnxNetwork(weights / "text_recognition.onnx")
    # One character a line; Python's own splitlines would also split at characters of other alphabets.
    characters = [*recognition.metadata["character"].split("\n"), " "]
    return TextReader(
        TextDetector(OnnxNetwork(weights / "text_detection.onnx")), TextRecognizer(recognition, characters)
    )


def _image_labeler(weights: Path) -> ImageLabeler:
    return ImageLabeler(OnnxNetwork(weights / "labels.onnx"), read_classes(_HERE / "imagenet_classes.txt"))
