"""Labels: probabilities of classes add up to those of broader ones; the list of classes is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from handlers.vision import labels
from handlers.vision.labels import ImageLabeler, LabelClass, labels_of, read_classes

CLASSES_FILE = Path(labels.__file__).with_name("imagenet_classes.txt")
CLASSES = (
    LabelClass("tabby cat", ("cat", "animal")),
    LabelClass("Siamese cat", ("cat", "animal")),
    LabelClass("goldfish", ("fish", "animal")),
    LabelClass("knot", ()),
)


def confidences(*probabilities: float) -> dict[str, float]:
    return {label.name: label.confidence for label in labels_of(np.array(probabilities), CLASSES)}


def test_broader_labels_are_as_likely_as_their_kinds_together() -> None:
    assert confidences(0.3, 0.4, 0.2, 0.1) == pytest.approx(
        {
            "tabby cat": 0.3,
            "Siamese cat": 0.4,
            "cat": 0.7,
            "goldfish": 0.2,
            "fish": 0.2,
            "animal": 0.9,
            "knot": 0.1,
        }
    )


def test_labels_know_what_they_are_kinds_of() -> None:
    parents = {label.name: label.parents for label in labels_of(np.array([0.25] * 4), CLASSES)}
    assert parents["tabby cat"] == ("cat", "animal")
    assert parents["cat"] == ("animal",)
    assert parents["animal"] == parents["knot"] == ()


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda weights: sum(weights) > 0))
def test_no_label_is_surer_than_what_it_is_a_kind_of(weights: list[float]) -> None:
    found = {label.name: label for label in labels_of(np.array(weights) / sum(weights), CLASSES)}
    for label in found.values():
        assert 0 <= label.confidence <= 1
        assert all(found[parent].confidence >= label.confidence for parent in label.parents)


def test_a_probability_for_every_class_is_needed() -> None:
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is longer"):
        labels_of(np.array([1.0]), CLASSES)


class FakeNetwork:
    """Answers with the mean of each view's red channel for the first class."""

    def __init__(self) -> None:
        self.batches: list[npt.NDArray[np.float32]] = []

    def __call__(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.batches.append(batch)
        red = (batch[:, 0].mean(axis=(1, 2)) + 1) / 2
        return np.stack([red, np.zeros_like(red), np.zeros_like(red), 1 - red], axis=1)


def test_the_middle_and_the_whole_count_alike() -> None:
    # Red in the middle, black at both sides: the middle is all red, of the whole the half.
    image = Image.new("RGB", (400, 200))
    image.paste((255, 0, 0), (100, 0, 300, 200))
    network = FakeNetwork()
    found = {label.name: label.confidence for label in ImageLabeler(network, CLASSES).label(image)}
    assert network.batches[0].shape == (2, 3, 224, 224)
    assert network.batches[0].dtype == np.float32
    assert found["tabby cat"] == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000)])
def test_any_shape_of_image_is_taken(size: tuple[int, int]) -> None:
    assert len(ImageLabeler(FakeNetwork(), CLASSES).label(Image.new("RGB", size))) == 7


def test_the_networks_classes_are_all_there_and_can_be_told_apart() -> None:
    classes = read_classes(CLASSES_FILE)
    names = [label_class.name for label_class in classes]
    parents = {parent for label_class in classes for parent in label_class.parents}
    assert len(classes) == len(set(names)) == 1000
    assert not parents & set(names)
    assert all(name == name.strip() and name for name in [*names, *parents])
    assert (names[0], names[281], names[999]) == ("tench", "tabby cat", "toilet paper")


def test_a_broader_class_is_always_the_same_kind_of_thing() -> None:
    lineages: dict[str, set[tuple[str, ...]]] = {}
    for label_class in read_classes(CLASSES_FILE):
        for depth, parent in enumerate(label_class.parents):
            lineages.setdefault(parent, set()).add(label_class.parents[depth + 1 :])
    assert {parent for parent, found in lineages.items() if len(found) > 1} == set()


def test_comments_and_empty_lines_of_the_list_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    file.write_text("# a comment\n\nnewt\tamphibian\tanimal\nknot\n", encoding="utf-8")
    assert read_classes(file) == [LabelClass("newt", ("amphibian", "animal")), LabelClass("knot", ())]
