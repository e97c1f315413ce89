"""Frames about the exchange itself."""

import pytest

from lobdesk.engine import BookVerifier
from lobdesk.feed import is_maintenance

STATUS = (
    '{"channel":"status","type":"update","data":[{"api_version":"v2",'
    '"connection_id":18239578009413566319,"system":"%s","version":"2.0.10"}]}'
)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (STATUS % "online", False),
        (STATUS % "maintenance", True),
        ((STATUS % "maintenance").replace(":", ": "), True),
        ('{"channel":"status","data":[]}', False),
        ('{"channel":"status","data":7}', False),
    ],
)
def test_maintenance_is_read_beside_a_connection_id_above_64_bits(frame, expected) -> None:
    assert is_maintenance(frame) is expected


def test_status_with_a_connection_id_above_64_bits_is_a_status() -> None:
    assert BookVerifier().feed((STATUS % "online").encode(), 1).kind == "status"
