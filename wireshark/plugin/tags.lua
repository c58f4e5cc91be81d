-- The tags in front of each packet of link type 252 (capture/upper_pdu.py writes them): whose dissector, which
-- direction, the text of the Info column, where the decode stands.

local tags = {}
local byte, sub = string.byte, string.sub
local DISSECTOR, PORT_TYPE, TCP_DATA, INFO, DECODE, END = 12, 24, 34, 36, 0x4156, 0
local OURS = {
  atshark = "line", atshark_data = "payload", atshark_note = "note", atshark_raw = "raw", atshark_mark = "mark",
}

local function tag(number, value)
  return string.char(math.floor(number / 256), number % 256, 0, #value) .. value
end

local starts = {}
for name, what in pairs(OURS) do
  for direction, side in pairs({ [0] = "mcu", "module" }) do
    local padded = name .. ("\0"):rep(-#name % 4)
    starts[tag(12, padded) .. tag(35, "\0\0\0" .. string.char(direction))] = {
      what = what, side = side, line = what == "line" or what == "payload" or what == "note",
    }
  end
end

function tags.read(packet)
  -- What a packet is and who spoke, where its bytes begin, where the info and the decode begin and end (from 1); nil if
  -- it is none of ours.
  local start, at = starts[sub(packet, 1, 20)], 21
  if not start then
    start, at = starts[sub(packet, 1, 24)], 25
    if not start then return nil end
  end
  local info, info_end, decode, decode_end
  local a, b, c, d = byte(packet, at, at + 3)
  if b == INFO and a == 0 and d then -- as our exporter writes it: the info, the decode, the end
    info = at + 4
    at = info + c * 256 + d
    info_end = at - 1
    at = at + (info - at) % 4
    a, b, c, d = byte(packet, at, at + 3)
    if a == 0x41 and b == 0x56 and d then
      decode = at + 4
      at = decode + c * 256 + d
      decode_end = at - 1
      at = at + (decode - at) % 4
      a, b, c, d = byte(packet, at, at + 3)
      if d == 0 and a == 0 and b == 0 and c == 0 then return start, at + 4, info, info_end, decode, decode_end end
    end
  end
  while true do
    a, b, c, d = byte(packet, at, at + 3)
    if not d then return nil end
    local number, size = a * 256 + b, c * 256 + d
    at = at + 4
    if number == INFO then
      info, info_end = at, at + size - 1
      while info_end >= at and byte(packet, info_end) == 0 do info_end = info_end - 1 end -- padding
    elseif number == DECODE then decode, decode_end = at, at + size - 1
    elseif number == END then return start, at, info, info_end, decode, decode_end end
    at = at + size + -size % 4
  end
end

function tags.trip(packet)
  -- Whether Wireshark's dissector of exported PDUs would stop at an assertion. One that is reached through Lua costs a
  -- level of its stack each time, and after a hundred of them no Lua runs any more.
  local at, coap = 1, false
  while true do
    local a, b, c, d = byte(packet, at, at + 3)
    local number = d and a * 256 + b
    if not number or number == END then return false end
    if number == DISSECTOR then coap = sub(packet, at + 4, at + 8) == "coap\0" or sub(packet, at + 2, at + 7) == "\0\4coap" end
    if coap and number == PORT_TYPE and sub(packet, at + 4, at + 7) ~= "\0\0\0\3" then return true end
    if number == TCP_DATA and sub(packet, at + 4, at + 5) ~= "\0\1" then return true end
    if number == PORT_TYPE and not packet:match("^\0\0\0[\0-\5\8\10\12-\15]", at + 4) then return true end
    at = at + 4 + c * 256 + d
  end
end

return tags
