"""What follows from lines: sockets, PPP, groups, firmware, frames that the module's own stack must have sent."""
