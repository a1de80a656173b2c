"""Decoding in worker processes, in order.

A worker is this module started as a program of its own, talked to through its pipes. Unlike
`multiprocessing` it never runs the user's script again and forks no threads, so it works from a
script without a main guard, from a notebook and from any thread; and it never imports torch.
A decoder that crashes takes a worker with it, not the training.
"""

import collections
import contextlib
import math
import os
import pickle
import queue
import subprocess
import sys
import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import IO, Any

import numpy as np

from ganvas.data.decode import Facts, Target, decode
from ganvas.data.entries import Entry

Decoded = tuple[list[Facts], np.ndarray]

_CHUNK_PICTURES = 128
_CHUNK_BYTES = 16 * 2**20
_FEW_PICTURES = 200
_FEW_BYTES = 64 * 2**20
"""Below both, starting processes takes longer than the work."""


def decode_all(
    entries: Sequence[Entry], target: Target, *, processes: int, first: int = 0
) -> Generator[Decoded, None, None]:
    """Decode chunk after chunk, in order, from entry `first`; close the iterator to stop."""
    few = (
        len(entries) - first < _FEW_PICTURES
        and sum(one.size_bytes for one in entries[first:]) < _FEW_BYTES
    )
    if processes <= 1 or few:
        for chunk in _chunks(entries, target, first):
            yield decode(chunk, target)
        return
    crew = _Crew(target)
    waiting: collections.deque[Future[Decoded]] = collections.deque()
    with ThreadPoolExecutor(processes) as threads:
        try:
            for chunk in _chunks(entries, target, first):
                waiting.append(threads.submit(crew.decode, chunk))
                if len(waiting) > 2 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            crew.stop()


def _chunks(entries: Sequence[Entry], target: Target, first: int) -> Iterator[Sequence[Entry]]:
    """Cut into runs small enough for memory, for a smooth progress and for little lost work."""
    most = max(1, min(_CHUNK_PICTURES, _CHUNK_BYTES // math.prod(target.shape)))
    start, size = first, 0
    for k in range(first, len(entries)):
        size_bytes = entries[k].size_bytes
        if k > start and (k - start == most or size + size_bytes > _CHUNK_BYTES):
            yield entries[start:k]
            start, size = k, 0
        size += size_bytes
    if start < len(entries):
        yield entries[start:]


class _WorkerDiedError(Exception):
    """A worker ended in the middle of its work: its decoder crashed, or memory ran out."""


class _Worker:
    """One process; serves one thread at a time."""

    def __init__(self, target: Target) -> None:
        self._process = subprocess.Popen(
            # -P: a file of the user's named like a module must not be taken for it.
            [sys.executable, "-P", "-m", "ganvas.data.workers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # Ctrl-C is for us; a worker ends when its pipes do.
        )
        try:
            self.ask(target)
        except _WorkerDiedError:
            self.stop()
            raise

    def ask(self, request: object) -> Any:
        """Send a request and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            answer = pickle.load(self._process.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise _WorkerDiedError("it ended without an answer") from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        """End the process; there is nothing in it to lose."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()


class _Crew:
    """Workers for several threads: started when needed, replaced when they die."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._all: list[_Worker] = []
        self._stopped = threading.Event()

    def decode(self, entries: Sequence[Entry]) -> Decoded:
        """Decode in an idle worker, or here where no process can be started."""
        try:
            worker = self._take()
        except (_WorkerDiedError, OSError) as error:
            warnings.warn(
                f"Pictures are read in one process, which takes longer: no other starts ({error})",
                stacklevel=1,
            )
            return decode(entries, self._target)
        try:
            decoded: Decoded = worker.ask(entries)
        except _WorkerDiedError:
            worker.stop()
            return self._decode_singly(entries)
        self._idle.put(worker)
        return decoded

    def stop(self) -> None:
        """End all workers, also those at work."""
        self._stopped.set()
        for worker in self._all:
            worker.stop()

    def _take(self) -> _Worker:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        worker = _Worker(self._target)
        self._all.append(worker)
        if self._stopped.is_set():
            worker.stop()
        return worker

    def _decode_singly(self, entries: Sequence[Entry]) -> Decoded:
        """Find the picture that kills workers and skip it alone."""
        if self._stopped.is_set():
            raise CancelledError
        if len(entries) == 1:
            fact = Facts(
                entries[0].name,
                entries[0].label,
                "damaged: its decoder crashed or ran out of memory",
            )
            return [fact], decode([], self._target)[1]
        parts = [self.decode([entry]) for entry in entries]
        return [fact for facts, _ in parts for fact in facts], np.concatenate(
            [rows for _, rows in parts]
        )


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """The worker's life: a target, then chunk after chunk until the pipe is closed."""
    target: Target = pickle.load(requests)
    answer: object = None
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            pickle.dump(answer, answers)
            answers.flush()
            entries = pickle.load(requests)
            try:
                answer = decode(entries, target)
            except Exception as error:  # A fault of ours: the parent raises it.
                answer = error


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
