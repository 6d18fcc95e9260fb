"""Commands as tests run them: in this process with `run`, or as one of their own."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command with this standard input; gives its exit code, output and errors."""

    def run(*args, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code, said = 0, ""
        try:
            call_command(*args)
        except CommandError as error:
            code, said = error.returncode, str(error)
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err + said

    return run


MANAGE = (sys.executable, "manage.py")
DJANGO_ADMIN = (str(Path(sys.executable).parent / "django-admin"),)


def process(*args, stdin="", by=MANAGE, **environment):
    """A command as a process of its own; ``by``: what starts it."""
    env = {"ENV_FILE": "/dev/null", "SECRET_KEY": "s" * 50, "PATH": "/usr/bin:/bin"} | environment
    if by is DJANGO_ADMIN:
        env |= {"DJANGO_SETTINGS_MODULE": "desk.settings", "PYTHONPATH": str(ROOT)}
    command = [*by, *args]
    return subprocess.run(command, cwd=ROOT, env=env, input=stdin, capture_output=True, text=True)
