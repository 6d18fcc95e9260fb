"""A program with a token, for the tests of the API."""

import json
import uuid

from django.test import Client

from tests.helpers.tokens import new_token

ROOT = "/api/v1"
PROBLEM = {"title", "status", "detail", "what_to_do"}


class Program:
    """What a desk's program can do: ask with its token, and read JSON."""

    def __init__(self, secret, *, address="127.0.0.1"):
        self.client = Client(raise_request_exception=False)
        self.about = {"REMOTE_ADDR": address}
        if secret:
            self.about["HTTP_AUTHORIZATION"] = f"Bearer {secret}"

    def get(self, place, **query):
        """A read; `place` below the API's root."""
        return self.client.get(ROOT + place, query, **self.about)

    def post(self, place, body=None, *, key=None, **query):
        """An act, with a key of its own unless one is given."""
        about = self.about | {"HTTP_IDEMPOTENCY_KEY": key or str(uuid.uuid4())}
        where = ROOT + place + (f"?wait={query['wait']}" if "wait" in query else "")
        body = json.dumps({} if body is None else body)
        return self.client.post(where, body, content_type="application/json", **about)


def program(firm, *rights, **about) -> Program:
    """A program of the firm's head with these rights, or with all."""
    return Program(new_token(firm, *rights, **about)[1])


def problem(answer, status) -> dict:
    """The problem that an answer is, and must be."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert set(told) == PROBLEM
    assert all(told.values())
    assert told["status"] == status
    return told
