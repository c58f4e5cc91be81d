-- What sockets and PPP carry.

-- Wireshark gives a TCP or UDP port to the protocol that usually has it: OneNET's MQTT port 6002 to X11. In our files
-- the ports that connections really use are given to this dissector, which looks at the first bytes. What is none of the
-- known protocols goes to the owner of a well-known port; a port goes back to its owner when another file is opened.

local ip = {}
local byte = string.byte
local stream_proto = Proto("atshark_stream", "Socket data")
local claimed, chosen = { tcp = {}, udp = {} }, {} -- ports and their owners; pairs of ports and their protocol
local MODEM_PROTOCOLS = { mqtt = true, http = true, coap = true, tls = true, dtls = true }

local function stream_protocol(head, begins)
  -- What a stream carries, by the first bytes of a segment; first by one byte, because most segments are none of these.
  -- begins: it may be the first of its stream.
  local a, b, c = byte(head, 1, 3)
  if a == 0x10 and head:match("^\x10[\x80-\xff]?[\x80-\xff]?[\x80-\xff]?[\0\x01-\x7f]\0[\x04\x06]MQ") then return "mqtt" end
  if a >= 0x41 and a <= 0x5A and (head:match("^%u+ [/h*]") or head:match("^HTTP/1%.")) then return "http" end
  if a >= 0x14 and a <= 0x17 and b == 3 and c and c <= 4 then return "tls" end
  if begins and a % 16 <= 8 and (a >= 0xD0 and c == 0xE1 or a < 0xD0 and b == 0xE1) then return "coap" end
end

local function datagram_protocol(head)
  local a, b, c, d = byte(head, 1, 4)
  if a >= 0x14 and a <= 0x19 and b == 0xFE and #head >= 13 then return "dtls" end
  if d and a >= 0x40 and a < 0x80 and a % 16 <= 8 then
    local class = math.floor(b / 32)
    if class <= 5 and class ~= 1 then return "coap" end
  end
end

local function owner_of(owners, port)
  -- To whom a port belongs when its bytes do not tell.
  local owner = owners[port]
  return owner and (port < 1024 or MODEM_PROTOCOLS[tostring(owner)]) and owner or nil
end

-- Connections, by their two ports. Where the first segments are none of ours, and nobody owns a port, it is given back, so
-- that it costs nothing any more.

local pairs_of = { tcp = {}, udp = {} } -- by the two ports: how many segments were none of ours; false: given back
local uses = { tcp = {}, udp = {} } -- by port: how many connections claim it
local waiting -- what is to be given back at the next packet: not while Wireshark is looking the port up
local PATIENCE = 16
local refused -- the frame whose bytes were none of ours: Wireshark asks for each of its ports

local function release(transport, low, high)
  for _, port in ipairs({ low, high }) do
    local left = (uses[transport][port] or 1) - 1
    uses[transport][port] = left
    if left == 0 and claimed[transport][port] ~= nil then
      local ports, owner = DissectorTable.get(transport .. ".port"), claimed[transport][port]
      ports:remove(port, stream_proto)
      if owner then ports:add(port, owner) end
      claimed[transport][port] = nil
    end
  end
end

local function refuse(transport, key, low, high, frame)
  refused = frame
  local count = pairs_of[transport][key]
  if count then
    pairs_of[transport][key] = count + 1
    if count + 1 == PATIENCE then
      pairs_of[transport][key] = false
      waiting = { transport, low, high }
    end
  end
  return 0
end

function stream_proto.dissector(tvb, pinfo, root)
  local size, frame = tvb:len(), pinfo.number
  if size == 0 or frame == refused then return 0 end
  local transport = pinfo.port_type == 3 and "udp" or "tcp"
  local low, high = pinfo.src_port, pinfo.dst_port
  if low > high then low, high = high, low end
  local key, head = low * 65536 + high, tvb:raw(0, size < 16 and size or 16)
  local name = transport == "udp" and datagram_protocol(head) or transport == "tcp" and stream_protocol(head, chosen[key] == nil)
  if name then chosen[key] = name
  elseif chosen[key] == nil then chosen[key] = false
  elseif transport == "tcp" then name = chosen[key] end
  local owners = claimed[transport]
  local dissector = name and Dissector.get(name) or owner_of(owners, low) or owner_of(owners, high)
  if not dissector then return refuse(transport, key, low, high, frame) end
  if pairs_of[transport][key] then pairs_of[transport][key] = -1e9 end -- known now: it stays ours
  return payload.call(dissector, tvb, pinfo, root)
end

local function claim(transport, port)
  uses[transport][port] = (uses[transport][port] or 0) + 1
  if claimed[transport][port] ~= nil then return end
  local ports = DissectorTable.get(transport .. ".port")
  claimed[transport][port] = ports:get_dissector(port) or false
  ports:add(port, stream_proto)
end

function ip.claim(packet, start)
  -- Claim both ports of a packet, because a server may have any. start: where the IP header begins, from 1.
  if waiting then
    release(waiting[1], waiting[2], waiting[3])
    waiting = nil
  end
  local first = byte(packet, start)
  if not first then return end
  local inner, number
  if first >= 0x40 and first < 0x50 then inner, number = start + 4 * (first % 16), byte(packet, start + 9)
  elseif first >= 0x60 and first < 0x70 then inner, number = start + 40, byte(packet, start + 6) end
  local transport = number == 6 and "tcp" or number == 17 and "udp"
  if not transport then return end
  local a, b, c, d = byte(packet, inner, inner + 3)
  if not d then return end
  local low, high = a * 256 + b, c * 256 + d
  if low > high then low, high = high, low end
  local key = low * 65536 + high
  if pairs_of[transport][key] ~= nil or low == 53 or high == 53 or low == 0 then return end
  pairs_of[transport][key] = 0
  claim(transport, low)
  claim(transport, high)
end

function ip.reset()
  for transport, owners in pairs(claimed) do
    local ports = DissectorTable.get(transport .. ".port")
    for port, owner in pairs(owners) do
      ports:remove(port, stream_proto)
      if owner then ports:add(port, owner) end
    end
  end
  claimed, chosen, refused, waiting = { tcp = {}, udp = {} }, {}, nil, nil
  pairs_of, uses = { tcp = {}, udp = {} }, { tcp = {}, udp = {} }
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
