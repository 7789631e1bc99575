"""Names of the classes of COCO, for models whose files do not name theirs."""

from __future__ import annotations

_BY_NUMBER = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, -, stop sign, parking meter,
bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, -, backpack, umbrella, -, -, handbag, tie, suitcase,
frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, -, wine
glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair,
couch, potted plant, bed, -, dining table, -, -, toilet, -, tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven,
toaster, sink, refrigerator, -, book, clock, vase, scissors, teddy bear, hair drier, toothbrush
"""

COCO_BY_NUMBER = dict(enumerate((" ".join(name.strip(" -\n").split()) for name in _BY_NUMBER.split(",")), 1))
"""Name of each category of COCO by its number, 1 to 90. Ten numbers have no category, and an empty name."""

COCO_CLASSES = tuple(name for name in COCO_BY_NUMBER.values() if name)
"""The 80 classes, as models count them that leave out the numbers without a category."""
