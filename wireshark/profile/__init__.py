"""The Wireshark profile: columns, colours, filter buttons."""
