-- What the decoder found, read from the tag that carries it (docs/export-format.md). Damaged tags are told, never raised.

local decode = { VERSION = 1 }
local byte, sub = string.byte, string.sub

decode.KINDS = {
  [0] = "command", "echo", "information", "result", "urc", "prompt", "data", "text", "noise", "blank", "note",
  "mux",
}
local FORMS = { [0] = "test", "read", "set", "exec", "basic", "s-register", "dial" }
local ROLES = { [0] = "echo", "information", "urc", "result", "prompt", "data" }
local VIAS = { [0] = "command", "prompt", "urc", "answer", "transparent" }
local ENCODINGS = { [0] = "raw", "hex", "escaped", "quoted" }
local SEVERITIES = { [0] = "note", "warning", "error" }
local SIDES = { [0] = "mcu", "module" }
local TYPES = { "int", "float", "bool", "string", "bytes", "clock", "ip" }
local NOWHERE = 65535
local NOTHING = {}

-- Each of these takes where a value begins and where its record ends, and returns the value and where the next begins;
-- nil if the record is too short.

local function number(packet, at, stop)
  local a, b, c, d = byte(packet, at, at + 3)
  if at + 3 > stop then return nil end
  return ((a * 256 + b) * 256 + c) * 256 + d, at + 4
end

local function short(packet, at, stop)
  local size = at <= stop and byte(packet, at)
  if not size or at + size > stop then return nil end
  return sub(packet, at + 1, at + size), at + 1 + size
end

local function long(packet, at, stop)
  if at + 1 > stop then return nil end
  local high, low = byte(packet, at, at + 1)
  local size = high * 256 + low
  if at + 1 + size > stop then return nil end
  return sub(packet, at + 2, at + 1 + size), at + 2 + size
end

local function wide(packet, at, stop)
  -- A signed number of eight bytes: its upper half, which has the sign, its lower half.
  local high, next_at = number(packet, at, stop)
  if not high then return nil end
  local low, behind = number(packet, next_at, stop)
  if not low then return nil end
  return high, low, behind
end

local function place(packet, at, stop, found)
  -- Where something stands in the bytes: an offset from 0 and a size, false where it does not; nil if that cannot be.
  if at + 3 > stop then return nil end
  local a, b, c, d = byte(packet, at, at + 3)
  local offset, size = a * 256 + b, c * 256 + d
  if offset == NOWHERE then return false, 0, at + 4 end
  if offset + size > #packet - found.first + 1 then return nil end
  return offset, size, at + 4
end

local function add(one, name, value)
  local list = one[name]
  if list then list[#list + 1] = value else one[name] = { value } end
end

-- By type: read a record of packet from at to stop into one (the command it belongs to, or all) and found (all). They
-- return nothing true if the record contradicts itself.

local readers = {}

readers[1] = function(packet, at, stop, one)
  local id, next_at = number(packet, at, stop)
  if not id or next_at + 1 > stop then return end
  one.number, one.form = id, FORMS[byte(packet, next_at)]
  return one.form
end

readers[2] = function(packet, at, stop, one)
  one.name = sub(packet, at, stop)
  return true
end

readers[3] = function(packet, at, stop, one)
  one.dialect = sub(packet, at, stop)
  return true
end

readers[4] = function(packet, at, stop, one, found)
  local offset, size, next_at = place(packet, at, stop, found)
  if offset == nil or next_at > stop then return end
  local kind = byte(packet, next_at)
  local name, label_at = short(packet, next_at + 1, stop)
  if not name then return end
  local label, value_at = long(packet, label_at, stop)
  local shape = TYPES[kind % 128]
  if not label or not shape then return end
  local value = sub(packet, value_at, stop)
  if value == "" and offset then value = sub(packet, found.first + offset, found.first + offset + size - 1) end
  add(one, "params", {
    name = name, value = value, label = label ~= "" and label, kind = shape, offset = offset, size = size,
  })
  return true
end

readers[5] = function(packet, at, stop, one)
  local id, next_at = number(packet, at, stop)
  if not id or next_at > stop then return end
  one.answers, one.role = id, ROLES[byte(packet, next_at)]
  return one.role
end

readers[6] = function(packet, at, stop, one)
  local code, next_at = short(packet, at, stop)
  if not code then return end
  one.result = code
  if next_at > stop then return true end
  local kind = byte(packet, next_at)
  local error_code, meaning_at = short(packet, next_at + 1, stop)
  if not error_code then return end
  local meaning, chinese_at = long(packet, meaning_at, stop)
  local chinese = meaning and long(packet, chinese_at, stop)
  if not chinese then return end
  one.error = { numeric = kind == 1, code = kind > 0 and error_code, text = meaning, chinese = chinese }
  return true
end

readers[16] = function(packet, at, stop, one)
  if at > stop then return end
  one.done = byte(packet, at) ~= 0
  return true
end

readers[17] = function(packet, at, stop, _, found)
  found.channel = at <= stop and byte(packet, at) or nil
  return found.channel
end

readers[7] = function(packet, at, stop, one)
  local high, low = wide(packet, at, stop)
  if not high then return end
  one.latency = { high, low }
  return true
end

readers[8] = function(packet, at, stop, one)
  one.request = number(packet, at, stop)
  return one.request
end

readers[9] = function(packet, at, stop, one)
  one.answers_request = number(packet, at, stop)
  return one.answers_request
end

readers[10] = function(packet, at, stop, one)
  local id, next_at = number(packet, at, stop)
  if not id or next_at > stop then return end
  local flags = byte(packet, next_at)
  local dialect, name_at = short(packet, next_at + 1, stop)
  local name = dialect and short(packet, name_at, stop)
  if not name then return end
  add(one, "groups", { number = id, last = flags % 4 > 1, dialect = dialect, name = name })
  return true
end

readers[11] = function(packet, at, stop, one, found)
  local offset, size, next_at = place(packet, at, stop, found)
  if offset == nil or next_at + 2 > stop then return end
  local via, encoding, kind = byte(packet, next_at, next_at + 2)
  local connection, name_at = short(packet, next_at + 3, stop)
  if not connection then return end
  local announced_by, meant_at = short(packet, name_at, stop)
  if not announced_by or not VIAS[via] or not ENCODINGS[encoding] then return end
  add(one, "payloads", {
    offset = offset, size = size, via = VIAS[via], encoding = ENCODINGS[encoding], numeric = kind == 1,
    connection = kind > 0 and connection, announced_by = announced_by, meant = meant_at <= stop and sub(packet, meant_at, stop),
  })
  return true
end

readers[12] = function(packet, at, stop, _, found)
  if at + 2 > stop then return end
  local severity, time, side = byte(packet, at, at + 2)
  local one = { severity = SEVERITIES[severity], time = time }
  local next_at = at + 2
  if time == 2 then
    one.high, one.low, next_at = wide(packet, next_at, stop)
    if not one.high or next_at > stop then return end
    side = byte(packet, next_at)
  end
  one.side = SIDES[side]
  one.rule, next_at = short(packet, next_at + 1, stop)
  if not one.rule then return end
  one.text, next_at = long(packet, next_at, stop)
  if not one.text then return end
  one.chinese, next_at = long(packet, next_at, stop)
  one.reference = one.chinese and short(packet, next_at, stop)
  if not one.reference or not one.severity then return end
  add(found, "findings", one)
  return true
end

readers[13] = function(packet, at, stop, _, found)
  local id, next_at = number(packet, at, stop)
  if not id then return end
  add(found, "given_up", { number = id, code = sub(packet, next_at, stop) })
  return true
end

readers[14] = function(packet, at, stop, _, found)
  local id, next_at = number(packet, at, stop)
  if not id or next_at > stop then return end
  add(found, "ended", { number = id, complete = byte(packet, next_at) % 2 == 1, text = sub(packet, next_at + 1, stop) })
  return true
end

readers[15] = function(packet, at, stop, one)
  one.said = sub(packet, at, stop)
  return true
end

readers[127] = function(_, _, _, _, found)
  found.cut = true
  return true
end

function decode.read(packet, at, last, first, skipped)
  -- Read the decode that stands in packet from at to last; its bytes begin at first. Positions count from 1. The result
  -- has version, kind (nil if none is known), commands or the parts of an answer, findings; malformed says that a record
  -- contradicts itself. skipped: types of records that nobody wants to see, and which are not checked then.
  skipped = skipped or NOTHING
  local version, kind = byte(packet, at, at + 1)
  local found = { version = version, kind = decode.KINDS[kind], first = first, commands = {} }
  if last < at + 1 or last > #packet then
    found.malformed = true
    return found
  end
  if version ~= decode.VERSION then return found end
  found.malformed = not found.kind
  local one = found
  at = at + 2
  while at <= last do
    local shape, high, low = byte(packet, at, at + 2)
    local stop = low and at + 2 + high * 256 + low
    if not stop or stop > last then
      found.malformed = true
      break
    end
    if shape == 1 then
      one = {}
      found.commands[#found.commands + 1] = one
    end
    local reader = not skipped[shape] and readers[shape]
    if reader and not reader(packet, at + 3, stop, one, found) then found.malformed = true end
    at = stop + 1
  end
  return found
end

return decode
