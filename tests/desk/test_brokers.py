"""The broker's connections: one that is gone or hangs keeps nobody for long."""

import socket
import ssl

import pytest
import redis
from kombu import Connection
from kombu.transport.pyamqp import amqp

from desk.brokers import (
    ANSWER_S,
    LOOKS_FOR_BROKER,
    transport_options,
    with_checked_certificate,
)
from tests.helpers.terminal import process


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


@pytest.mark.parametrize(
    ("given", "checks"),
    [
        ("rediss://h:6379/0", ssl.CERT_REQUIRED),
        ("rediss://h:6379/0?ssl_ca_certs=/x", ssl.CERT_REQUIRED),
        ("rediss://h:6379/0?ssl_cert_reqs=none", ssl.CERT_NONE),  # a person's own word
    ],
)
def test_a_certificate_is_checked_unless_the_address_says_otherwise(given, checks):
    made = Connection(with_checked_certificate(given))
    assert made.ssl["ssl_cert_reqs"] == checks
    assert made.hostname == "h"


@pytest.mark.parametrize("given", ["redis://h:6379/0", "amqps://h//", "embedded://"])
def test_other_addresses_stay_as_they_are(given):
    assert with_checked_certificate(given) == given


def test_celery_itself_checks_the_certificate(tmp_path):
    about = {"CELERY_BROKER_URL": "rediss://127.0.0.1:1/0", "DATA_DIR": str(tmp_path)}
    asked = "from desk.celery import app; print(app.connection_for_write().ssl)"
    assert "CERT_REQUIRED" in process("shell", "-c", asked, **about).stdout
