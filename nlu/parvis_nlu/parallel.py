"""Independent pieces of learning in several processes.

Each piece runs on one thread, and nothing depends on which process has it: the same data make the same model on any
number of cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config
from threadpoolctl import threadpool_limits

Piece = TypeVar("Piece")


def run_all(task: Callable[..., Piece], jobs: Sequence[tuple[Any, ...]], processes: int | None) -> list[Piece]:
    """``task`` of each job, in their order. ``processes``: at most so many; None: one a core."""
    return list(start_all(task, jobs, processes))


def start_all(task: Callable[..., Piece], jobs: Sequence[tuple[Any, ...]], processes: int | None) -> Iterator[Piece]:
    """The same, while this process goes on with something else. With one process, a job waits until it is asked for."""
    workers = min(processes or cpu_count(), len(jobs))
    if workers < 2:
        return _one_by_one(task, jobs)
    with parallel_config(backend="loky", inner_max_num_threads=1):
        pieces: Iterator[Piece] = Parallel(n_jobs=workers, return_as="generator")(delayed(task)(*job) for job in jobs)
    return pieces


def _one_by_one(task: Callable[..., Piece], jobs: Sequence[tuple[Any, ...]]) -> Iterator[Piece]:
    for job in jobs:
        with threadpool_limits(1, user_api="blas"):
            piece = task(*job)
        yield piece
