"""Frames that wait to be written: bounded in number and in bytes, and what is dropped is said."""

import asyncio
from dataclasses import replace

import pytest
from django.utils import timezone

from orders.reconcile.received_frames import ReceivedFrame
from orders.reconcile.stream.inbox import Inbox
from orders.reconcile.stream.timings import LIMITS
from tests.reconcile.stream.conftest import QUICK


@pytest.mark.parametrize("bounds", [{"waiting_frames": 5}, {"waiting_bytes": 500}])
def test_frames_that_wait_for_a_slow_database_are_bounded(bounds):
    """While nothing is written, at most five of these frames of 100 bytes wait."""
    written, missed = [], []

    async def body():
        is_slow = asyncio.Event()

        async def apply(frames):
            written.extend(frame.number for frame in frames)
            await is_slow.wait()

        limits = replace(LIMITS, **bounds)
        inbox = Inbox(apply=apply, missed=missed.append, timings=QUICK, limits=limits)
        for number in range(13):
            inbox.put(ReceivedFrame(b"x" * 100, timezone.now(), "c1", number))
            await asyncio.sleep(0)
            assert len(inbox._waiting) <= 5
        is_slow.set()
        await inbox.drain()

    asyncio.run(body())
    assert written == [0, 11, 12]
    assert missed == ["More changes came than could be written."] * 2


def test_one_frame_longer_than_all_that_may_wait_is_written():
    written = []

    async def body():
        async def apply(frames):
            written.extend(frames)

        limits = replace(LIMITS, waiting_bytes=10)
        inbox = Inbox(apply=apply, missed=written.append, timings=QUICK, limits=limits)
        inbox.put(ReceivedFrame(b"x" * 100, timezone.now(), "c1", 1))
        await inbox.drain()

    asyncio.run(body())
    assert [frame.number for frame in written] == [1]
