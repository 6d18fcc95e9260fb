"""The broker's connections: one that is gone or hangs keeps nobody for long."""

import socket

import amqp.transport
import pytest
import redis

from desk.brokers import ANSWER_S, LOOKS_FOR_BROKER, transport_options


@pytest.fixture
def silent():
    """A broker that takes connections and says nothing; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def asked_of(sock):
    """What this socket asks the system to look for."""
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    names = [name for name in LOOKS_FOR_BROKER if hasattr(socket, name)]
    return {name: sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names}


def test_a_worker_that_listens_to_redis_notices_that_its_host_is_gone(silent, tmp_path):
    options = transport_options("redis://127.0.0.1/0", tmp_path)
    made = redis.Connection(host="127.0.0.1", port=silent, **options)
    sock = made._connect()
    assert asked_of(sock) == LOOKS_FOR_BROKER
    assert sock.gettimeout() == ANSWER_S
    sock.close()


def test_a_connection_to_rabbitmq_notices_that_its_host_is_gone(silent, tmp_path):
    options = transport_options("amqps://127.0.0.1//", tmp_path)
    made = amqp.transport.TCPTransport(f"127.0.0.1:{silent}", connect_timeout=1, **options)
    made.connect()
    assert asked_of(made.sock) == LOOKS_FOR_BROKER
    made.close()


def test_the_embedded_broker_is_told_its_folder_alone(tmp_path):
    assert transport_options("embedded://", tmp_path) == {"folder": str(tmp_path)}
