"""One sitting of a training: steps in, events out, everything worth keeping on disk."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ganvas.core import images, pixels
from ganvas.core.errors import DivergedError, RunError
from ganvas.core.files import write_text
from ganvas.data.store import Store
from ganvas.runs import checkpoint
from ganvas.runs.card import model_card
from ganvas.runs.checkpoint import Checkpoint
from ganvas.runs.folder import RunFolder, writing
from ganvas.runs.generator_file import save_generator
from ganvas.training.config import TrainConfig
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
from ganvas.training.loop import sample, train_steps
from ganvas.training.plan import Plan
from ganvas.training.recorder import Recorder, TensorBoard
from ganvas.training.state import TrainState

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
            yield from self._keep(self._first_pictures)
        interrupted = False
        try:
            for report in train_steps(
                self.config, self.store, state=state, plan=plan, engine=self.engine
            ):
                self._recorder.add(report.stats)
                yield Stepped(state.nimg, plan.total_nimg)
                if self._is_due(plan.tick_nimg) or self._is_due(plan.snapshot_nimg):
                    yield from self._tick()
                stopping = self.engine.any(should_stop())
                if self._is_due(plan.snapshot_nimg):
                    yield from self._snapshot()
                elif stopping:
                    yield from self._keep(self._save)
                if stopping:
                    interrupted = state.nimg < plan.total_nimg
                    break
        except GeneratorExit:
            # Closed by the reader: every yield stands between two whole steps, so saving is safe.
            if self.engine.is_main:
                self._save()
            raise
        except DivergedError as error:
            yield self.note(str(error))
            raise
        finally:
            if self._board is not None:
                self._board.close()
        yield Finished(self.run.path, state.nimg, plan.total_nimg, interrupted, already=False)

    def note(self, sentence: str) -> Noted:
        """Write one human sentence into events.jsonl."""
        if self.engine.is_main:
            # On a full disk the reader of the event still hears it.
            with contextlib.suppress(RunError):
                self.run.append_events({"nimg": self.state.nimg, "sentence": sentence})
        return Noted(self.state.nimg, sentence)

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

    def _tick(self) -> Iterator[Event]:
        state = self.state
        means = self._recorder.flush(state.nimg)
        seconds = max(state.seconds - self._tick_seconds, 1e-9)
        speed = (state.nimg - self._tick_nimg) / seconds
        self._tick_seconds, self._tick_nimg = state.seconds, state.nimg
        eta = (self.plan.total_nimg - state.nimg) / speed if speed else math.inf

        def write() -> list[Event]:
            line = {"nimg": state.nimg, "seconds": round(state.seconds, 3)} | means
            self.run.append_stats(line | {"time/images_per_second": round(speed, 3)})
            if self._board is not None:
                self._board.scalars(means | {"time/images_per_second": speed}, state.nimg)
            return []

        yield from self._keep(write)
        if self.engine.is_main:
            yield Ticked(state.nimg, self.plan.total_nimg, state.seconds, eta, speed, means)

    def _snapshot(self) -> Iterator[Event]:
        self._refuse_broken_weights()
        self.state.settle()
        yield from self._keep(self._draw_samples)
        snapshots_left = math.ceil(
            (self.plan.total_nimg - self.state.nimg) / self.plan.snapshot_nimg
        )
        if self._evaluator is not None and snapshots_left < self.plan.evaluations:
            yield from self._keep(self._evaluate)
        yield from self._keep(self._save)

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
        if is_best:
            self._best = {"nimg": self.state.nimg, "scores": scores}
            self._save_generator()
        return [Evaluated(self.state.nimg, scores, is_best)]

    def _save(self) -> list[Event]:
        checkpoint.save(
            self.run,
            self.state.nimg,
            self.state.tensors(),
            self.state.meta() | {"plan": self.plan.to_dict(), "best": self._best},
            self.config.run.keep_checkpoints,
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
        card = model_card(
            name=self.run.path.name,
            config=self.config.to_dict(),
            data=self.run.environment["data"],
            nimg=best["nimg"],
            seconds=self.state.seconds,
            metrics=best["scores"],
            samples=f"samples/{self.run.samples_path(self.state.nimg).name}",
        )
        with writing(self.run.path):
            write_text(self.run.path / "README.md", card)

    def _refuse_broken_weights(self) -> None:
        for prefix, network in (("G", self.state.G), ("D", self.state.D)):
            for name, tensor in network.state_dict().items():
                if not torch.isfinite(tensor).all():
                    raise DivergedError(
                        self.state.nimg,
                        f"weight {prefix}.{name}",
                        "The training has diverged: start anew with lower learning rates.",
                    )
