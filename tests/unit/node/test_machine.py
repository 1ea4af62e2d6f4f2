"""What a /proc shows, by its mount options and by what the node may do."""

from __future__ import annotations

import pytest

from scheduler.node.machine import hides, mount_options, require_kernel

MOUNTINFO = """\
22 27 0:20 / /proc rw,nosuid shared:12 - proc proc rw,hidepid=invisible
23 27 0:21 / /sys rw - sysfs sysfs rw
24 22 0:22 / /proc rw,nosuid - proc proc rw,gid=23,hidepid=2
"""
USER = "Name:\tpython\nGid:\t100\t100\t100\t100\nGroups:\t100 101\nCapEff:\t0000000000000000"
ROOT = "Name:\tpython\nGid:\t0\t0\t0\t0\nGroups:\t0\nCapEff:\t000001ffffffffff"


def test_this_machine_is_accepted() -> None:
    """Tests run on a machine on which nodes run."""
    require_kernel()


def test_the_last_mount_counts() -> None:
    """It hides the ones below it."""
    assert mount_options(MOUNTINFO, "/proc") == {"rw": "", "gid": "23", "hidepid": "2"}
    assert mount_options(MOUNTINFO, "/elsewhere") == {"": ""}


@pytest.mark.parametrize("hidepid", ["1", "2", "4", "noaccess", "invisible", "ptraceable"])
def test_only_with_the_right_to_trace_or_in_the_group_all_is_seen(hidepid: str) -> None:
    """Kernels write the option as a number or as a word."""
    assert hides({"hidepid": hidepid}, status=USER)
    assert not hides({"hidepid": hidepid}, status=ROOT)
    traceable_only = hidepid in {"4", "ptraceable"}
    assert hides({"hidepid": hidepid, "gid": "101"}, status=USER) is traceable_only
    assert hides({"hidepid": hidepid, "gid": "102"}, status=USER)


@pytest.mark.parametrize("options", [{}, {"hidepid": "0"}, {"hidepid": "off"}, {"subset": "pid"}])
def test_what_hides_nothing_is_accepted(options: dict[str, str]) -> None:
    """Most machines."""
    assert not hides(options, status=USER)
