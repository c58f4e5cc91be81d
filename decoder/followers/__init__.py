"""What follows from lines: sockets, PPP, groups, firmware, messages, frames that the module's stack must have sent.

A follower is a file or a folder, and an entry of :data:`STANDARD`.
"""

from __future__ import annotations

from decoder.followers.calls import Calls
from decoder.followers.files import Files
from decoder.followers.firmware import Firmware
from decoder.followers.follower import Follower, Followers, Makes, Seat
from decoder.followers.frames import NamedFrames
from decoder.followers.groups import Groups
from decoder.followers.inferred import Inferred
from decoder.followers.positions import Positions
from decoder.followers.ppp import Ppp
from decoder.followers.sms import Sms
from decoder.followers.sockets import Sockets
from decoder.followers.ussd import Ussd

STANDARD: Makes = (Groups, Sockets, Ppp, NamedFrames, Inferred, Firmware, Sms, Ussd, Calls, Positions, Files)
"""The followers of every session, in the order in which they hear."""

__all__ = ["STANDARD", "Follower", "Followers", "Makes", "Seat"]
