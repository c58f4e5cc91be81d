"""How Wireshark shows what the decoder found: the pcapng export and the Lua dissector."""
