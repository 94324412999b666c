"""Everything that the next step depends on, in one file: module, optimiser, schedule, torch's generators, position."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.errors import DamagedError, DivergedError
from fieldglass.training.plan import Position

__all__ = ["Progressed", "restore", "snapshot"]


@dataclass
class Progressed:
    """What the loop itself remembers: the position, the best value, and the sum of the losses of this epoch."""

    at: Position
    best: float | None = None
    best_epoch: int | None = None
    waited: int = 0
    total: float = 0.0
    values: dict[str, float] = field(default_factory=dict)
    done: bool = False
    early: bool = False
    logged: int = 0


def snapshot(path: Path, recipe: Any, optimiser: Any, schedule: Any, progressed: Progressed) -> None:
    """Write it. DivergedError, and no file, where a weight is not finite."""
    torch = require("torch")
    state = recipe.module.state_dict()
    wrong = [name for name, value in state.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if wrong:
        raise DivergedError(f"{wrong[0]} of {recipe.name!r} is NaN or infinite at step {progressed.at.step}.")
    torch.save(
        {
            "module": state,
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict() if schedule is not None else None,
            "generator": torch.get_rng_state(),
            "generators": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
            "progressed": asdict(progressed),
        },
        path,
    )


def restore(path: Path, recipe: Any, optimiser: Any, schedule: Any) -> Progressed:
    """Put a snapshot back. DamagedError where the file is not whole or of another recipe."""
    torch = require("torch")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        recipe.module.load_state_dict(found["module"])
        optimiser.load_state_dict(found["optimiser"])
        if schedule is not None:
            schedule.load_state_dict(found["schedule"])
        torch.set_rng_state(found["generator"])
        if found["generators"] and len(found["generators"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(found["generators"])
        progressed = Progressed(**found["progressed"])
        progressed.at = Position(**found["progressed"]["at"])
    except Exception as error:  # a damaged file may raise anything inside torch's reader
        raise DamagedError(
            f"{path} cannot be gone on from: {str(error).splitlines()[0] if str(error) else type(error).__name__}.",
            hint="Begin again in another folder.",
        ) from error
    return progressed
