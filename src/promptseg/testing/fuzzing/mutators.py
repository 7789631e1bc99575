"""Mutations of good files that keep most of their structure, so that a reader gets far before it meets the damage.

Every function takes the content and a `random.Random`, and returns new content. Equal generators give equal content.
"""

from __future__ import annotations

import copy
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

NUMBERS: tuple[Any, ...] = (
    0,
    -0.0,
    -1,
    1,
    2,
    0.5,
    -0.5,
    127,
    255,
    256,
    65535,
    65536,
    2**31 - 1,
    2**31,
    -(2**31),
    2**32,
    2**53 + 1,
    2**63,
    2**64,
    10**30,
    10**400,
    1e8,
    -1e9,
    1e300,
    -1e300,
    5e-324,
    float("nan"),
    float("inf"),
    float("-inf"),
)
"""Numbers at which readers break: limits of types, values that are not finite, and values too large for a float."""

ESCAPE = "/tmp/promptseg-escaped"  # noqa: S108 - Nothing is written there unless a reader or writer is wrong.
"""A place outside of every folder, which some texts name. The runner looks whether it exists after each input."""

TEXTS: tuple[str, ...] = (
    "",
    " ",
    "\x00",
    "\n",
    "\ufeff",
    "\udce9",
    "\u202e",
    "é" * 300,
    "x" * 5000,
    "..",
    "../../x",
    f"{ESCAPE}/a.png",
    f"/{ESCAPE}/a.png",
    "C:\\x\\a.png",
    "\\\\server\\a.png",
    "~root/a.png",
    "CON",
    "a.png#1",
    "%s%n",
    "{0}",
    "<b>&amp;",
    "]]>",
    "'\"",
    "nan",
    "inf",
    "1e999",
    "0x10",
    "١٢",
    "null",
    "-1",
    "9" * 5000,
)
"""Texts at which readers break: paths that lead elsewhere, control characters, lone surrogates, and numbers that are none."""

_MARKS = ("\ufeff", "\x00", "\r", "\n", "\t", "'", '"', "{", "[", "&a *a", "!!", "\u2028")
_ROOT = "root"


def mutate_json(value: Any, random: Random) -> str:
    """Return the JSON text of a value after one to four changes of its structure, and rarely a change of the text.

    Args:
        value: The good value. It is not changed.
        random: Generator of the changes.
    """
    holder = {_ROOT: copy.deepcopy(value)}
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        _change_node(holder, random)
    text = json.dumps(holder.get(_ROOT))
    if random.random() < 0.03:
        depth = random.choice((50, 900, 100_000))
        text = text.replace(random.choice((*re.findall(r"\d+", text)[:50], "null")), "[" * depth + "]" * depth, 1)
    return mutate_text(text, random) if random.random() < 0.1 else text


def _change_node(holder: dict[str, Any], random: Random) -> None:
    """Change one node of a JSON value, found by a walk from the root that prefers deep nodes."""
    parent: Any = holder
    key: Any = _ROOT
    while isinstance(node := parent[key], (dict, list)) and node and random.random() < 0.85:
        parent, key = node, random.choice(list(node) if isinstance(node, dict) else range(len(node)))
    action = random.randrange(9)
    if action == 0:
        parent[key] = random.choice(NUMBERS)
    elif action == 1:
        parent[key] = random.choice(TEXTS)
    elif action == 2:
        parent[key] = random.choice((None, True, False, [], {}, [[]], [None], {"": None}))
    elif action == 3:
        parent[key] = random.choice(([node], {"a": node}, [node] * 3, str(node)[:50]))
    elif action == 4 and isinstance(node, (int, float)) and not isinstance(node, bool):
        far = (node * 1e9, node + 0.3, node / 7, str(node)) if abs(node) < 1e200 else ()
        parent[key] = random.choice((-node, node + 1, node - 1, *far))
    elif action == 5 and isinstance(node, str):
        parent[key] = _change_text(node, random)
    elif action == 6 and isinstance(parent, dict) and parent is not holder:
        parent[random.choice((f"{key} ", str(key).upper(), ""))] = parent.pop(key)
    elif action == 7 and parent is not holder:
        del parent[key]
    elif action == 8 and isinstance(parent, list):
        parent.insert(random.randrange(len(parent) + 1), copy.deepcopy(random.choice(parent)))
    else:
        parent[key] = random.choice((*NUMBERS, *TEXTS))


def _change_text(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return random.choice((text[:at], text[at:], text[:at] + random.choice(TEXTS) + text[at:], text * 2, text.upper(), text.swapcase()))


def mutate_xml(text: str, random: Random) -> str:
    """Return XML after one to four changes of attributes, texts and elements, and rarely a change of the text.

    Args:
        text: The good XML.
        random: Generator of the changes.
    """
    root = ET.fromstring(text)  # noqa: S314 - The content is the caller's own.
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        elements = [(parent, child) for parent in root.iter() for child in parent]
        if not elements:
            break
        parent, child = random.choice(elements)
        action = random.randrange(6)
        if action <= 1 and child.attrib:
            name = random.choice(list(child.attrib))
            child.set(name, _xml_value(child.get(name, ""), random))
        elif action == 2:
            child.text = _xml_value(child.text or "", random)
        elif action == 3:
            parent.remove(child)
        elif action == 4:
            parent.append(copy.deepcopy(child))
        elif child.attrib:
            child.attrib.pop(random.choice(list(child.attrib)))
        else:
            child.tag = random.choice(("x", "image", "object", "mask"))
    changed = ET.tostring(root, "unicode")
    return mutate_text(changed, random) if random.random() < 0.1 else changed


def _xml_value(value: str, random: Random) -> str:
    new = random.choice((str(random.choice(NUMBERS[:-3])), random.choice(TEXTS), _change_text(value, random), mutate_text(value, random)))
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", new)


def mutate_text(text: str, random: Random) -> str:
    """Return a text after one to three changes of its tokens, lines or characters.

    Args:
        text: The good text.
        random: Generator of the changes.
    """
    for _ in range(random.choice((1, 1, 2, 3))):
        tokens = re.split(r"([\s,;:]+)", text)
        at = random.randrange(len(tokens))
        action = random.randrange(9)
        if action <= 2:
            tokens[at] = str(random.choice(NUMBERS[:20] + NUMBERS[-8:]))
        elif action == 3:
            tokens[at] = random.choice(TEXTS)
        elif action == 4:
            del tokens[at]
        elif action == 5:
            tokens.insert(at, random.choice(tokens))
        text = "".join(tokens)
        place = random.randrange(len(text) + 1)
        if action == 6:
            text = text[:place]
        elif action == 7:
            text = (
                text[:place]
                + random.choice(("\ufeff", "\x00", "\r", "\n", "\t", "'", '"', "{", "[", "&a *a", "!!", "\u2028"))
                + text[place:]
            )
        elif action == 8:
            text = text[:place] + text[place + random.randrange(1, 20) :]
    return text


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """Return bytes after one to four changes: flipped bits, huge length fields, cuts, repetitions.

    Args:
        data: The good bytes.
        random: Generator of the changes.
    """
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(changed) + 1)
        action = random.randrange(7)
        if action == 0 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif action == 1:
            changed[at : at + 4] = random.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x00"))
        elif action == 2:
            changed[at : at + 8] = struct.pack(random.choice(("<Q", ">Q")), random.choice((2**31, 2**40, 2**63, 2**64 - 1, 0)))
        elif action == 3:
            del changed[at:]
        elif action == 4:
            del changed[at : at + random.randrange(1, 64)]
        elif action == 5:
            changed[at:at] = changed[at : at + random.randrange(1, 256)]
        else:
            changed[at:at] = random.randbytes(random.randrange(1, 16))
    return bytes(changed)


def mutate_png(data: bytes, random: Random) -> bytes:
    """Return a PNG file with changes inside its chunks, whose checksums are right again, or changes of its bytes.

    Args:
        data: The good PNG file.
        random: Generator of the changes.
    """
    if random.random() < 0.3:
        return mutate_bytes(data, random)
    head, at, chunks = data[:8], 8, []
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    for _ in range(random.choice((1, 2))):
        number = random.randrange(len(chunks))
        kind, body = chunks[number]
        action = random.randrange(4)
        if action <= 1:
            chunks[number] = kind, mutate_bytes(body, random)
        elif action == 2:
            chunks.insert(number, chunks[random.randrange(len(chunks))])
        elif len(chunks) > 1:
            del chunks[number]
    return head + b"".join(len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big") for kind, body in chunks)


def mutate_zip(data: bytes, random: Random, members: Mapping[str, Callable[[bytes, Random], bytes]] | None = None) -> bytes:
    """Return a ZIP archive with one member changed, removed, renamed or repeated, or changes of its bytes.

    Args:
        data: The good archive.
        random: Generator of the changes.
        members: Mutators of members, by the end of their names. Other members are changed by `mutate_bytes`.
    """
    if random.random() < 0.2:
        return mutate_bytes(data, random)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        content = [(info.filename, archive.read(info)) for info in archive.infolist()]
        comment = archive.comment
    number = random.randrange(len(content))
    name, body = content[number]
    mutate = next((each for end, each in (members or {}).items() if name.endswith(end)), mutate_bytes)
    action = random.randrange(8)
    if action == 0:
        del content[number]
    elif action == 1:
        content[number] = random.choice(TEXTS[8:20]) or "x", body
    elif action == 2:
        content.append((f"{name}2", body))
    else:
        content[number] = name, mutate(body, random)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = comment
        for name, body in content:
            # A fixed date, so that equal generators give equal archives.
            archive.writestr(zipfile.ZipInfo(name.replace("\x00", "x").encode("utf-8", "replace").decode("utf-8")[:60000]), body)
    return file.getvalue()
