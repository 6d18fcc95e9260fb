"""The API's description: served to tokens and people, and kept as a file that says the same."""

import json

import pytest

from tests.api import openapi_file
from tests.api.programs import ROOT, Program, problem, program
from tests.helpers.screens import signed_in

PLACE = "/openapi.json"


def test_the_file_is_what_the_routes_make():
    assert openapi_file.FILE.read_text() == openapi_file.text(), "run: make openapi"


def test_every_operation_says_what_it_does_and_tells_its_problems():
    told = json.loads(openapi_file.text())
    operations = [each for path in told["paths"].values() for each in path.values()]
    assert operations
    for each in operations:
        assert each["description"].endswith(".")
        assert each["security"] == [{"Bearer": []}]
        assert {"401", "403", "404", "422", "429", "500"} <= each["responses"].keys()


@pytest.mark.django_db
def test_it_is_served_to_any_token_and_to_who_is_signed_in(firm):
    told = json.loads(openapi_file.text())
    assert program(firm, "panic").get(PLACE).json() == told
    assert signed_in(firm.viewer).get(ROOT + PLACE).json() == told
    problem(Program("").get(PLACE), 401)
    problem(Program("wrong").get(PLACE), 401)
