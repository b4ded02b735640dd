"""One broker address, read by Celery and by us."""

from pathlib import Path

import pytest

from portal.kernel import broker as brokers
from portal.ops.broker import embedded
from portal.settings.embedded import broker_socket, broker_url
from portal.settings.test import broker_of


@pytest.mark.parametrize(
    ("celery", "redis"),
    [
        ("redis+socket:///tmp/a b/broker.sock", "unix:///tmp/a b/broker.sock"),
        ("redis+socket:///tmp/broker.sock?virtual_host=3", "unix:///tmp/broker.sock?db=3"),
        ("redis://:secret@127.0.0.1:6379/2", "redis://:secret@127.0.0.1:6379/2"),
        (
            "rediss://broker.example.org/0?ssl_cert_reqs=required",
            "rediss://broker.example.org/0?ssl_cert_reqs=required",
        ),
    ],
)
def test_celerys_address_is_understood(celery: str, redis: str) -> None:
    assert brokers.address(celery) == redis


def test_an_address_that_is_no_redis_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        brokers.client("amqp://127.0.0.1//")


def test_a_socket_whose_path_is_too_long_moves_to_the_temp_folder(tmp_path: Path) -> None:
    assert broker_socket(tmp_path / "short").parent == tmp_path / "short"
    deep = tmp_path / ("deep" * 40)
    assert len(str(broker_socket(deep))) < 100
    assert broker_socket(deep) != broker_socket(tmp_path / ("deep" * 41))
    assert broker_url(deep).startswith("redis+socket:///")


def test_parallel_test_processes_share_a_server_but_no_database() -> None:
    assert broker_of("main", "redis://127.0.0.1:6379/0") == "redis://127.0.0.1:6379/0"
    assert broker_of("gw0", "redis://127.0.0.1:6379/0") == "redis://127.0.0.1:6379/1"
    assert broker_of("gw3", "redis://127.0.0.1:6379") == "redis://127.0.0.1:6379/4"


def test_the_embedded_broker_keeps_what_it_was_given(tmp_path: Path) -> None:
    command = embedded(tmp_path / "broker.sock", tmp_path / "data")
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--port") + 1] == "0"
    assert (tmp_path / "data").is_dir()


def test_the_broker_answers(broker: str) -> None:
    with brokers.client(broker) as connected:
        assert connected.ping()
