"""Labels of an image, from the probabilities of an ImageNet network's classes.

The classes are narrow (118 breeds of dogs), so a photo of a cat is a little of five kinds of cat. Each class belongs
to broader ones, whose probability is the sum of their classes': "cat" is sure where no kind of cat is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from handlers.vision.backend import FoundLabel
from handlers.vision.networks import Network

SIDE = 224
"""The side of the square that the network sees, in pixels."""

_CROP = 0.875  # the part of the shorter side that was seen in training


@dataclass(frozen=True, slots=True)
class LabelClass:
    """A class of the network.

    Attributes:
        name: Its name for people.
        parents: What it is a kind of, the narrowest first.
    """

    name: str
    parents: tuple[str, ...]


class ImageLabeler:
    """Labels images.

    Args:
        network: Takes (n, 3, 224, 224), answers (n, classes) probabilities.
        classes: The classes in the order of its answer.
    """

    def __init__(self, network: Network, classes: Sequence[LabelClass]) -> None:
        self._network = network
        self._classes = classes

    def label(self, image: Image.Image) -> list[FoundLabel]:
        """Label an image.

        Args:
            image: In mode RGB.

        Returns:
            All labels, in no particular order.
        """
        # The middle, as in training, and the whole, for what is at the edges.
        views = np.stack([_normal(_middle(image)), _normal(image)])
        return labels_of(self._network(views).mean(axis=0), self._classes)


def labels_of(probabilities: npt.NDArray[np.floating], classes: Sequence[LabelClass]) -> list[FoundLabel]:
    """Make labels of the probabilities of the classes, adding them up for what the classes are kinds of."""
    found: dict[str, FoundLabel] = {}
    for probability, label_class in zip(probabilities.tolist(), classes, strict=True):
        lineage = (label_class.name, *label_class.parents)
        for depth, name in enumerate(lineage):
            before = found[name].confidence if name in found else 0.0
            found[name] = FoundLabel(name, min(1.0, before + probability), lineage[depth + 1 :])
    return list(found.values())


def read_classes(path: Path) -> list[LabelClass]:
    """Read classes from a file with one a line: the name and the parents, separated by tabs; `#` starts a comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [LabelClass(name, tuple(parents)) for name, *parents in rows]


def _middle(image: Image.Image) -> Image.Image:
    side = min(image.size) * _CROP
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))


def _normal(image: Image.Image) -> npt.NDArray[np.float32]:
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
    return ((pixels - np.float32(127)) / np.float32(128)).transpose(2, 0, 1)
