"""What the tests of the stream stand on: threads look into a database where commits are real."""

import asyncio

import pytest
from django.db import connections


@pytest.fixture
def firm(committing_firm, monkeypatch):
    """The firm, whose people may act while the loop of a test runs."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    return committing_firm


@pytest.fixture
def run():
    """Run a coroutine to its end, which comes or fails the test."""

    async def closed_after(coroutine):
        try:
            return await coroutine
        finally:
            connections.close_all()  # a task's connections are its own

    def within_patience(coroutine):
        return asyncio.run(asyncio.wait_for(closed_after(coroutine), 60))

    return within_patience
