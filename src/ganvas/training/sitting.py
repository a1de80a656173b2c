"""One sitting of a training: steps in, events out, everything worth keeping on disk."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ganvas.core import images, pixels
from ganvas.core.config import replace
from ganvas.core.device import Numerics
from ganvas.core.errors import DataError, DivergedError, HopelessError, RunError
from ganvas.core.files import write_text
from ganvas.data.store import Store
from ganvas.runs import checkpoint
from ganvas.runs.card import model_card
from ganvas.runs.checkpoint import Checkpoint
from ganvas.runs.folder import RunFolder, writing
from ganvas.runs.generator_file import save_generator
from ganvas.training import beforehand, guard
from ganvas.training.advice import better_command
from ganvas.training.config import TrainConfig
from ganvas.training.context import Context
from ganvas.training.decision import Decision
from ganvas.training.engine import Engine
from ganvas.training.evaluation import Evaluator
from ganvas.training.events import (
    Evaluated,
    Event,
    Finished,
    Noted,
    Snapshotted,
    Started,
    Stepped,
    Ticked,
)
from ganvas.training.loop import StepReport, sample, train_steps
from ganvas.training.plan import Plan
from ganvas.training.probe import Probe
from ganvas.training.recorder import Recorder, TensorBoard
from ganvas.training.state import TrainState
from ganvas.training.troubles import word

STALE = (
    "the last {} evaluations brought nothing better, so the training ends here and the best "
    "snapshot stays; a longer --minutes or --kimg goes on, --run.patience 0 never ends early"
)
SCORE = "metric/kid_vgg19"
"""What the best snapshot is best by; lower is better."""


class Sitting:
    """A run that is being trained; only the main of several processes touches the disk."""

    def __init__(
        self,
        run: RunFolder,
        config: TrainConfig,
        plan: Plan,
        store: Store,
        engine: Engine,
        state: TrainState,
        evaluator: Evaluator | None,
    ) -> None:
        self.run = run
        self.config = config
        self.plan = plan
        self.store = store
        self.engine = engine
        self.state = state
        self._evaluator = evaluator
        self._best: dict[str, Any] | None = None
        self._recorder = Recorder()
        self._board = TensorBoard(run.path) if engine.is_main else None
        self._tick_seconds = 0.0
        self._tick_nimg = 0

    def restore(self, saved: Checkpoint) -> None:
        """Become what a checkpoint holds; what was logged after it is cut."""
        files = {name: saved.tensors(name) for name in ("state", "optimizer")}
        self.state.load(files, saved.meta)
        self._best = saved.meta.get("best")
        if self.engine.is_main:
            self.run.cut_after(saved.nimg)

    def events(self, should_stop: Callable[[], bool], *, continued: bool) -> Iterator[Event]:
        """Train to the planned end, or until asked to stop."""
        state, plan = self.state, self.plan
        self._tick_seconds, self._tick_nimg = state.seconds, state.nimg
        yield Started(self.run.path, state.nimg, plan.total_nimg, continued, plan.images_per_second)
        if state.nimg == 0:
            yield from self._begin()
        interrupted = False
        try:
            for report in train_steps(
                self.config, self.store, state=state, plan=plan, engine=self.engine
            ):
                # What the guard decided is done before anything is said: the reader may leave.
                said = self._carry_out(report.decision)
                yield Stepped(state.nimg, self.plan.total_nimg)
                yield from said
                yield from self._after(report)
                stopping = self.engine.any(should_stop())
                if stopping and not self._is_due(self.plan.snapshot_nimg):
                    yield from self._keep(self._save)
                if stopping or state.nimg >= self.plan.total_nimg:
                    interrupted = state.nimg < self.plan.total_nimg
                    break
        except GeneratorExit:
            # Closed by the reader: every yield stands between two whole steps, so saving is safe.
            if self.engine.is_main:
                self._save()
            raise
        finally:
            if self._board is not None:
                self._board.close()
        total = self.plan.total_nimg
        yield Finished(self.run.path, state.nimg, total, interrupted, already=False)

    def note(self, sentence: str) -> Noted:
        """Write one human sentence into events.jsonl."""
        return self._log({"nimg": self.state.nimg, "kind": "note", "sentence": sentence})

    def _log(self, line: dict[str, Any]) -> Noted:
        if self.engine.is_main:
            # On a full disk the reader of the event still hears it.
            with contextlib.suppress(RunError):
                self.run.append_events(line)
        return Noted(line["nimg"], line["sentence"], line["kind"])

    def _begin(self) -> Iterator[Event]:
        """Look at the pictures first; then keep the start, to which a rollback may return."""
        if self.config.guard != "off":
            numerics = Numerics(self.engine.device, self.plan.precision)
            probe = Probe(self.store, Context(self.config, self.plan, self.engine, numerics))
            if fault := beforehand.data_fault(probe, self.state.nimg):
                yield self._log(fault.to_dict())
                if self.config.guard == "act":
                    raise DataError(fault.sentence)
        yield from self._hasten()
        yield from self._keep(self._first_pictures)
        if self.config.guard == "act":
            self.state.guard.healthy_nimg = 0
            yield from self._keep(self._save)

    def _hasten(self) -> Iterator[Event]:
        """Take the preset's rates where those asked for are too low; not for learned weights."""
        config, state = self.config, self.state
        learned = self.run.environment.get("init_from") is not None
        if config.guard == "act" and guard.watches(state, config) and not learned:
            decision = beforehand.hasten(state.guard, config, self.plan)
            yield from self._carry_out(decision)

    def _carry_out(self, decision: Decision | None) -> list[Event]:
        """Do what the guard decided, write it down, and return what to tell.

        Raises HopelessError or DivergedError where the training must end.
        """
        if decision is None:
            return []
        saved = self._healthy_checkpoint() if decision.kind == "rollback" else None
        if saved is not None:
            said = self._return_to(saved)
            # Told at the place where it goes on, so that it stands there when that is resumed.
            return [*said, self._log(decision.to_dict() | {"nimg": saved.nimg})]
        if decision.kind in ("rollback", "stop"):
            command = better_command(self.run.path, self.config)
            advice = "" if decision.trouble == "labels-flipped" else f" Start anew with: {command}"
            sentence = decision.sentence + advice
            self._log(decision.to_dict() | {"kind": "stop", "sentence": sentence})
            diverged = decision.trouble == "non-finite"
            raise (DivergedError if diverged else HopelessError)(sentence)
        return [self._log(decision.to_dict())]

    def _healthy_checkpoint(self) -> Checkpoint | None:
        nimg = self.state.guard.healthy_nimg
        self.engine.wait()
        # Where the disk was full at that snapshot, the one before it is there.
        return None if nimg is None else checkpoint.newest(self.run, up_to=nimg)

    def _return_to(self, saved: Checkpoint) -> list[Event]:
        """Go on from an earlier checkpoint, which from now on holds what the guard has decided."""
        files = {name: saved.tensors(name) for name in ("state", "optimizer")}
        self.engine.wait()
        self.state.roll_back(files, saved.meta)
        self._recorder = Recorder()
        self._tick_seconds, self._tick_nimg = self.state.seconds, self.state.nimg

        def write() -> list[Event]:
            self.run.cut_measurements_after(saved.nimg)
            return self._save()

        return list(self._keep(write))

    def _after(self, report: StepReport) -> Iterator[Event]:
        """Tick, snapshot and evaluate where these are due; numbers that are not finite end it."""
        if report.decision is not None and report.decision.kind == "rollback":
            return
        self._recorder.add(report.stats)
        snapshot = self._is_due(self.plan.snapshot_nimg)
        if not snapshot and not self._is_due(self.plan.tick_nimg):
            return
        means = self._recorder.flush()
        broken = next((name for name, value in means.items() if not math.isfinite(value)), None)
        broken = broken or (self._broken_weight() if snapshot else None)
        # One process may see it a step earlier than the others.
        if self.engine.any(broken is not None):
            name = self.engine.broadcast(broken) or "a number of another process"
            yield from self._carry_out(guard.not_finite(self.state, self.config, name))
            return
        yield from self._tick(means)
        if snapshot:
            yield from self._snapshot()

    def _is_due(self, every_nimg: int) -> bool:
        return self.state.nimg % every_nimg == 0 or self.state.nimg >= self.plan.total_nimg

    def _keep(self, action: Callable[[], list[Event]]) -> Iterator[Event]:
        """Run something that writes; a full disk is said and survived, until the very end."""
        if not self.engine.is_main:
            return
        try:
            yield from action()
        except (RunError, OSError) as error:
            if self.state.nimg >= self.plan.total_nimg:
                raise
            yield self.note(f"{error}; training goes on, and will try again at the next snapshot")

    def _tick(self, means: dict[str, float]) -> Iterator[Event]:
        state = self.state
        seconds = max(state.seconds - self._tick_seconds, 1e-9)
        speed = (state.nimg - self._tick_nimg) / seconds
        self._tick_seconds, self._tick_nimg = state.seconds, state.nimg
        eta = (self.plan.total_nimg - state.nimg) / speed if speed else math.inf

        standing = guard.standing(state) if guard.watches(state, self.config) else ""

        def write() -> list[Event]:
            line = {"nimg": state.nimg, "seconds": round(state.seconds, 3)} | means
            line["time/images_per_second"] = round(speed, 3)
            self.run.append_stats(line | ({"health": standing} if standing else {}))
            if self._board is not None:
                self._board.scalars(means | {"time/images_per_second": speed}, state.nimg)
            return []

        yield from self._keep(write)
        if self.engine.is_main:
            total = self.plan.total_nimg
            yield Ticked(state.nimg, total, state.seconds, eta, speed, means, word(standing))

    def _snapshot(self) -> Iterator[Event]:
        if self.config.guard == "act" and guard.may_return_here(self.state, self.config, self.plan):
            self.state.guard.healthy_nimg = self.state.nimg
        self.state.settle()
        yield from self._keep(self._draw_samples)
        snapshots_left = math.ceil(
            (self.plan.total_nimg - self.state.nimg) / self.plan.snapshot_nimg
        )
        if self._evaluator is not None and snapshots_left < self.plan.evaluations:
            yield from self._keep(self._evaluate)
        if self.engine.any(self._is_stale()):
            # The end moves here; a longer --minutes or --kimg moves it on again.
            self.plan = replace(self.plan, total_nimg=self.state.nimg)
            yield from self._keep(self._write_plan)
            yield self.note(STALE.format(self.config.run.patience))
        if self._best is not None and self.state.nimg >= self.plan.total_nimg:
            # Whoever extends the run starts to wait anew.
            self._best["last"] = self._best["evaluations"]
        yield from self._keep(self._save)

    def _write_plan(self) -> list[Event]:
        self.run.write_environment(self.run.environment | {"plan": self.plan.to_dict()})
        return []

    def _first_pictures(self) -> list[Event]:
        """What D will see, and what G makes before it has learned anything."""
        self.state.settle()
        num = min(self.config.run.sample_seeds, len(self.store))
        chosen = torch.linspace(0, len(self.store) - 1, num).long().numpy()
        pictures, _ = self.store.batch(chosen)
        images.write_png(self.run.path / "reals.png", images.grid(pictures))
        return self._draw_samples()

    def _draw_samples(self) -> list[Event]:
        made = sample(self.state.G_ema, range(self.config.run.sample_seeds))
        grid = images.grid(pixels.to_arrays(made))
        path = self.run.samples_path(self.state.nimg)
        images.write_png(path, grid)
        if self._board is not None:
            self._board.picture("samples", grid, self.state.nimg)
        return [Snapshotted(self.state.nimg, path)]

    def _evaluate(self) -> list[Event]:
        assert self._evaluator is not None
        scores = self._evaluator.score(self.state.G_ema, num=self.config.run.evaluate_images)
        self.run.append_metrics({"nimg": self.state.nimg} | scores)
        if self._board is not None:
            self._board.scalars(scores, self.state.nimg)
        is_best = self._best is None or scores[SCORE] < self._best["scores"][SCORE]
        evaluations = (self._best or {"evaluations": 0})["evaluations"] + 1
        if is_best:
            self._best = {"nimg": self.state.nimg, "scores": scores, "last": evaluations}
            self._save_generator()
        assert self._best is not None
        self._best["evaluations"] = evaluations
        return [Evaluated(self.state.nimg, scores, is_best)]

    def _is_stale(self) -> bool:
        """Whether so many evaluations brought nothing better that more will hardly do.

        Judged from twice `patience` evaluations on: a short run has fewer, and its best comes
        last, when the learning rates are low.
        """
        patience = self.config.run.patience
        over = self.state.nimg >= self.plan.total_nimg
        if self._best is None or not patience or over or self.config.guard != "act":
            return False
        evaluations: int = self._best["evaluations"]
        last: int = self._best["last"]
        return evaluations >= 2 * patience and evaluations - last >= patience

    def _save(self) -> list[Event]:
        checkpoint.save(
            self.run,
            self.state.nimg,
            self.state.tensors(),
            self.state.meta() | {"best": self._best},
            self.config.run.keep_checkpoints,
            also=[nimg] if (nimg := self.state.guard.healthy_nimg) is not None else [],
        )
        if self._best is None:
            self._save_generator()
        return []

    def _save_generator(self) -> None:
        """Write the averaged generator of now, and the card that speaks of it."""
        best = self._best or {"nimg": self.state.nimg, "scores": {}}
        header = {
            "model": self.config.model.to_dict(),
            "channels": self.store.channels,
            "resolution": self.store.resolution,
            "num_classes": self.store.num_classes,
            "class_names": list(self.store.class_names),
            "nimg": best["nimg"],
            "metrics": best["scores"],
        }
        save_generator(
            self.run.path / "generator.safetensors", self.state.G_ema.state_dict(), header
        )
        readme = self.run.path / "README.md"
        card = model_card(
            name=self.run.path.name,
            config=self.config.to_dict(),
            data=self.run.environment["data"],
            nimg=best["nimg"],
            seconds=self.state.seconds,
            metrics=best["scores"],
            samples=f"samples/{self.run.samples_path(self.state.nimg).name}",
            earlier=readme.read_text(encoding="utf-8", errors="replace") if readme.exists() else "",
        )
        with writing(self.run.path):
            write_text(readme, card)

    def _broken_weight(self) -> str | None:
        for prefix, network in (("G", self.state.G), ("D", self.state.D)):
            for name, tensor in network.state_dict().items():
                if not torch.isfinite(tensor).all():
                    return f"weight {prefix}.{name}"
        return None
