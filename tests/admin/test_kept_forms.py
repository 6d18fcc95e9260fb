"""Every form with something to type keeps it over a sign-in in between, or says why it does not."""

import re

import pytest

from tests.helpers.stack import ROOT

TEMPLATES = ROOT / "templates"
FORM = re.compile(r'<form method="post".*?</form>', re.DOTALL)
OPENING = re.compile(r"<form.*?(?<!%})>", re.DOTALL)
TYPED = re.compile(
    r'<input(?![^>]*type="(?:hidden|submit)")|<select|<textarea|_field\.html|_reason\.html'
    r"|helpers/field\.html|\{\{ form"
)
NOT_KEPT = {  # templates whose forms take secrets, or stand on the way in
    "desk/accounts/add_agent_wallet.html": "somebody may paste the secret into the wrong field",
    "desk/accounts/api_config_key.html": "a secret alone",
    "registration/password_change_form.html": "passwords alone",
}
ON_THE_WAY_IN = "desk/sign_in/"


def forms_to_type_in():
    """(template, opening tag) of every form that a person fills in."""
    for path in sorted(TEMPLATES.rglob("*.html")):
        name = path.relative_to(TEMPLATES).as_posix()
        if not name.startswith((ON_THE_WAY_IN, "unfold/")):
            for form in FORM.findall(path.read_text()):
                if TYPED.search(form):
                    yield name, OPENING.match(form)[0]


@pytest.mark.parametrize(("name", "opening"), sorted(set(forms_to_type_in())))
def test_what_is_typed_in_a_form_is_kept(name, opening):
    assert ("data-kept" in opening) != (name in NOT_KEPT), NOT_KEPT.get(name, "add data-kept")


def test_every_exception_still_has_a_form():
    assert {name for name, _ in forms_to_type_in()} >= NOT_KEPT.keys()
