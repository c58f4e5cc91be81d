-- What sockets and PPP carry.

-- Wireshark gives a TCP or UDP port to the protocol that usually has it: OneNET's MQTT port 6002 to X11. In our files
-- the ports that connections really use are given to this dissector, which looks at the first bytes. What is none of the
-- known protocols goes to the owner of a well-known port; a port goes back to its owner when another file is opened.

local ip = {}
local byte = string.byte
local stream_proto = Proto("atshark_stream", "Socket data")
local claimed, chosen = { tcp = {}, udp = {} }, {}
local MODEM_PROTOCOLS = { mqtt = true, http = true, coap = true, tls = true, dtls = true }

local function stream_protocol(tvb)
  local head = tvb:raw(0, math.min(tvb:len(), 16))
  if head:match("^\x10[\x80-\xff]?[\x80-\xff]?[\x80-\xff]?[\0\x01-\x7f]\0[\x04\x06]MQ") then return "mqtt" end
  if head:match("^%u+ [/h*]") or head:match("^HTTP/1%.") then return "http" end
  if head:match("^[\x14-\x17]\x03[\0\x01-\x04]") then return "tls" end
  local code = (head:byte(1) or 0) >= 0xD0 and head:byte(3) or head:byte(2)
  if code == 0xE1 then return "coap" end
end

local function datagram_protocol(tvb)
  local first = tvb(0, 1):uint()
  if tvb:len() >= 13 and tvb:raw(0, 2):match("^[\x14-\x19]\xfe") then return "dtls" end
  if tvb:len() >= 4 and first >= 0x40 and first < 0x80 and first % 16 <= 8 then
    local code = math.floor(tvb(1, 1):uint() / 32)
    if code <= 5 and code ~= 1 then return "coap" end
  end
end

local function owner_of(transport, low, high)
  -- To whom a connection between two ports belongs when its bytes do not tell.
  for _, port in ipairs({ low, high }) do
    local owner = claimed[transport][port]
    if owner and (port < 1024 or MODEM_PROTOCOLS[tostring(owner)]) then return owner end
  end
end

function stream_proto.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  local transport = pinfo.port_type == 3 and "udp" or "tcp"
  local low, high = math.min(pinfo.src_port, pinfo.dst_port), math.max(pinfo.src_port, pinfo.dst_port)
  local key = low * 65536 + high
  local name = transport == "udp" and datagram_protocol(tvb) or transport == "tcp" and stream_protocol(tvb)
  if name then chosen[key] = name else name = transport == "tcp" and chosen[key] end
  local dissector = name and Dissector.get(name) or owner_of(transport, low, high)
  if not dissector then return 0 end
  return payload.call(dissector, tvb, pinfo, root)
end

local function claim(transport, port)
  if port == 0 or port == 53 or claimed[transport][port] ~= nil then return end
  local ports = DissectorTable.get(transport .. ".port")
  claimed[transport][port] = ports:get_dissector(port) or false
  ports:add(port, stream_proto)
end

function ip.claim(packet, start)
  -- Claim both ports of a packet, because a server may have any. start: where the IP header begins, from 1.
  local first = byte(packet, start)
  local version = first and math.floor(first / 16)
  local inner, number
  if version == 4 then inner, number = start + 4 * (first % 16), byte(packet, start + 9)
  elseif version == 6 then inner, number = start + 40, byte(packet, start + 6) end
  local transport = number == 6 and "tcp" or number == 17 and "udp"
  if not transport then return end
  local a, b, c, d = byte(packet, inner, inner + 3)
  if not d then return end
  local here, there = a * 256 + b, c * 256 + d
  if here == 53 or there == 53 then return end
  claim(transport, here)
  claim(transport, there)
end

function ip.reset()
  for transport, owners in pairs(claimed) do
    local ports = DissectorTable.get(transport .. ".port")
    for port, owner in pairs(owners) do
      ports:remove(port, stream_proto)
      if owner then ports:add(port, owner) end
    end
  end
  claimed, chosen = { tcp = {}, udp = {} }, {}
end

function ip.start(packet)
  -- Where the IP header of a PPP frame begins: behind address and control, and the protocol field of one or two bytes;
  -- the direction is not part of the packet. nil if it has none.
  local at = byte(packet, 1) == 0xFF and 3 or 1
  local a, b = byte(packet, at, at + 1)
  if not b then return nil end
  if a == 0x21 or a == 0x57 then return at + 1 end
  if a == 0 and (b == 0x21 or b == 0x57) then return at + 2 end
end

return ip
