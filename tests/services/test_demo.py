"""The demo starts whole, tells the web less than the senders, and leaves nothing behind."""

import pytest

from tests.helpers.stack import environment_of, running_demo

pytestmark = pytest.mark.services


def test_the_demo_starts_keeps_its_data_and_leaves_no_process_behind(tmp_path):
    folder = tmp_path / "data"
    with running_demo(folder) as demo:
        first = demo.logins
        assert len(first) == 5
        kinds = [environment_of(pid) for pid in demo.processes()]
        assert len(kinds) >= 4
        web = [kind for kind in kinds if b"AGENT_KEY_SEALING_KEY=" in kind]
        senders = [kind for kind in kinds if b"AGENT_KEY_OPENING_KEYS_FILE=" in kind]
        assert web and senders
        assert not any(b"AGENT_KEY_OPENING_KEYS" in kind for kind in web)
        assert demo.interrupt() == 0
        assert demo.processes() == []
        assert "Traceback" not in demo.said()
    with running_demo(folder) as demo:
        assert demo.logins == first
