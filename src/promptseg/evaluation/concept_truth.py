"""Concepts of a dataset: what its objects show, in which images, and which of them serve as examples for others.

The concept of an object is its class. Frames of one sequence are different: an object has one number in all of them, and the same number
in another sequence is another object. Their concept is the sequence, with the class if there is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..datasets.core import AnnotatedImage, AnnotatedObject, Dataset, Finding
from ..masks import Masks
from .ignored import counted
from .simulation import generator


def concept_of(image: AnnotatedImage, label: str | None) -> str:
    """Return the concept of a label in an image; empty for an object without a class."""
    if image.group == image.name:
        return label or ""
    return image.group if label is None else f"{image.group} {label}"


def by_concept(image: AnnotatedImage) -> dict[str, list[AnnotatedObject]]:
    """Return the objects of an image by their concept."""
    found: dict[str, list[AnnotatedObject]] = defaultdict(list)
    for true in image.objects:
        found[concept_of(image, true.label)].append(true)
    return dict(found)


def joined_objects(image: AnnotatedImage) -> dict[str, AnnotatedObject]:
    """Return the union of the objects of each concept in an image, as one object. Its name is of no object of a dataset."""
    joined = {}
    for concept, objects in by_concept(image).items():
        union = Masks([true.mask for true in objects], image.size).union()
        joined[concept] = AnnotatedObject(f"{image.name}#all:{concept}", replace(union, label=objects[0].label))
    return joined


@dataclass
class Concepts:
    """Concepts of a dataset, with what is asked of each image and the examples for it.

    Attributes:
        dataset: The dataset. Its annotations are read once to list the concepts, and an image again when it gives an example.
        seed: Seed of the choice of examples and of images without a concept.
        present: Names of the images that show each concept, by concept.
        absent: Names of images that do not show it: as many as show it, if there are so many.
    """

    dataset: Dataset
    seed: int
    present: dict[str, list[str]] = field(init=False)
    absent: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.present, images, unsure = defaultdict(list), [], defaultdict(set)
        for read in self.dataset.usable([]):
            image = counted(read, [])
            images.append(image.name)
            for concept in by_concept(image):
                self.present[concept].append(image.name)
            for region in image.ignored:  # A crowd of people shows people, and a void region may show anything.
                unsure[image.name].add(None if region.label is None else concept_of(image, region.label))
        self.absent = {}
        for concept, having in self.present.items():
            excluded = {*having, *(name for name, regions in unsure.items() if regions & {None, concept})}
            rest = [name for name in images if name not in excluded]
            order = generator(self.seed, f"absent {concept}").permutation(len(rest))
            self.absent[concept] = sorted(rest[place] for place in order[: len(having)])
        self._entries = {entry.name: entry for entry in self.dataset.entries}
        self._asked: Mapping[str, list[str]] = _reversed(self.absent)

    def absent_from(self, name: str) -> Sequence[str]:
        """Return the concepts that are asked of an image although it does not show them."""
        return self._asked.get(name, [])

    def examples(self, name: str, concept: str, shots: int) -> list[tuple[AnnotatedImage, AnnotatedObject]]:
        """Return examples of a concept for an image, drawn from other images.

        Each is of another image, as far as there are so many. The draw depends only on the seed, the image and the concept.

        Args:
            name: Name of the image.
            concept: The concept.
            shots: Number of examples.

        Returns:
            At most `shots` objects with their images; fewer if other images have no more.
        """
        random = generator(self.seed, f"example {name}#{concept}")
        others = [other for other in self.present.get(concept, []) if other != name]
        order = [others[place] for place in random.permutation(len(others)).tolist()]
        drawn: list[tuple[AnnotatedImage, list[AnnotatedObject]]] = []
        for other in order[:shots]:
            image = counted(self._entries[other].read(), [])
            objects = by_concept(image)[concept]
            drawn.append((image, [objects[place] for place in random.permutation(len(objects)).tolist()]))
        deepest = max((len(objects) for _, objects in drawn), default=0)
        return [(image, objects[depth]) for depth in range(deepest) for image, objects in drawn if depth < len(objects)][:shots]

    def own_examples(self, image: AnnotatedImage, concept: str, shots: int) -> list[AnnotatedObject]:
        """Return `shots` objects of a concept in an image, drawn by the seed; none unless the image has more to find."""
        objects = by_concept(image).get(concept, [])
        if len(objects) <= shots:
            return []
        return [objects[place] for place in generator(self.seed, f"example {image.name}#{concept}").permutation(len(objects))[:shots]]


def too_few(name: str, concept: str, *, same: bool) -> Finding:
    """Return the finding about a concept that cannot be asked of an image for lack of examples."""
    what = f"every {concept}" if concept else "every object"
    why = "the image has no more objects of it than examples are asked for" if same else "no other image shows one"
    return Finding(name, "skipped", f"{what} of the image is left out, because there is no example: {why}")


def _reversed(groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for concept, names in groups.items():
        for name in names:
            found[name].append(concept)
    return dict(found)
