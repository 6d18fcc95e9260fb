"""The API config key: on the handshake, for its pool alone, and nowhere else."""

import asyncio
import logging
import socket
import threading

import pytest

from orders.accounts import account_keys
from orders.models import AccountStream, SealedApiConfigKey
from orders.pacifica import stream_client
from orders.pacifica.stream_client import Door, StreamLost
from orders.reconcile.stream import leases
from tests.helpers.stream_server import until
from tests.reconcile.stream.conftest import following, row, until_healthy

KEY = "AbCdEfGh_4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi"


def give_key(firm, account, key=KEY):
    account_keys.set_api_config_key(
        account=account, api_config_key=key, user=firm.administrator, actor=firm.actor()
    )


def keys_shown(server):
    return sorted(str(each.headers.get("PF-API-KEY")) for each in server.connections)


def test_each_key_has_a_connection_and_the_keyless_share_one(server, committing_firm):
    firm = committing_firm
    other = firm.new_account("Beta", firm.momentum)
    give_key(firm, firm.account)
    with following():
        for account in (firm.account, firm.foreign_account, other):
            until_healthy(account)
    assert keys_shown(server) == sorted(["None", KEY])


def test_an_account_whose_key_changes_moves_to_another_connection(server, committing_firm):
    firm = committing_firm
    with following():
        until_healthy(firm.account)
        give_key(firm, firm.account)
        until(lambda: KEY in keys_shown(server))
        until(lambda: (found := row(firm.account)) and found.caught_up_at)
        alone = {firm.foreign_account.address}
        until(lambda: {each for _, each in server.connections[0].subscriptions} == alone)


def test_a_sealed_key_copied_to_another_account_opens_nothing(committing_firm):
    firm, keys = committing_firm, leases.Keys()
    give_key(firm, firm.account)
    assert keys.of(firm.account) == KEY
    sealed = SealedApiConfigKey.objects.get(account=firm.account)
    firm.foreign_account.api_config_key = sealed
    assert keys.of(firm.foreign_account) is None


def test_a_key_is_in_no_line_of_the_log_nor_in_what_is_shown(server, committing_firm, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets.server").setLevel(logging.ERROR)  # the server's own lines
    give_key(committing_firm, committing_firm.account)
    with following() as process:
        until_healthy(committing_firm.account)
        for connection in list(server.connections):
            connection.end(1011)
        until(lambda: row(committing_firm.account).reconnects)
        shown = repr(vars(process.worker)) + repr(process.worker._followers)
    assert KEY not in caplog.text
    assert KEY not in shown
    assert KEY not in repr(list(AccountStream.objects.values()))


def test_the_key_goes_to_no_other_address_however_it_is_redirected(paper):
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as lured:
        lured.settimeout(0.2)
        port = lured.getsockname()[1]

        def redirect(server):
            peer, _ = server.accept()
            peer.recv(4096)
            peer.sendall(f"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:{port}/\r\n\r\n".encode())
            peer.close()

        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=redirect, args=(server,), daemon=True)
            thread.start()
            url = f"ws://127.0.0.1:{server.getsockname()[1]}/ws"
            with pytest.raises(StreamLost, match=r"refused the stream \(HTTP 302\)"):
                asyncio.run(stream_client.opened(Door(url=url, api_config_key=KEY), within_s=5))
            thread.join(5)
        with pytest.raises(TimeoutError):
            seen.append(lured.accept())
    assert not seen


@pytest.mark.parametrize("key", ["line\nbreak", "schlüssel", "\x00"])
def test_a_key_that_cannot_be_sent_is_said_without_it(paper, key):
    door = Door(url=paper.stream_url, api_config_key=key)
    with pytest.raises(StreamLost) as lost:
        asyncio.run(stream_client.opened(door, within_s=5))
    assert lost.value.reason == "the stream's address or key cannot be used"
    assert key not in repr(door)
