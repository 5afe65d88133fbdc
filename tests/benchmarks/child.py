"""Do one piece of work as often as the standard input says, and print what it took as JSON.

The process that starts this one decides by PYTHONPATH which revision of autodiff is imported.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
from pathlib import Path

import autodiff
from tests.benchmarks.timing import clear_caches
from tests.benchmarks.works import WORKS, Place, Work
from tests.counting import counted_calls

__all__ = ["calls", "peak_bytes", "seconds"]


def seconds(work: Work) -> float:
    """Return the seconds of processor time that the work takes with empty caches.

    The time of other processes is not part of it, so a database server's is not either.
    """
    clear_caches()
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def calls(work: Work) -> int:
    """Return the number of calls of autodiff's own Python functions."""
    clear_caches()
    with counted_calls(f"{Path(autodiff.__file__).parent}/") as found:
        work()
    return found[0]


def peak_bytes(work: Work) -> int:
    """Return the most memory that Python objects of the work took at one time, in bytes."""
    clear_caches()
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MEASURES = {"seconds": seconds, "calls": calls, "peak_bytes": peak_bytes}


def main() -> None:
    """Prepare the work that the arguments name, then answer each line with a figure."""
    name, url, apart, folder, tables = sys.argv[1:]
    work = WORKS[name](Place(url=url, apart=apart, folder=Path(folder), tables=int(tables)))
    work()  # imports modules and compiles them
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(MEASURES[line.strip()](work)), flush=True)


if __name__ == "__main__":
    main()
