-- Payload, as bytes, as text, and as what it is.

local payload = {}
local own = fields.own
local MAX_DECODED = 65536
local CARRYING = { data = true, payload = true, message = true, value = true }

payload.DISSECTORS = { "json", "cbor", "lwm2mtlv", "mqtt", "coap", "http" }

function payload.call(dissector, tvb, pinfo, root)
  -- A packet that a dissector finds malformed comes back as an error of Lua: say so as Wireshark would. Dissectors of
  -- streams, up to two below this one, may ask for more: where they may not, they stop in a way that Lua does not see
  -- and that costs it a level of its stack, as in tags.trip().
  pinfo.can_desegment = 3
  local good, size = pcall(dissector.call, dissector, tvb, pinfo, root)
  if good then return size end
  root:add_proto_expert_info(fields.experts.malformed)
  return tvb:len()
end

local function protocol_of(bytes, params)
  -- The protocol of payload, by what the line says of it, else by what only that protocol looks like.
  local format
  for _, param in ipairs(params or {}) do
    local name = param.name
    if name == "content_format" or name == "format" or name == "coap_option_content_format" then format = param.value end
  end
  if format == "11542" or format == "1542" then return "lwm2mtlv" end
  if format == "60" or format == "112" or format == "11544" then return "cbor" end
  local first = bytes:match("^[ \t\r\n]*(.)")
  if (first == "{" or first == "[") and bytes:match("[%]}][ \t\r\n]*$") then return "json" end
  if bytes:match("^HTTP/1%.[01] %d%d%d") or bytes:match("^%u+ [/h*]%S* HTTP/1%.[01]\r\n") then return "http" end
  if bytes:match("^\x10[\12-\127]\0[\4\6]MQ") then return "mqtt" end
  local kind, size = bytes:byte(1, 2)
  if kind and size and #bytes == size + 2 and size < 128 then
    local high, low = math.floor(kind / 16), kind % 16
    if high == 2 and low == 0 and (size == 2 or bytes:byte(3) <= 1 and bytes:byte(4) == 0) then return "mqtt" end
    if high == 3 and low < 14 and low % 8 < 6 and size > 4 and bytes:byte(3) == 0 and bytes:byte(4) <= size - 2 then
      return "mqtt"
    end
    if (high == 12 or high == 13 or high == 14) and size == 0 and low == 0 then return "mqtt" end
  end
end

local function from_hex(digits)
  return (digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function to_hex(bytes)
  return (bytes:gsub(".", function(c) return string.format("%02x", c:byte()) end))
end

function payload.range_of(hex, title)
  -- Bytes that do not stand in the packet, given as hex digits, as a range of a tab of their own.
  return ByteArray.new(hex):tvb(title)()
end

local function show(item, root, pinfo, range, bytes, params, dissected)
  -- Show bytes, and what is known of them; returns the item of the bytes. dissected: their protocol is wanted, too.
  local new = items.marked(item, own.data, range) or item
  if items.wanted(item, own.text) and not bytes:find("[%z\1-\8\14-\31]") then
    items.made(new, own.text, range, text.shown(bytes))
  end
  local name = dissected and protocol_of(bytes, params)
  local dissector = name and Dissector.get(name)
  if dissector then
    payload.call(dissector, range:tvb(), pinfo, root)
    columns.keep(pinfo)
  end
  return new
end

local function meant(one, raw)
  -- The bytes of a payload record; raw: as they stand in the packet, nil if they do not.
  if one.meant or not raw then return one.meant or "" end
  if one.encoding == "hex" and #raw % 2 == 0 and raw:match("^%x+$") then return from_hex(raw) end
  return raw
end

function payload.add(item, root, pinfo, range, one, raw, params, dissected)
  -- Show a payload record; raw are its bytes as they stand in the packet, at range, nil if they do not.
  local new = item
  if dissected or items.wanted(item, own.data) or items.wanted(item, own.text) then
    local bytes = meant(one, raw)
    if bytes ~= "" then
      local marked = bytes == raw and range or payload.range_of(to_hex(bytes), "Payload")
      new = show(item, root, pinfo, marked, bytes, params, dissected)
    end
  end
  items.made(new, own.via, range, one.via)
  items.made(new, own.encoding, range, one.encoding)
  items.made(new, own.announced_by, range, text.shown(one.announced_by))
  if one.connection then
    local number = one.numeric and fields.typed.int(one.connection)
    if number then items.made(new, own.connect_id, range, number)
    else items.made(new, own.connect_name, range, text.shown(one.connection)) end
  end
end

function payload.add_params(item, root, pinfo, params)
  -- Show what parameters carry where no payload record says so: messages of protocols that the module itself speaks.
  for _, param in ipairs(params) do
    local value = param.value
    if CARRYING[param.name] and #value >= 2 and #value <= MAX_DECODED then
      local hex = #value % 2 == 0 and #value >= 8 and value:match("^%x+$")
      local bytes = hex and from_hex(value) or value
      if hex or protocol_of(bytes, params) then
        show(item, root, pinfo, payload.range_of(hex or to_hex(value), "Payload"), bytes, params, true)
      end
    end
  end
end

return payload
