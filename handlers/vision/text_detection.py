"""Rectangles of text in an image, from a DB network's text probability of each pixel.

DB ("differentiable binarization") networks mark the core of each line of text, drawn in from its edges; so a region
of likely pixels becomes a rectangle, and the rectangle is grown back by what was drawn in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from handlers.vision.geometry import Floats, Rectangle, Runs, connected_runs, outline, smallest_rectangle
from handlers.vision.networks import Network

_CHANNEL_MEANS = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_CHANNEL_DEVIATIONS = np.array([0.229, 0.224, 0.225], dtype=np.float32)
_GRID = 32  # the network halves its input five times

_Region = tuple[npt.NDArray[np.integer], npt.NDArray[np.integer], npt.NDArray[np.integer]]
"""The rows, starts and ends of the runs of a region."""


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """Settings of the detection.

    Attributes:
        longest_side: The longest side that the network sees, in pixels: larger images are reduced to it.
        shortest_long_side: The longest side up to which smaller images are enlarged, in pixels.
        pixel_threshold: The probability from which a pixel counts as text.
        region_threshold: The mean probability from which a region counts as text.
        growth: What the rectangles are grown by: area times this, divided by the perimeter.
        smallest_side: Regions with a side shorter than this are noise, in pixels of the map.
        max_regions: How many regions are kept at most, the largest first.
    """

    longest_side: int = 1280
    shortest_long_side: int = 640
    pixel_threshold: float = 0.3
    region_threshold: float = 0.5
    growth: float = 1.5
    smallest_side: float = 3.0
    max_regions: int = 500


@dataclass(frozen=True, slots=True)
class Regions:
    """The pieces of text of an image, in no particular order.

    Attributes:
        rectangles: A rectangle around each.
        dropped: The number of likely regions beyond `max_regions`, which have no rectangle.
    """

    rectangles: list[Rectangle]
    dropped: int = 0


class TextDetector:
    """Detector of text in images.

    Args:
        network: Takes a batch of images as (1, 3, height, width), answers (1, 1, height, width) probabilities.
        settings: How its answer is read.
    """

    def __init__(self, network: Network, settings: DetectionSettings | None = None) -> None:
        self._network = network
        self._settings = settings or DetectionSettings()

    def find(self, image: Image.Image) -> Regions:
        """Find the pieces of text of an image.

        Args:
            image: In mode RGB.

        Returns:
            Their rectangles, in pixels of the image.
        """
        scale = self._scale(image)
        width, height = (max(1, round(side * scale)) for side in image.size)
        pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)
        padding = ((0, -height % _GRID), (0, -width % _GRID), (0, 0))
        # The network was trained on blue, green, red with the statistics of red, green, blue.
        normal = (
            np.pad(pixels, padding, mode="edge")[:, :, ::-1] / 255 - _CHANNEL_MEANS
        ) / _CHANNEL_DEVIATIONS
        text_map = self._network(np.ascontiguousarray(normal.transpose(2, 0, 1)[np.newaxis]))[0, 0]
        found = regions_of(text_map[:height, :width], self._settings)
        return replace(found, rectangles=[rectangle.scaled(1 / scale) for rectangle in found.rectangles])

    def _scale(self, image: Image.Image) -> float:
        longest = max(image.size)
        largest, smallest = self._settings.longest_side, self._settings.shortest_long_side
        return min(largest / longest, max(1.0, smallest / longest))


def regions_of(text_map: Floats, settings: DetectionSettings) -> Regions:
    """Make rectangles of a map of text probabilities.

    Args:
        text_map: The probability of each pixel, as (height, width).
        settings: The thresholds.

    Returns:
        The rectangles around the pieces of text, in pixels of the map.
    """
    runs = connected_runs(text_map > settings.pixel_threshold)
    found: list[Rectangle] = []
    regions, dropped = _likely_regions(text_map, runs, settings)
    for region in regions:
        rectangle = smallest_rectangle(outline(*region))
        if min(rectangle.width, rectangle.height) >= settings.smallest_side:
            area, perimeter = rectangle.width * rectangle.height, 2 * (rectangle.width + rectangle.height)
            found.append(rectangle.grown(area * settings.growth / perimeter))
    return Regions(found, dropped)


def _likely_regions(text_map: Floats, runs: Runs, settings: DetectionSettings) -> tuple[list[_Region], int]:
    """The regions that are large and likely enough, and how many more there are than `max_regions`."""
    lengths = runs.ends - runs.starts
    areas = np.bincount(runs.regions, weights=lengths, minlength=runs.region_count)
    width = text_map.shape[1]
    sums = np.concatenate([[0.0], np.cumsum(text_map, dtype=np.float64)])
    run_sums = sums[runs.rows * width + runs.ends] - sums[runs.rows * width + runs.starts]
    means = np.bincount(runs.regions, weights=run_sums, minlength=runs.region_count) / np.maximum(areas, 1)
    likely = (means >= settings.region_threshold) & (areas >= settings.smallest_side**2)
    found = np.flatnonzero(likely)
    largest = found[np.argsort(-areas[found], kind="stable")][: settings.max_regions]
    order = np.argsort(runs.regions, kind="stable")
    bounds = np.searchsorted(runs.regions[order], np.stack([largest, largest + 1]))
    members = [order[start:end] for start, end in bounds.T]
    regions = [(runs.rows[member], runs.starts[member], runs.ends[member]) for member in members]
    return regions, len(found) - len(largest)
