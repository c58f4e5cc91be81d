-- The parts above need no Wireshark, so that any Lua interpreter can test them.

if not Proto then return { engine = engine, catalog = catalog } end
if rawget(_G, "atshark_plugin") then return end -- another copy of the plugin was loaded first
rawset(_G, "atshark_plugin", true)
