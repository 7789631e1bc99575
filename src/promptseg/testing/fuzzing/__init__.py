"""Fuzzing of readers: structure-aware mutations of good files, and a runner that survives crashes and hangs.

A reader must read a file or refuse it with an exception of promptseg. Everything else is a fault: another exception, a crash of the
interpreter, a hang, or memory out of proportion. `Target` says how an input is made and read, `mutators` change good content, and `fuzz`
runs any number of inputs. The same seed gives the same inputs, so each fault can be repeated by its number.
"""

from __future__ import annotations

from .mutators import mutate_bytes, mutate_json, mutate_png, mutate_text, mutate_xml, mutate_zip
from .runner import Fault, FuzzReport, Target, fuzz, run_one

__all__ = [
    "Fault",
    "FuzzReport",
    "Target",
    "fuzz",
    "mutate_bytes",
    "mutate_json",
    "mutate_png",
    "mutate_text",
    "mutate_xml",
    "mutate_zip",
    "run_one",
]
