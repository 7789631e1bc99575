"""`Plan`: the best models of the catalog for a task within a budget, and why. `Pipeline.plan` makes one.

Nothing is loaded or fetched. Memory is what the catalog says. Times are those that ``promptseg bench`` measured on this machine, or else
those of the catalog, scaled by how fast mini-sam is here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import ConfigError, nearest, one_of, shown
from ..registry.builtin_backends import DEFAULT_MODEL
from ..registry.catalog import backend_for, backends, list_models
from ..registry.families import rankings
from ..registry.folders import needs_own_weights
from ..registry.loading import tracker_of
from ..registry.spec import Choice, Engine, ModelSpec
from ..speed.figures import figures_here
from .builder import Pipeline
from .config import PERMISSIVE

TASKS: Mapping[str, tuple[str, ...]] = {
    "segment": ("segment",),
    "text": ("detect", "segment"),
    "classes": ("detect", "segment"),
    "example": ("concept", "segment"),
    "video": ("segment",),
    "salient": ("detect",),
}
"""Stages of the pipeline for each task."""

_UNITS = {"mb": 1e6 / 2**20, "mib": 1.0, "gb": 1e9 / 2**20, "gib": 1024.0, "ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0}
_NO_MEMORY = "its memory is not known"
_AMOUNT = re.compile(rf"(\d+(?:\.\d+)?|\.\d+)\s*({'|'.join(_UNITS)})", re.IGNORECASE)


@dataclass(frozen=True)
class Budget:
    """What models may need.

    Attributes:
        memory: MiB that all models together may take, or None.
        seconds: Seconds that an image with one prompt may take, or None.
        licenses: SPDX identifiers that models may have; None for any.
        torch: Whether models may need torch.
        installed: Whether all packages must be installed.
    """

    memory: float | None = None
    seconds: float | None = None
    licenses: frozenset[str] | None = None
    torch: bool = True
    installed: bool = False

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Return the budget that a text such as ``"2 GB, 1 s, permissive"`` describes.

        Its parts are an amount of memory (MB, GB), a time (ms, s), ``permissive`` or SPDX identifiers of licenses, ``no torch`` and
        ``installed``, in any order, separated by commas.

        Raises:
            ConfigError: A part is none of these.
        """
        if not isinstance(text, str):
            raise ConfigError(f"a budget is text, such as '2 GB, 1 s, permissive', got {shown(text)}")
        values: dict[str, object] = {}
        licenses: set[str] = set()
        for part in filter(None, (part.strip() for part in text.split(","))):
            amount = _AMOUNT.fullmatch(part)
            if amount:
                name = "memory" if amount[2].lower().endswith("b") else "seconds"
                if not float(amount[1]):
                    raise ConfigError(f"a budget has an amount of {name} above 0, got {shown(part)}")
                if name in values:
                    raise ConfigError(f"a budget has one amount of {name}, got {shown(text)}")
                values[name] = float(amount[1]) * _UNITS[amount[2].lower()]
            elif part.lower() == "permissive":
                licenses |= PERMISSIVE
            elif part.lower().replace("-", " ") in ("no torch", "without torch"):
                values["torch"] = False
            elif part.lower() == "installed":
                values["installed"] = True
            elif spdx := _license(part):
                licenses.add(spdx)
            else:
                raise ConfigError(
                    f"{shown(part)} is not a part of a budget: expected memory (2 GB), a time (1 s), permissive or a license of the "
                    f"catalog ({', '.join(_licenses())}), no torch, or installed, separated by commas"
                )
        return cls(**values, licenses=frozenset(licenses) or None)  # type: ignore[arg-type]  # Each value has the type of its name.


@dataclass(frozen=True)
class Planned:
    """Model with an engine, and what is known of it.

    Attributes:
        stage: Stage of the pipeline: ``"detect"``, ``"segment"`` or ``"concept"``.
        model: The model.
        engine: The engine.
        seconds: Seconds for an image with one prompt, or None if unknown.
        measured: Whether `seconds` was measured on this machine.
    """

    stage: str
    model: ModelSpec
    engine: Engine
    seconds: float | None
    measured: bool

    def __str__(self) -> str:
        facts = [self.model.license]
        facts += [] if self.engine.memory is None else [f"{self.engine.memory:,} MiB"]
        if self.seconds is not None:
            facts.append(f"{self.seconds:.2f} s {'measured here' if self.measured else 'estimated'}")
        return f"{self.model.name}, engine {self.engine.name} ({', '.join(facts)})"


@dataclass(frozen=True)
class Plan:
    """Models for a task within a budget.

    Attributes:
        task: The task.
        budget: The budget.
        why: What the order of the models is by.
        stages: The chosen models, by stage.
        passed_over: Models that come before the chosen ones in the order, and why each was not taken.
    """

    task: str
    budget: Budget
    why: str
    stages: tuple[Planned, ...]
    passed_over: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def memory(self) -> int | None:
        """MiB of all models together, or None if it was not measured for one."""
        known = [stage.engine.memory for stage in self.stages if not _works_on_another(stage)]
        return None if None in known else sum(each for each in known if each is not None)

    @property
    def seconds(self) -> float | None:
        """Seconds for an image with one prompt, or None if unknown for a model."""
        known = [stage.seconds for stage in self.stages if not _works_on_another(stage)]
        return None if None in known else sum(each for each in known if each is not None)

    def pipeline(self) -> Pipeline:
        """Return the pipeline of these models, which ``.build()`` loads."""
        pipeline = Pipeline()
        for stage in self.stages:
            add = {"detect": pipeline.detect, "segment": pipeline.segment, "concept": pipeline.concept}[stage.stage]
            engine = None if stage.engine == stage.model.engines[0] else stage.engine.name
            pipeline = add(stage.model.name, **({} if engine is None else {"engine": engine}))
        return pipeline

    def __str__(self) -> str:
        lines = [f"{stage.stage:<8} {stage}" for stage in self.stages]
        lines.append(f"The order is by {self.why}.")
        lines += [f"  not {name}: {reason}" for name, reason in self.passed_over]
        unknown = [stage.model.name for stage in self.stages if stage.seconds is None and not _works_on_another(stage)]
        if unknown:
            lines.append(f"To know the speed here: promptseg bench {' '.join(unknown)}")
        return "\n".join(lines)


def plan(budget: str | Budget = "", task: str = "segment") -> Plan:
    """Return the best models for a task within a budget. `Pipeline.plan` documents it."""
    budget = budget if isinstance(budget, Budget) else Budget.parse(budget)
    if task not in TASKS:
        raise ConfigError(f"there is no task {shown(task)}: expected {one_of(tuple(TASKS))}.{nearest(task, TASKS)}")
    speeds, orders = _Speeds(), rankings()
    passed: dict[str, dict[str, str]] = {}
    first = TASKS[task][0]
    ranking = orders[task]
    segmenters = orders["segment"].order
    for one in _candidates(ranking.order, first, speeds):
        chosen: tuple[Planned, ...] = (one,)
        reason = _unfit(one, task) or _against(chosen, budget)
        if reason is None and len(TASKS[task]) > 1 and not _alone(one):
            found, reason = _with_segmenter(one, segmenters, budget, speeds)
            chosen = chosen if found is None else (one, found)
        if reason is None:
            over = tuple((name, _joined(reasons)) for name, reasons in passed.items() if name != one.model.name)
            return Plan(task, budget, ranking.why, chosen, over)
        passed.setdefault(one.model.name, {})[one.engine.name] = reason
    reasons = "".join(f"\n  {name}: {_joined(reasons)}" for name, reasons in passed.items())
    unmeasured = any(reason.endswith(_NO_MEMORY) for reasons in passed.values() for reason in reasons.values())
    hint = "\nWithout an amount of memory in the budget, models whose need is not known count, too." if unmeasured else ""
    raise ConfigError(f"no model of the catalog for task {task!r} fits this budget:{reasons}{hint}")


def _joined(reasons: Mapping[str, str]) -> str:
    """Return the reasons against the engines of a model as one text; each with its engine if they differ."""
    if len(set(reasons.values())) == 1:
        return next(iter(reasons.values()))
    return "; ".join(reason if f"engine {engine}" in reason else f"engine {engine}: {reason}" for engine, reason in reasons.items())


def _with_segmenter(first: Planned, names: Sequence[str], budget: Budget, speeds: _Speeds) -> tuple[Planned | None, str | None]:
    """Return the best segmenter that fits beside a model, or the reason against the last one."""
    reason = "there is no segmenter"
    for other in _candidates(names, "segment", speeds):
        against = _unfit(other, "segment") or _against((first, other), budget)
        if against is None:
            return other, None
        reason = f"with {other.model.name}, {against}"
    return None, reason


def _candidates(names: Sequence[str], stage: str, speeds: _Speeds) -> Iterator[Planned]:
    known = list_models()
    for name in names:
        if name in known:
            for engine in known[name].engines:
                yield Planned(stage, known[name], engine, *speeds.of(name, engine))


def _unfit(stage: Planned, task: str) -> str | None:
    """Return the reason against a model with this engine for a task, whatever the budget is; or None."""
    try:
        backend = backend_for(stage.model, stage.engine)
    except ConfigError:
        return "this version does not run it"
    if needs_own_weights(stage.engine, backend):
        return f"engine {stage.engine.name} needs weights of your own"
    if task == "video" and not _tracks(stage.model, stage.engine) and any(_tracks(stage.model, each) for each in stage.model.engines):
        return f"engine {stage.engine.name} is for images only"
    return None


def _tracks(model: ModelSpec, engine: Engine) -> bool:
    """Return whether an engine has a tracker of its own, and so the place of its model in the order for videos."""
    backend = backends().get(engine.backend)
    return backend is not None and tracker_of(Choice(model, engine, backend)).name != "propagate"


def _against(stages: Sequence[Planned], budget: Budget) -> str | None:
    """Return the reason against models together, or None."""
    for stage in stages:
        if budget.licenses is not None and not _works_on_another(stage) and stage.model.license not in budget.licenses:
            return f"its license is {stage.model.license}"
        backend = backend_for(stage.model, stage.engine)
        if not budget.torch and "torch" in backend.requires:
            return "it needs torch"
        if budget.installed and backend.missing():
            missing = backend.missing()
            return f"it needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
    counted = [stage for stage in stages if not _works_on_another(stage)]
    for what, limit, unit, values in (
        ("memory", budget.memory, "MiB", [stage.engine.memory for stage in counted]),
        ("speed", budget.seconds, "s", [stage.seconds for stage in counted]),
    ):
        if limit is None:
            continue
        unknown = [stage.model.name for stage, value in zip(counted, values, strict=True) if value is None]
        if unknown:
            return _NO_MEMORY if what == "memory" else f"its speed is not known: promptseg bench {unknown[0]} measures it"
        total = sum(value for value in values if value is not None)
        if total > limit:
            return f"it takes {_amount(total, unit)}, and the budget is {_amount(limit, unit)}"
    return None


def _amount(value: float, unit: str) -> str:
    return f"{value:,.0f} MiB" if unit == "MiB" else f"{value:.3g} s"


def _alone(stage: Planned) -> bool:
    """Return whether a concept segmenter makes masks without a segmenter."""
    return stage.stage == "concept" and not _works_on_another(stage)


def _works_on_another(stage: Planned) -> bool:
    """Return whether a model has no weights of its own, and works with a segmenter."""
    backend, engine = backends().get(stage.engine.backend), stage.engine
    return backend is not None and "segmenter" in backend.options and not (engine.files or engine.repository or engine.checkpoint)


def _licenses() -> list[str]:
    """Return the licenses of the catalog, by name."""
    return sorted({model.license for model in list_models().values()} - {"unknown"})


def _license(text: str) -> str | None:
    """Return the license of the catalog that a text names, whatever its case."""
    known = {model.license.casefold(): model.license for model in list_models().values()} | {each.casefold(): each for each in PERMISSIVE}
    return known.get(text.casefold())


class _Speeds:
    """Times of models: measured here, or estimated from the catalog and from the measured time of the default model."""

    def __init__(self) -> None:
        self._measured = figures_here()
        default = list_models()[DEFAULT_MODEL].engines[0]
        here = self._measured.get((DEFAULT_MODEL, default.name))
        self._ratio = here.image_seconds / default.seconds if here is not None and default.seconds else 1.0

    def of(self, name: str, engine: Engine) -> tuple[float | None, bool]:
        """Return the seconds for an image with one prompt, and whether they were measured here."""
        if (name, engine.name) in self._measured:
            return self._measured[name, engine.name].image_seconds, True
        return (None if engine.seconds is None else engine.seconds * self._ratio), False
