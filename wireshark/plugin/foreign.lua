-- Captures that others made: lines are shown, no more (raw.lua).

-- USB modems and adapters (usbmon, USBPcap): bulk transfers that look like AT traffic are taken; an endpoint that was
-- taken once stays taken. RTAC Serial (link type 250) has a table for "Decode As".

local usb_proto = Proto("atshark_usb", "AT over USB")
local serial_proto = Proto("atshark_serial", "AT commands on a serial line")
local endpoints = {}
packets.on_reset[#packets.on_reset + 1] = function() endpoints = {} end

local function usb_ends(pinfo)
  -- Which side speaks, the device, and its endpoint.
  local from, to = tostring(pinfo.src), tostring(pinfo.dst)
  local side = from == "host" and "mcu" or "module"
  local endpoint = side == "mcu" and to or from
  return side, endpoint:match("^(.*)%.%d+$") or endpoint, side .. endpoint
end

local function looks_like_at(bytes, side)
  if side == "mcu" then return bytes:match("^[Aa][Tt][%+%^%$&%w]?[^%z\1-\9\11\12\14-\31\127-\255]*[\r\n]") ~= nil end
  local line = bytes:match("^\r\n([%+%^%w][^%z\1-\31\127]*)\r\n")
  return bytes:match("^[Aa][Tt][%+%^%$&%w]?[%g ]*\r") ~= nil
    or line ~= nil and (line == "OK" or line == "ERROR" or line:match("^[%+%^]%u+[:%s]") ~= nil or line:match("^RDY") ~= nil)
end

usb_proto:register_heuristic("usb.bulk", function(tvb, pinfo, root)
  if tvb:len() == 0 then return false end
  local side, device, endpoint = usb_ends(pinfo)
  if not endpoints[endpoint] then
    if not looks_like_at(tvb:raw(0, math.min(tvb:len(), 64)), side) then return false end
    endpoints[endpoint] = true
  end
  local ends = { src = tostring(pinfo.cols.src), dst = tostring(pinfo.cols.dst) }
  raw.show(tvb, pinfo, root, side, "usb " .. device)
  pinfo.cols.src, pinfo.cols.dst = ends.src, ends.dst
  return true
end)

function usb_proto.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  local side, device = usb_ends(pinfo)
  return raw.show(tvb, pinfo, root, side, "usb " .. device)
end

-- Which device speaks stands in the header that Wireshark's own dissector reads: event 1 is data of the DTE.

local DTE_SENDS = 1
local dte_speaks = {}
packets.on_reset[#packets.on_reset + 1] = function() dte_speaks = {} end

if wtap_encaps.RTAC_SERIAL then
  packets.hook(wtap_encaps.RTAC_SERIAL, "rtacser", "atshark_rtac", "RTAC Serial packet", function(owner)
    return function(tvb, pinfo, root)
      if tvb:len() > 12 then dte_speaks[pinfo.number] = tvb(8, 1):uint() == DTE_SENDS end
      return payload.call(owner, tvb, pinfo, root)
    end
  end)
end

function serial_proto.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  return raw.show(tvb, pinfo, root, dte_speaks[pinfo.number] and "mcu" or "module", "serial")
end

do
  local found, serial_data = pcall(DissectorTable.get, "rtacser.data")
  if found then serial_data:add_for_decode_as(serial_proto) end
end
