"""The names of the runtimes: light, since the command line reads them before torch is loaded."""

from typing import Literal, get_args

Runtime = Literal["auto", "torch", "openvino"]
"""What can run lungcad's own networks; `auto` is torch."""

RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
