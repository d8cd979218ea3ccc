"""The names of the runtimes: light, since the command line reads them before torch is loaded."""

RUNTIMES = ("auto", "torch", "openvino")
"""What can run lungcad's own networks; `auto` is torch."""
