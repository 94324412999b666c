"""The loop and the folder of a training, on the smallest recipe there is: that of the example plugin."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from fieldglass.cli import main
from fieldglass.errors import DamagedError, DivergedError, FingerprintError, LockedError, PluginError, UsageError
from fieldglass.hooks import Offer
from fieldglass.models.weights import read
from fieldglass.registry import registry
from fieldglass.training import Plan, shuffled, train
from fieldglass.training.folder import RunFolder

EXAMPLE = Path(__file__).parents[1] / "fixtures" / "fieldglass_example"
SLOPE = "example/slope"


@pytest.fixture(autouse=True)
def example(monkeypatch):
    """The example plugin on the path, and a registry that sees it."""
    monkeypatch.syspath_prepend(EXAMPLE)
    registry.cache_clear()
    offers = registry()._offers["recipes"]
    offers["example/stuck"] = Offer("example/stuck", f"{__name__}:Stuck", "never gets better")
    offers["example/seedless"] = Offer("example/seedless", f"{__name__}:seedless", "takes no seed")
    registry()._owner.update({("recipes", name): "example" for name in offers if name.startswith("example/")})
    yield
    registry.cache_clear()


class Stuck:
    """Three batches an epoch, nothing to learn, and a fault where it is asked for."""

    name = fingerprint = summary = "example/stuck"
    weights = "stuck.pt"

    def __init__(self, *, epochs=2, patience=0, nan_at=-1, inf_at=-1, seed=0, device="cpu"):
        self.plan = Plan(epochs, batches=3, metric="R@1", patience=patience)
        self.nan_at, self.inf_at = nan_at, inf_at
        self.module = torch.nn.Linear(1, 1)

    def batches(self, epoch, start):
        yield from range(start, 3)

    def loss(self, batch, at):
        found = self.module(torch.ones(1, 1)).square().mean()
        if at.step == self.nan_at:
            found = found * torch.nan
        if at.step == self.inf_at:
            found = found + (self.module.weight.sum() - self.module.weight.sum().detach()).abs().sqrt()
        return {"loss": found}

    def optimiser(self):
        return torch.optim.SGD(self.module.parameters(), lr=1e-3)

    def schedule(self, optimiser):
        return None

    def validate(self):
        return {"R@1": 0.5}

    def save(self, path):
        torch.save({"state_dict": self.module.state_dict()}, path)


def seedless():
    """No recipe."""


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def stopped_after(steps: int):
    stop = threading.Event()
    return {"stop": stop, "progress": lambda progress: progress.at.step >= steps and stop.set()}


def test_the_error_falls_and_everything_is_in_the_folder(tmp_path):
    found = train(SLOPE, tmp_path / "run", {"epochs": 30})
    rows = log(tmp_path / "run")
    errors = [row["error"] for row in rows if "error" in row]
    assert len(errors) == 30 and errors[-1] < errors[0] / 4
    assert found.best == min(errors) and errors[found.best_epoch] == found.best
    assert [row["step"] for row in rows if "step" in row] == list(range(90))
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "run.json", "log.jsonl", "last.pt", "slope.pt", "writer.lock"
    }  # fmt: skip
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (facts["recipe"], facts["options"], facts["seed"]) == (SLOPE, {"epochs": 30}, 0)


def test_a_seed_gives_the_same_run_and_another_seed_another(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(SLOPE, tmp_path / name, seed=seed)
    first, again, other = (read(tmp_path / name / "slope.pt")["1.weight"] for name in "abc")
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_process_keeps_its_own_random_numbers_and_threads(tmp_path):
    torch.manual_seed(5)
    wanted, threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(5)
    train(SLOPE, tmp_path / "run", {"epochs": 1}, threads=1)
    assert torch.equal(torch.rand(3), wanted) and torch.get_num_threads() == threads


def test_lines_after_the_checkpoint_are_forgotten(tmp_path):
    train(SLOPE, tmp_path / "whole")
    train(SLOPE, tmp_path / "run", **stopped_after(4))
    with (tmp_path / "run" / "log.jsonl").open("a") as file:
        file.write('{"step": 4, "loss": 9}\n{"st')
    train(SLOPE, tmp_path / "run", resume=True)
    for one, other in zip(log(tmp_path / "whole"), log(tmp_path / "run"), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_a_finished_run_is_left_as_it_is(tmp_path):
    train(SLOPE, tmp_path / "run")
    before = (tmp_path / "run" / "log.jsonl").read_bytes()
    again = train(SLOPE, tmp_path / "run", resume=True)
    assert again.at.epoch == 4 and not again.stopped
    assert (tmp_path / "run" / "log.jsonl").read_bytes() == before


def test_a_run_without_patience_ends_early_with_it(tmp_path):
    found = train("example/stuck", tmp_path / "run", {"epochs": 9, "patience": 2})
    assert found.early and (found.at.epoch, found.best_epoch) == (3, 0)
    assert not train("example/stuck", tmp_path / "other", {"epochs": 4}).early


def test_a_loss_that_is_not_finite_ends_the_run_and_leaves_the_last_good_checkpoint(tmp_path):
    with pytest.raises(DivergedError, match="step 7 of epoch 2") as caught:
        train("example/stuck", tmp_path / "run", {"epochs": 5, "nan_at": 7})
    assert "last.pt" in caught.value.hint and "learning rate" in caught.value.hint
    kept = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert kept["progressed"]["at"]["step"] == 6
    assert all(torch.isfinite(value).all() for value in kept["module"].values())
    assert (tmp_path / "run" / "stuck.pt").is_file()


def test_a_gradient_that_is_not_finite_ends_the_run_before_the_step(tmp_path):
    with pytest.raises(DivergedError, match="gradient"):
        train("example/stuck", tmp_path / "run", {"epochs": 5, "inf_at": 4})
    kept = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert kept["progressed"]["at"]["step"] == 3


def test_epochs_can_be_added_where_no_schedule_counts_them(tmp_path):
    train("example/stuck", tmp_path / "run", {"epochs": 2})
    assert train("example/stuck", tmp_path / "run", {"epochs": 4}, resume=True).at.epoch == 4
    train(SLOPE, tmp_path / "slope", {"epochs": 2})
    with pytest.raises(UsageError, match="schedule"):
        train(SLOPE, tmp_path / "slope", {"epochs": 4}, resume=True)


@pytest.mark.parametrize(
    ("options", "more", "error", "said"),
    [
        ({}, {}, UsageError, "is there already"),
        ({"lr": 0.5}, {"resume": True}, UsageError, "lr=0.05"),
        ({}, {"resume": True, "seed": 3}, UsageError, "seed 0"),
    ],
)
def test_a_run_is_gone_on_with_as_it_was_begun(tmp_path, options, more, error, said):
    train(SLOPE, tmp_path / "run", {"epochs": 1})
    with pytest.raises(error, match=said):
        train(SLOPE, tmp_path / "run", options, **more)


def test_options_that_are_the_same_may_be_given_again(tmp_path):
    train(SLOPE, tmp_path / "run", {"epochs": "4"}, **stopped_after(2))
    assert train(SLOPE, tmp_path / "run", {"epochs": "4", "lr": "0.05"}, resume=True).at.epoch == 4


def test_what_is_no_run_or_not_whole_is_told(tmp_path):
    with pytest.raises(UsageError, match="not the folder of a training"):
        train(SLOPE, tmp_path, resume=True)
    train(SLOPE, tmp_path / "run", **stopped_after(2))
    kept = (tmp_path / "run" / "last.pt").read_bytes()
    (tmp_path / "run" / "last.pt").write_bytes(kept[: len(kept) // 2])
    with pytest.raises(DamagedError, match=r"last\.pt"):
        train(SLOPE, tmp_path / "run", resume=True)
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(DamagedError, match=r"run\.json"):
        train(SLOPE, tmp_path / "run", resume=True)


def test_other_data_are_refused(tmp_path):
    train(SLOPE, tmp_path / "run", **stopped_after(2))
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**facts, "fingerprint": "another"}))
    with pytest.raises(FingerprintError):
        train(SLOPE, tmp_path / "run", resume=True)


def test_one_process_trains_in_a_folder(tmp_path):
    with RunFolder(tmp_path / "run").held(), pytest.raises(LockedError, match="train"):
        train(SLOPE, tmp_path / "run")


def test_a_recipe_without_seed_is_a_fault_of_its_plugin(tmp_path):
    with pytest.raises(PluginError, match="seed"):
        train("example/seedless", tmp_path / "run")


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"epochs": 1, "patience": 1}, {"epochs": 1, "clip": 0.0}, {"epochs": 1, "patience": -1}]
)
def test_a_plan_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError):
        Plan(**wrong)


@pytest.mark.parametrize(
    ("count", "size", "whole", "sizes"), [(10, 4, False, [4, 4, 2]), (10, 4, True, [4, 4]), (3, 4, True, [3])]
)
def test_shuffled_batches_hold_everything_once(count, size, whole, sizes):
    batches = list(shuffled(count, size, seed=1, epoch=2, whole=whole))
    assert [len(each) for each in batches] == sizes
    flat = [number for each in batches for number in each.tolist()]
    assert len(set(flat)) == len(flat) and ((whole and count > size) or sorted(flat) == list(range(count)))


def test_by_the_command_line(tmp_path):
    run = CliRunner().invoke
    done = run(main, ["train", SLOPE, "--set", "epochs=2", "--to", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "trained 2 epochs, 6 steps" in done.output and "slope.pt" in done.output and "20 points" in done.output
    again = run(main, ["train", SLOPE, "--to", str(tmp_path / "run"), "--resume", "--format", "json"])
    assert json.loads(again.stdout)["steps"] == 6
    taken = run(main, ["train", SLOPE, "--to", str(tmp_path / "run")])
    assert taken.exit_code == 2 and "--resume" in taken.output
    unknown = run(main, ["train", "example/slop", "--to", str(tmp_path / "x")])
    assert unknown.exit_code == 2 and SLOPE in unknown.output and not (tmp_path / "x").exists()
    assert SLOPE in run(main, ["list", "recipes"]).output
