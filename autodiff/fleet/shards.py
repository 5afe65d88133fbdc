"""Parse a shard, or read it from the environment of an array of jobs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from autodiff.errors import ConfigError
from autodiff.fleet.targets import Shard
from autodiff.utils.counting import counted

__all__ = ["parse_shard", "shard_from_environment"]

_KUBERNETES = "JOB_COMPLETION_INDEX"
_SLURM = "SLURM_ARRAY_TASK_ID"
_AWS = "AWS_BATCH_JOB_ARRAY_INDEX"
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_SHARD = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)
_AUTO = re.compile(r"auto(?:/0*(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The place of a process in an array: `index` counts from 0; `count` is None if unknown."""

    system: str
    index: int
    count: int | None
    job: str | None = None


def parse_shard(text: str, environment: Mapping[str, str] | None = None) -> Shard:
    """Parse a shard such as "3/10", or "auto" for that of an array of jobs.

    "auto/10" names the number of shards, for a system that does not set it.

    Raises ConfigError for any other form, and for an environment without an array.
    """
    auto = _AUTO.fullmatch(text.strip())
    if auto and auto[1] != "0":
        variables = os.environ if environment is None else environment
        return shard_from_environment(variables, int(auto[1]) if auto[1] else None)
    match = _SHARD.fullmatch(text.strip())
    shard = Shard(number=int(match[1]), count=int(match[2])) if match else None
    if shard is None or not 1 <= shard.number <= shard.count:
        raise ConfigError(
            f"invalid shard {text!r}",
            hint="write N/M with N from 1 to M: 3/10 is the third of ten; or auto in an array of "
            "jobs",
        )
    return shard


def shard_from_environment(environment: Mapping[str, str], count: int | None = None) -> Shard:
    """Return the shard of a Kubernetes Indexed Job, a Slurm array or an AWS Batch array.

    Args:
        environment: The environment variables of the process.
        count: The number of shards; needed if the system does not set it, and otherwise checked.

    Raises ConfigError if the variables are missing, invalid, or those of several systems.
    """
    readers = {_KUBERNETES: _kubernetes, _SLURM: _slurm, _AWS: _aws_batch}
    found = [name for name in readers if name in environment]
    if not found:
        raise ConfigError(
            f"--shard auto found none of {', '.join(readers)} in the environment",
            hint="run it in a Kubernetes Indexed Job, a Slurm array or an AWS Batch array, or pass "
            "the shard: --shard 3/8",
        )
    if len(found) > 1:
        raise ConfigError(
            f"--shard auto found both {' and '.join(found)} in the environment",
            hint="pass the shard: --shard 3/8",
        )
    place = readers[found[0]](environment)
    return _shard(place, found[0], count)


def _shard(place: _Place, variable: str, expected: int | None) -> Shard:
    if place.count is not None and expected is not None and place.count != expected:
        raise ConfigError(
            f"the {place.system} has {counted(place.count, 'task')}, not {expected}",
            hint=f"pass --shard auto, or start the array with {counted(expected, 'task')}; to "
            "repeat a part of an array, pass the shard: --shard 3/8",
        )
    count = place.count if expected is None else expected
    if count is None:
        raise ConfigError(
            f"a {place.system} does not set the number of its pods",
            hint="pass the number of completions of the Job: --shard auto/8",
        )
    if place.index >= count:
        raise ConfigError(
            f"{variable} is {place.index}, but the last of {counted(count, 'shard')} is number "
            f"{count - 1}",
            hint=f"pass the number of tasks of the {place.system}: --shard auto/{place.index + 1} "
            "or more",
        )
    return Shard(number=place.index + 1, count=count, job=place.job)


def _kubernetes(environment: Mapping[str, str]) -> _Place:
    """Read the index; Kubernetes does not tell a pod the number of completions.

    https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
    """
    index = _number(environment, _KUBERNETES)
    return _Place(system="Kubernetes Job", index=index, count=None)


def _slurm(environment: Mapping[str, str]) -> _Place:
    """Read the task: its number among MIN, MIN + STEP and so on up to MAX.

    https://slurm.schedmd.com/job_array.html
    """
    task = _number(environment, _SLURM)
    count, first, last = (
        _number(environment, f"SLURM_ARRAY_TASK_{name}") for name in ("COUNT", "MIN", "MAX")
    )
    step = _number(environment, "SLURM_ARRAY_TASK_STEP", default=1) or 1
    index, rest = divmod(task - first, step)
    if rest or not first <= task <= last or (last - first) // step + 1 != count:
        raise ConfigError(
            f"the tasks of the Slurm array are not evenly spaced: task {task} is one of {count} "
            f"from {first} to {last}",
            hint="start it with a range such as --array=0-7, or pass the shard: --shard 3/8",
        )
    job = environment.get("SLURM_ARRAY_JOB_ID")
    return _Place(system="Slurm array", index=index, count=count, job=job and f"slurm-{job}")


def _aws_batch(environment: Mapping[str, str]) -> _Place:
    """Read the index and the size.

    https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
    """
    index = _number(environment, _AWS)
    count = _number(environment, "AWS_BATCH_JOB_ARRAY_SIZE")
    # The id of a child is that of the array, a colon and the index:
    job = environment.get("AWS_BATCH_JOB_ID", "").partition(":")[0]
    return _Place(
        system="AWS Batch array", index=index, count=count, job=f"aws-{job}" if job else None
    )


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name)
    if text is None and default is not None:
        return default
    if text is None:
        raise ConfigError(
            f"--shard auto needs the environment variable {name}, which is not set",
            hint="pass the shard: --shard 3/8",
        )
    if not _NUMBER.fullmatch(text):
        raise ConfigError(
            f"the environment variable {name} is {text!r}, not a number",
            hint="pass the shard: --shard 3/8",
        )
    return int(text)
