"""A change of a document, merged with what others changed in the meantime, or refused.

A page makes its changes to the version that it knows. A change is refused if an object that it puts or removes was changed or removed
since.
All else merges: objects that only one side touched, the state (the last one wins), and the order (of the objects that the sender knows).
A change that was made already, because its answer was lost and it is sent again, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..errors import InputError, shown
from ..masks import Size
from ..server.errors import ConflictError
from .documents import MAX_OBJECTS, MAX_REMOVED, STATES, ImageDocument, ImageState, StudioObject, check_object


@dataclass(frozen=True)
class Change:
    """A change of a document.

    Attributes:
        put: New objects, and new values of objects that are there.
        remove: Uids of objects to remove.
        order: Uids of all objects in their new order, the first at the back; None where it did not change.
        state: New state of the image, or None.
    """

    put: tuple[StudioObject, ...] = ()
    remove: tuple[str, ...] = ()
    order: tuple[str, ...] | None = None
    state: ImageState | None = None


@dataclass(frozen=True)
class Changed:
    """What a change led to.

    Attributes:
        version: Version of the document now.
        document: The document, or None where nothing but this change happened since the version that it was made to.
    """

    version: int
    document: ImageDocument | None


class ChangedByOthersError(ConflictError):
    """An object of a change was changed or removed since the version that the change was made to.

    Attributes:
        document: The document as it is.
    """

    title = "Changed by others"

    def __init__(self, message: str, document: ImageDocument) -> None:
        super().__init__(message)
        self.document = document


def apply(document: ImageDocument, version: int, change: Change, size: Size) -> ImageDocument:
    """Return a document after a change; the document itself if nothing changes.

    Args:
        document: The document as it is.
        version: Version that the change was made to.
        change: The change.
        size: ``(height, width)`` of the image.

    Raises:
        InputError: A value of the change is not usable.
        ChangedByOthersError: Others changed what it changes.
    """
    _check(change, size)
    touched = {each.uid for each in change.put}.union(change.remove)
    if version > document.version:
        raise ChangedByOthersError(f"there is no version {version} of the image yet: it has version {document.version}", document)
    now = {each.uid: each for each in document.objects}
    put = [each for each in change.put if each.uid not in now or not each.is_same(now[each.uid])]
    remove = [uid for uid in change.remove if uid in now]
    for uid in [each.uid for each in put] + remove:
        if _changed_after(document, now.get(uid), uid, version):
            raise ChangedByOthersError(f"the object {shown(uid)} was changed or removed since version {version}", document)
    after = document.version + 1
    for each in put:
        now[each.uid] = replace(each.after(now.get(each.uid)), rev=after)
    for uid in remove:
        del now[uid]
    if len(now) > MAX_OBJECTS:
        raise InputError(f"an image has at most {MAX_OBJECTS} objects, got {len(now)}")
    objects = tuple(now.values()) if change.order is None else _ordered(now.values(), change.order)
    state = change.state or _state_after(document.state, bool(objects), touched=bool(touched))
    changed = replace(document, size=size, state=state, objects=objects)
    if not put and not remove and changed.objects == document.objects and state == document.state:
        return document
    return _remembering(replace(changed, version=after), remove)


def _check(change: Change, size: Size) -> None:
    for each in change.put:
        check_object(each, size)
    put = [each.uid for each in change.put]
    if len(set(put)) < len(put) or len(put) > MAX_OBJECTS:
        raise InputError(f"a change puts each of at most {MAX_OBJECTS} objects once")
    if both := set(put).intersection(change.remove):
        raise InputError(f"a change puts or removes an object, not both: {shown(min(both))}")
    if change.state is not None and change.state not in STATES:
        raise InputError(f"a state is one of {', '.join(STATES)}, got {shown(change.state)}")


def _changed_after(document: ImageDocument, now: StudioObject | None, uid: str, version: int) -> bool:
    """Return whether an object was changed or removed after a version. Of removals that are forgotten, nobody knows which they were."""
    if now is not None:
        return now.rev > version
    return document.removed.get(uid, 0) > version or (version > 0 and version < document.forgotten)


def _ordered(objects: Iterable[StudioObject], order: tuple[str, ...]) -> tuple[StudioObject, ...]:
    """Return objects in an order. One that the order does not name stays before the one that follows it, as far as the order names that."""
    places = {uid: place for place, uid in enumerate(order)}
    keyed: list[tuple[int, int, StudioObject]] = []
    next_place = len(places)
    for index, each in reversed(list(enumerate(objects))):
        next_place = places.get(each.uid, next_place)
        keyed.append((next_place, index if each.uid not in places else 1 << 40, each))
    return tuple(each for _, _, each in sorted(keyed, key=lambda item: item[:2]))


def _state_after(state: ImageState, has_objects: bool, *, touched: bool) -> ImageState:
    """Return the state of an image whose objects changed, where the change does not say it."""
    if not touched:
        return state
    if state in ("new", "suggested") and has_objects:
        return "started"
    return "new" if state == "started" and not has_objects else state


def _remembering(document: ImageDocument, removed: list[str]) -> ImageDocument:
    """Return a document that remembers which objects its last change removed, and forgets the oldest ones beyond the bound."""
    there = {each.uid for each in document.objects}
    known = {uid: version for uid, version in document.removed.items() if uid not in there}
    known |= dict.fromkeys(removed, document.version)
    oldest = sorted(known, key=lambda uid: known[uid])[: max(0, len(known) - MAX_REMOVED)]
    forgotten = max([document.forgotten, *(known[uid] for uid in oldest)])
    return replace(document, removed={uid: version for uid, version in known.items() if uid not in oldest}, forgotten=forgotten)
