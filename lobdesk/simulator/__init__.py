"""A simulated exchange that speaks Kraken's public WebSocket protocol v2."""

from lobdesk.simulator.faults import Fault, load_faults
from lobdesk.simulator.recording import RecordedMarket
from lobdesk.simulator.server import SimulatorServer
from lobdesk.simulator.synthetic import DEFAULT_SYMBOLS, SyntheticMarket

__all__ = [
    "DEFAULT_SYMBOLS",
    "Fault",
    "RecordedMarket",
    "SimulatorServer",
    "SyntheticMarket",
    "load_faults",
]
