"""Test that shards are read from the environment of arrays of jobs, and divide the targets."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff.errors import ConfigError
from autodiff.fleet import Shard, Target, parse_shard
from autodiff.fleet.targets import select_targets

URL = sa.make_url("sqlite://")


@settings(max_examples=25, deadline=None)
@given(
    names=st.sets(st.text(max_size=8), max_size=30),
    count=st.integers(min_value=1, max_value=8),
    order=st.randoms(use_true_random=False),
)
def test_every_target_is_in_exactly_one_shard(names: set[str], count: int, order: object) -> None:
    """The shard does not depend on the order, or on which other targets there are."""
    targets = [Target(name=name, url=URL) for name in sorted(names)]
    shuffled = list(targets)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    shards = [Shard(number=number, count=count) for number in range(1, count + 1)]
    parts = [[t.name for t in select_targets(targets, (), shard)] for shard in shards]
    assert sorted(name for part in parts for name in part) == sorted(names)
    for shard, part in zip(shards, parts, strict=True):
        assert {t.name for t in select_targets(shuffled, (), shard)} == set(part)
        alone = [t for t in targets if select_targets([t], (), shard)]
        assert [t.name for t in alone] == part


KUBERNETES = {"JOB_COMPLETION_INDEX": "2"}
AWS = {
    "AWS_BATCH_JOB_ARRAY_INDEX": "9",
    "AWS_BATCH_JOB_ARRAY_SIZE": "10",
    "AWS_BATCH_JOB_ID": "7d2f:9",
}


def slurm(task: int, count: int, first: int, last: int, step: int | None = 1) -> dict[str, str]:
    values = {"ID": task, "COUNT": count, "MIN": first, "MAX": last, "STEP": step}
    return {
        "SLURM_ARRAY_JOB_ID": "812",
        **{f"SLURM_ARRAY_TASK_{name}": str(v) for name, v in values.items() if v is not None},
    }


@pytest.mark.parametrize(
    ("environment", "text", "shard", "job"),
    [
        (KUBERNETES, "auto/8", "3/8", None),
        (AWS, "auto", "10/10", "aws-7d2f"),
        (AWS, "auto/10", "10/10", "aws-7d2f"),
        (slurm(0, 8, 0, 7), "auto", "1/8", "slurm-812"),
        (slurm(8, 8, 1, 8), "auto", "8/8", "slurm-812"),
        (slurm(5, 3, 1, 9, 4), "auto", "2/3", "slurm-812"),
        (slurm(4, 3, 4, 6, None), "auto", "1/3", "slurm-812"),
        ({}, " 3/8 ", "3/8", None),
        ({**KUBERNETES, **AWS}, "3/8", "3/8", None),
    ],
)
def test_shards_of_arrays(
    environment: Mapping[str, str], text: str, shard: str, job: str | None
) -> None:
    """The index of an array counts from 0, or from the first task of a Slurm array."""
    found = parse_shard(text, environment)
    assert (str(found), found.job) == (shard, job)


@pytest.mark.parametrize(
    ("environment", "text", "message", "hint"),
    [
        ({}, "auto", "found none of JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID", "--shard 3/8"),
        ({**KUBERNETES, **AWS}, "auto", "found both JOB_COMPLETION_INDEX and AWS_", "--shard 3/8"),
        (KUBERNETES, "auto", "a Kubernetes Job does not set the number", "--shard auto/8"),
        (
            KUBERNETES,
            "auto/2",
            "JOB_COMPLETION_INDEX is 2, but the last of 2 shards is number 1",
            "auto/3",
        ),
        ({"JOB_COMPLETION_INDEX": "x"}, "auto/8", "JOB_COMPLETION_INDEX is 'x'", "--shard"),
        ({"JOB_COMPLETION_INDEX": "-1"}, "auto/8", "JOB_COMPLETION_INDEX is '-1'", "--shard"),
        ({"JOB_COMPLETION_INDEX": ""}, "auto/8", "JOB_COMPLETION_INDEX is ''", "--shard"),
        (
            {**AWS, "AWS_BATCH_JOB_ARRAY_SIZE": "9"},
            "auto",
            "INDEX is 9, but the last of 9 shards is number 8",
            "auto/10",
        ),
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "1"}, "auto", "AWS_BATCH_JOB_ARRAY_SIZE, which", "3/8"),
        (AWS, "auto/8", "the AWS Batch array has 10 tasks, not 8", "--shard auto,"),
        (slurm(3, 1, 3, 3), "auto/8", "the Slurm array has 1 task, not 8", "--shard 3/8"),
        (slurm(3, 3, 0, 7), "auto", "not evenly spaced: task 3 is one of 3 from 0 to 7", "0-7"),
        (slurm(4, 3, 1, 9, 4), "auto", "not evenly spaced: task 4", "--shard 3/8"),
        (slurm(9, 8, 0, 7), "auto", "not evenly spaced: task 9", "--shard 3/8"),
        ({"SLURM_ARRAY_TASK_ID": "1"}, "auto", "SLURM_ARRAY_TASK_COUNT, which is not set", "3/8"),
        (KUBERNETES, "auto/0", "invalid shard 'auto/0'", "write N/M"),
        (KUBERNETES, "automatic", "invalid shard 'automatic'", "write N/M"),
    ],
)
def test_environments_without_a_shard(
    environment: Mapping[str, str], text: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_shard(text, environment)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)
