"""The paper exchange as a machine of its own: ``python -m tests.hosts.exchange PORT``."""

import sys

from orders.pacifica.paper import background_server

background_server.HOST = "0.0.0.0"  # the product's own takes the loopback alone
background_server.run(port=int(sys.argv[1]), latency_ms=0, state_file=None, say=print)
