-- Wireshark -------------------------------------------------------------------------------------------------

local proto = Proto("atshark", "AT commands between MCU and module")
local data_proto = Proto("atshark_data", "AT payload")
local raw_proto = Proto("atshark_raw", "AT recording")
local mark_proto = Proto("atshark_mark", "Mark in an AT recording")
local link_proto = Proto("atshark_link", "Carried by AT commands")

local fields = {
  kind = ProtoField.string("atshark.kind", "Kind"),
  side = ProtoField.string("atshark.side", "Side"),
  line = ProtoField.string("atshark.line", "Line"),
  info = ProtoField.string("atshark.info", "In short"),
  name = ProtoField.string("atshark.name", "Name"),
  form = ProtoField.string("atshark.form", "Form"),
  dialect = ProtoField.string("atshark.dialect", "Dialect"),
  param = ProtoField.string("atshark.param", "Parameter"),
  connect_id = ProtoField.int32("atshark.connect_id", "Connection"),
  result = ProtoField.string("atshark.result", "Result"),
  error_code = ProtoField.string("atshark.error.code", "Error code"),
  error_text = ProtoField.string("atshark.error.text", "Error"),
  response_in = ProtoField.framenum("atshark.response_in", "Result in", base.NONE, frametype.RESPONSE),
  response_to = ProtoField.framenum("atshark.response_to", "Answer to", base.NONE, frametype.REQUEST),
  answers = ProtoField.framenum("atshark.answers", "Answers the request in", base.NONE, frametype.REQUEST),
  answered_in = ProtoField.framenum("atshark.answered_in", "Answered in", base.NONE, frametype.RESPONSE),
  answer_latency = ProtoField.double("atshark.answer_latency", "Request to answer (ms)"),
  transaction = ProtoField.uint32("atshark.transaction", "Transaction (frame of its command)"),
  group = ProtoField.string("atshark.group", "Belongs to"),
  group_start = ProtoField.framenum("atshark.group_start", "Begins in"),
  latency = ProtoField.double("atshark.latency", "Latency (ms)"),
  latency_ns = ProtoField.int64("atshark.latency_ns", "Latency (ns)"),
  data = ProtoField.bytes("atshark.data", "Data"),
  text = ProtoField.string("atshark.text", "As text"),
  via = ProtoField.string("atshark.via", "Came by"),
  announced_by = ProtoField.string("atshark.announced_by", "Announced by"),
  mark = ProtoField.string("atshark.mark", "Mark"),
  mark_text = ProtoField.string("atshark.mark.text", "Text"),
  finding = ProtoField.string("atshark.finding", "Finding"),
  carried_by = ProtoField.framenum("atshark.carried_by", "Carried by the command in"),
  carrier = ProtoField.string("atshark.carrier", "Command"),
  carries = ProtoField.framenum("atshark.carries", "Carries"),
}
local experts = {
  error = ProtoExpert.new("atshark.expert.error", "Command failed", expert.group.RESPONSE_CODE, expert.severity.ERROR),
  unanswered = ProtoExpert.new(
    "atshark.expert.unanswered", "No final result", expert.group.SEQUENCE, expert.severity.WARN),
  unexpected = ProtoExpert.new(
    "atshark.expert.unexpected", "A result that no command waits for", expert.group.SEQUENCE, expert.severity.NOTE),
  malformed = ProtoExpert.new(
    "atshark.expert.malformed", "Malformed packet", expert.group.MALFORMED, expert.severity.ERROR),
  noise = ProtoExpert.new("atshark.expert.noise", "Bytes that cannot be decoded", expert.group.MALFORMED, expert.severity.WARN),
  reboot = ProtoExpert.new("atshark.expert.reboot", "The module restarted", expert.group.SEQUENCE, expert.severity.WARN),
  unfit = ProtoExpert.new(
    "atshark.expert.parameters", "The parameters do not fit the dialect", expert.group.PROTOCOL, expert.severity.NOTE),
  finding_error = ProtoExpert.new("atshark.expert.finding.error", "Finding", expert.group.PROTOCOL, expert.severity.ERROR),
  finding_warning = ProtoExpert.new(
    "atshark.expert.finding.warning", "Finding", expert.group.PROTOCOL, expert.severity.WARN),
  finding_note = ProtoExpert.new("atshark.expert.finding.note", "Finding", expert.group.PROTOCOL, expert.severity.NOTE),
}

local param_fields = {}
local NUMBERS = { flags = "int", rssi = "int" }
local MAKERS = {
  int = ProtoField.int64, float = ProtoField.double, bool = ProtoField.bool,
  clock = function(key, title) return ProtoField.absolute_time(key, title, base.UTC) end,
}

local function abbreviation(name, param)
  return "atshark." .. name:lower():gsub("[^%w]", "") .. "." .. param:lower()
end

local all = {}
for _, field in pairs(fields) do all[#all + 1] = field end
for _, one in ipairs(catalog.fields) do
  local key = abbreviation(one[1], one[2])
  if not param_fields[key] then
    local field = (MAKERS[one[3]] or ProtoField.string)(key, one[4] ~= "" and one[4] or one[2])
    param_fields[key] = { field, one[3] }
    all[#all + 1] = field
  end
end
proto.fields = all
proto.experts = {
  experts.error, experts.unanswered, experts.unexpected, experts.noise, experts.malformed, experts.reboot, experts.unfit,
  experts.finding_error, experts.finding_warning, experts.finding_note,
}

-- What arrived and what it was found to be --------------------------------------------------------------------
--
-- A packet is noted when Wireshark first shows it, and pushed through the engine when somebody looks into a packet:
-- a list whose Info column the exporter wrote costs next to nothing.

local session, frames, abandoned, answered_in, request_answered_in, groups
local count, newest, decoded, numbers, times, packets -- what arrived: three lists, which cost less than one of tables
local before, carried, carries

local streams, pieces, fed -- what recordings and captures of others hold: bytes as they came

local function prepared(made)
  made.on_abandoned = function(frame, code) abandoned[frame] = code end
  made.on_group = function(frame, first, name)
    groups[frame] = groups[frame] or {}
    table.insert(groups[frame], { first, name })
  end
  return made
end

local function reset()
  session = prepared(engine.new(catalog))
  streams, pieces, fed = {}, {}, {}
  frames, abandoned, answered_in, request_answered_in, groups = {}, {}, {}, {}, {}
  count, newest, decoded, numbers, times, packets = 0, 0, 0, {}, {}, {}
  before, carried, carries = {}, {}, {}
end

reset()
collectgarbage("setpause", 400) -- the catalog is large and lives for ever: looking through it seldom saves a third

local function arrive(pinfo, frame, packet)
  -- Note a packet that is seen for the first time. Its time is in seconds since the first packet, which a double holds
  -- to the ns; false where the file says unknown.
  local relative = pinfo.rel_ts
  if (relative == 0 or relative < -1e6) and pinfo.abs_ts == 0 then relative = false end
  count = count + 1
  newest, numbers[count], times[count], packets[count] = frame, frame, relative, packet
end

-- The tags of exported PDUs, as upper_pdu.py writes them: whose dissector, which direction, texts of the exporter.

local DISSECTOR, PORT_TYPE, TCP_DATA, INFO, NOTES, READ, END = 12, 24, 34, 36, 0x4154, 0x4155, 0

local function tag(number, value)
  return string.char(math.floor(number / 256), number % 256, 0, #value) .. value
end

local STARTS = {}
for name, kind in pairs({ atshark = "line", atshark_data = "payload", atshark_raw = "raw", atshark_mark = "mark" }) do
  for direction, side in pairs({ [0] = "mcu", "module" }) do
    local padded = name .. ("\0"):rep(-#name % 4)
    STARTS[tag(12, padded) .. tag(35, "\0\0\0" .. string.char(direction))] = { kind = kind, side = side }
  end
end

local function read_tags(bytes)
  -- The packet's kind and side, where its bytes begin, and the texts; nil if it is none of ours.
  local start, at = STARTS[bytes:sub(1, 20)], 21
  if not start then
    start, at = STARTS[bytes:sub(1, 24)], 25
    if not start then return nil end
  end
  local info, notes, read_ns
  while true do
    local a, b, c, d = bytes:byte(at, at + 3)
    if not d then return nil end
    local number, size = a * 256 + b, c * 256 + d
    at = at + 4
    if number == END then return start, at, info, notes, read_ns end
    if number == INFO then info = bytes:sub(at, at + size - 1)
    elseif number == NOTES then notes = bytes:sub(at, at + size - 1)
    elseif number == READ and size == 8 then
      local high, e, f, g, h = bytes:byte(at + 3, at + 7)
      if h then read_ns = (((high * 256 + e) * 256 + f) * 256 + g) * 256 + h end
    end
    at = at + size + -size % 4
  end
end

local function trips(packet)
  -- Whether Wireshark's dissector of exported PDUs would stop at an assertion. One that is reached through Lua costs a
  -- level of its stack each time, and after a hundred of them no Lua runs any more.
  local at, coap = 1, false
  while true do
    local a, b, c, d = packet:byte(at, at + 3)
    local number = d and a * 256 + b
    if not number or number == END then return false end
    if number == DISSECTOR then coap = packet:sub(at + 4, at + 8) == "coap\0" or packet:sub(at + 2, at + 7) == "\0\4coap" end
    if coap and number == PORT_TYPE and packet:sub(at + 4, at + 7) ~= "\0\0\0\3" then return true end
    if number == TCP_DATA and packet:sub(at + 4, at + 5) ~= "\0\1" then return true end
    if number == PORT_TYPE and not packet:match("^\0\0\0[\0-\5\8\10\12-\15]", at + 4) then return true end
    at = at + 4 + c * 256 + d
  end
end

local function link(frame, found)
  -- Remember which packet answers which.
  if found.owner then answered_in[found.owner.frame] = frame end
  for _, open in ipairs(found.entry and found.entry.opens or {}) do
    local request = open.request
    if request and not request_answered_in[request.frame] then request_answered_in[request.frame] = frame end
  end
end

local function decode_one(frame, time, packet)
  local start, at, _, notes = read_tags(packet)
  if not start then return end
  local time_ns, bytes = time and math.floor(time * 1e9 + 0.5) or nil, packet:sub(at)
  local found
  if start.kind == "payload" then
    local announced_by = notes and ("\n" .. notes):match("\nannounced_by=([^\n]*)")
    found = session:payload(time_ns, start.side, bytes, announced_by)
  else
    found = session:push(frame, time_ns, start.side, bytes)
  end
  found.notes = notes
  frames[frame] = found
  link(frame, found)
end

local function catch_up()
  -- Decode all that has arrived.
  for i = decoded + 1, count do
    decode_one(numbers[i], times[i], packets[i])
    packets[i] = false
  end
  decoded = count
  for i = 1, #carried do
    local found = frames[before[carried[i]]]
    local command = found and (found.transaction or before[carried[i]])
    if command then
      carries[command] = carries[command] or {}
      table.insert(carries[command], carried[i])
    end
  end
  if #carried > 0 then carried = {} end
end

-- A packet in the tree ----------------------------------------------------------------------------------------

local function epoch(text)
  -- Seconds since 1970 of 2026-11-21T12:34:56+08:00.
  local year, month, day, hour, minute, second, zone = text:match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)(.*)$")
  if not year then return nil end
  local y, m = tonumber(year), tonumber(month)
  if m <= 2 then y, m = y - 1, m + 12 end
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
    + math.floor((153 * (m - 3) + 2) / 5) + tonumber(day) - 719469
  local seconds = days * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
  local sign, zone_hours, zone_minutes = zone:match("^([%+%-])(%d%d):(%d%d)$")
  if sign then
    seconds = seconds - (sign == "-" and -1 or 1) * (tonumber(zone_hours) * 3600 + tonumber(zone_minutes) * 60)
  end
  return seconds
end

local typed_values = {
  int = function(value) return Int64.new(value) end,
  float = tonumber,
  bool = function(value) return value == "true" end,
  clock = function(value)
    local seconds = epoch(value)
    return seconds and NSTime.new(seconds, 0)
  end,
}

local function call(dissector, tvb, pinfo, root)
  -- A packet that a dissector finds malformed comes back as an error of Lua: say so as Wireshark would. Dissectors of
  -- streams, up to two below this one, may ask for more: where they may not, they stop in a way that Lua does not see
  -- and that costs it a level of its stack, as in trips().
  pinfo.can_desegment = 3
  local good, size = pcall(dissector.call, dissector, tvb, pinfo, root)
  if good then return size end
  root:add_proto_expert_info(experts.malformed)
  return tvb:len()
end

local function sub_dissector(bytes, params, name)
  -- The protocol of payload, by what the line says of it, else by what only that protocol looks like.
  local format
  for _, param in ipairs(params or {}) do
    if param[1] == "content_format" or param[1] == "format" or param[1] == "coap_option_content_format" then format = param[2] end
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
  if name == "udp" and kind and #bytes >= 4 and kind >= 0x40 and kind < 0x80 and kind % 16 <= 8 then
    local class = math.floor(bytes:byte(2) / 32)
    if class == 0 or class == 2 or class == 4 or class == 5 then return "coap" end
  end
end

local function from_hex(text)
  return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function keep_columns(pinfo, protocol, info)
  -- The columns stay ours, whatever a dissector of payload has written there, and kept from being changed.
  pinfo.cols.protocol:clear_fence()
  pinfo.cols.info:clear_fence()
  pinfo.cols.protocol = protocol
  pinfo.cols.info = info
end

local columns_info

local function add_payload(tree, root, pinfo, range, bytes, params)
  -- Payload as bytes, as text, and as what it is.
  tree:add(fields.data, range)
  if not bytes:find("[%z\1-\8\14-\31]") then
    tree:add(fields.text, range, engine.escaped(engine.to_text(bytes))):set_generated()
  end
  local name = sub_dissector(bytes, params)
  local dissector = name and Dissector.get(name)
  if dissector then
    call(dissector, range:tvb(), pinfo, root)
    keep_columns(pinfo, "AT", columns_info)
  end
end

local MAX_DECODED = 65536

local function add_hidden_payload(tree, root, pinfo, tvb, params)
  -- Payload that stands inside a line: as hex digits, or as text.
  for _, param in ipairs(params or {}) do
    local key, value = param[1], param[2]
    if #value >= 2 and #value <= MAX_DECODED and (key == "data" or key == "payload" or key == "message" or key == "value") then
      local hex = #value % 2 == 0 and #value >= 8 and value:match("^%x+$")
      local bytes = hex and from_hex(value) or value
      if hex or sub_dissector(bytes, params) then
        local made = ByteArray.new(hex and value or value:gsub(".", function(c) return string.format("%02x", c:byte()) end))
        add_payload(tree, root, pinfo, made:tvb("Payload")(), bytes, params)
      end
    end
  end
end

local function add_params(tree, tvb, name, params)
  for _, param in ipairs(params or {}) do
    local key, value, label, kind = param[1], param[2], param[3], param[4]
    local known = param_fields[abbreviation(name or "", key)]
    kind = NUMBERS[kind] or kind
    local makes = known and typed_values[known[2]]
    local typed = value
    if makes then typed = (known[2] == kind or known[2] == "clock") and makes(value) or nil end
    if known and makes and known[2] == "bool" and kind == "bool" then typed = value == "true" end
    if known and typed ~= nil then
      local item = tree:add(known[1], tvb, typed)
      if label and label ~= value then item:append_text(" (" .. label .. ")") end
    end
    if key == "connect_id" and kind == "int" and #value < 10 then tree:add(fields.connect_id, tvb, tonumber(value)) end
    tree:add(fields.param, tvb, key .. "=" .. value):set_generated()
  end
end

local function add_finding(tree, tvb, item, rule, text)
  tree:add(fields.finding, tvb, rule):set_generated()
  if text then tree:add_proto_expert_info(item, text) else tree:add_proto_expert_info(item) end
end

local function add_notes(tree, tvb, notes)
  if not notes then return end
  for line in notes:gmatch("[^\n]+") do
    local name, value = line:match("^(%l[%l_]*)=(.*)$")
    if name == "connect_id" and value:match("^%d+$") and #value < 10 then tree:add(fields.connect_id, tvb, tonumber(value))
    elseif name == "announced_by" then tree:add(fields.announced_by, tvb, engine.escaped(value)):set_generated()
    elseif name == "via" then tree:add(fields.via, tvb, engine.escaped(value)):set_generated()
    elseif name == "finding" then
      local rule, severity, text = value:match("^(%S+) (%l+) (.*)$")
      local item = experts["finding_" .. (severity or "")]
      if item then add_finding(tree, tvb, item, engine.escaped(rule), engine.escaped(text)) end
    end
  end
end

local function milliseconds(ns)
  -- To the microsecond, which is finer than any adapter; atshark.latency_ns is exact.
  return math.floor(ns / 1e3 + 0.5) / 1e3
end

local function add_command(tree, tvb, found, frame)
  for _, open in ipairs(found.entry.opens) do
    tree:add(fields.name, tvb, open.name)
    tree:add(fields.form, tvb, open.form)
    if open.command then tree:add(fields.dialect, tvb, open.command.dialect) end
    add_params(tree, tvb, open.name, open.arguments.params)
    if open.request then
      tree:add(fields.answers, tvb, open.request.frame):set_generated()
      if open.time_ns and open.request.time_ns then
        tree:add(fields.answer_latency, tvb, milliseconds(open.time_ns - open.request.time_ns)):set_generated()
      end
    end
  end
  local result = answered_in[frame]
  if result then tree:add(fields.response_in, tvb, result):set_generated() end
  if abandoned[frame] then
    tree:add(fields.result, tvb, abandoned[frame]):set_generated()
    add_finding(tree, tvb, experts.unanswered, "command.unanswered", "No final result: " .. found.info)
  end
end

local function add_answer(tree, tvb, found)
  if found.name then tree:add(fields.name, tvb, found.name) end
  if found.dialect then tree:add(fields.dialect, tvb, found.dialect) end
  add_params(tree, tvb, found.name, found.params)
  if found.unfit then add_finding(tree, tvb, experts.unfit, "parameters") end
  if found.reboot then add_finding(tree, tvb, experts.reboot, "module.rebooted") end
  if found.response_to then tree:add(fields.response_to, tvb, found.response_to):set_generated() end
end

local function add_result(tree, tvb, found)
  tree:add(fields.result, tvb, found.code)
  if found.error_code then tree:add(fields.error_code, tvb, found.error_code) end
  if found.error_text then tree:add(fields.error_text, tvb, found.error_text) end
  if found.owner then
    tree:add(fields.response_to, tvb, found.owner.frame):set_generated()
    if found.failed then add_finding(tree, tvb, experts.error, "command.error", found.info) end
  elseif found.unexpected then
    add_finding(tree, tvb, experts.unexpected, "result.unexpected")
  end
end

local function add_links(tree, tvb, frame, found)
  if found.latency then
    tree:add(fields.latency, tvb, milliseconds(found.latency)):set_generated()
    tree:add(fields.latency_ns, tvb, Int64.new(string.format("%.0f", found.latency))):set_generated()
  end
  if found.transaction then tree:add(fields.transaction, tvb, found.transaction):set_generated() end
  if request_answered_in[frame] then
    tree:add(fields.answered_in, tvb, request_answered_in[frame]):set_generated()
  end
  for _, group in ipairs(groups[frame] or {}) do
    tree:add(fields.group, tvb, group[2]):set_generated()
    tree:add(fields.group_start, tvb, group[1]):set_generated()
  end
  for _, packet in ipairs(carries[frame] or {}) do tree:add(fields.carries, tvb, packet):set_generated() end
end

local ARROW = { mcu = "\226\134\146 ", module = "\226\134\144 " }

local function described(found)
  if not found.info then
    if found.kind == "data" then
      local shown = engine.escaped(engine.to_text(found.bytes:sub(1, 64)))
      found.info = #found.bytes .. " bytes of payload: " .. shown
    else
      found.info = engine.describe(found)
    end
  end
  return found.info
end

local function show_in_tree(range, pinfo, root, found, frame)
  -- One line or payload as a subtree.
  local tree = root:add(proto, range)
  tree:append_text(", " .. described(found))
  tree:add(fields.kind, range, found.kind):set_generated()
  tree:add(fields.side, range, found.side):set_generated()
  if found.kind == "data" then
    add_payload(tree, root, pinfo, range, found.bytes, nil)
    if found.transaction then tree:add(fields.response_to, range, found.transaction):set_generated() end
  else
    tree:add(fields.line, range, engine.escaped(engine.to_text(found.bytes)))
    tree:add(fields.info, range, found.info):set_generated()
  end
  if found.kind == "command" then add_command(tree, range, found, frame)
  elseif found.code then add_result(tree, range, found)
  elseif found.params then add_answer(tree, range, found)
  elseif found.kind == "noise" then add_finding(tree, range, experts.noise, "noise")
  elseif found.response_to then tree:add(fields.response_to, range, found.response_to):set_generated() end
  add_notes(tree, range, found.notes)
  add_links(tree, range, frame, found)
  if found.body and #found.body > 0 then
    tree:add(fields.data, range):set_text("Data: " .. engine.escaped(engine.to_text(found.body)))
  end
  if found.entry then
    for _, open in ipairs(found.entry.opens) do add_hidden_payload(tree, root, pinfo, range, open.arguments.params) end
  else
    add_hidden_payload(tree, root, pinfo, range, found.params)
  end
end

local function set_columns(pinfo, side, info)
  local cols = pinfo.cols
  cols.protocol = "AT"
  cols.info = info
  cols.src = side == "mcu" and "MCU" or "module"
  cols.dst = side == "mcu" and "module" or "MCU"
  columns_info = info
end

local function show(tvb, pinfo, root, found, info)
  set_columns(pinfo, found.side, info or ARROW[found.side] .. described(found))
  show_in_tree(tvb(), pinfo, root, found, pinfo.number)
  return tvb:len()
end

-- Called by name, by way of Wireshark's own dissector of exported PDUs: only if another plugin took link type 252.

local function by_name(name)
  return function(tvb, pinfo, root)
    if tvb:len() == 0 then return 0 end
    local direction = string.char(pinfo.p2p_dir == 0 and 0 or 1)
    if pinfo.number > newest then
      arrive(pinfo, pinfo.number, tag(12, name) .. tag(35, "\0\0\0" .. direction) .. tag(END, "") .. tvb:raw())
    end
    catch_up()
    local found = frames[pinfo.number]
    return found and show(tvb, pinfo, root, found) or 0
  end
end

proto.dissector = by_name("atshark\0")
data_proto.dissector = by_name("atshark_data")

-- Bytes as they came: recordings, and captures that others made ----------------------------------------------------

local function stream_of(key)
  local stream = streams[key]
  if not stream then
    stream = engine.stream(prepared(engine.new(catalog)))
    stream.on_found = function(frame, found, first, last)
      pieces[frame] = pieces[frame] or {}
      table.insert(pieces[frame], { found, first, last })
      if not frames[frame] or found.kind == "command" then frames[frame] = found end
      link(frame, found)
    end
    streams[key] = stream
  end
  return stream
end

local function nanoseconds(pinfo)
  local relative = pinfo.rel_ts
  if (relative == 0 or relative < -1e6) and pinfo.abs_ts == 0 then return nil end
  return math.floor(relative * 1e9 + 0.5)
end

local function show_stream(tvb, pinfo, root, side, key, read_ns)
  -- A packet that is a read of the tap, or a transfer of a foreign capture.
  local frame = pinfo.number
  local stream = stream_of(key)
  if not fed[frame] then
    fed[frame] = true
    local time_ns = nanoseconds(pinfo)
    stream:push(frame, time_ns and time_ns + (read_ns or 0), side, tvb:raw())
  end
  local infos = {}
  for _, piece in ipairs(pieces[frame] or {}) do infos[#infos + 1] = described(piece[1]) end
  if #infos == 0 then
    local shown = engine.escaped(engine.to_text(tvb:raw(0, math.min(tvb:len(), 120))))
    infos[1] = tvb:len() .. " bytes, more follows: " .. shown
  end
  set_columns(pinfo, side, ARROW[side] .. table.concat(infos, " | "))
  for _, piece in ipairs(pieces[frame] or {}) do
    local first, last = piece[2], math.min(piece[3], tvb:len())
    if last > first then show_in_tree(tvb(first, last - first), pinfo, root, piece[1], frame) end
  end
  if not pieces[frame] then
    local tree = root:add(proto, tvb())
    tree:append_text(", " .. infos[1])
    tree:add(fields.kind, tvb(), "part"):set_generated()
    tree:add(fields.side, tvb(), side):set_generated()
    tree:add(fields.data, tvb())
  end
  return tvb:len()
end

local function show_recording(tvb, pinfo, root, side, read_ns)
  return show_stream(tvb, pinfo, root, side, "recording", read_ns)
end

local MARK_SEVERITY = {
  gap = "warning", silent = "warning", overrun = "error", ["break"] = "warning", error = "warning", shed = "warning",
}

local function show_mark(tvb, pinfo, root, side)
  local kind, text = tvb:raw():match("^(%l+)\n(.*)$")
  kind, text = kind or "note", engine.escaped(engine.to_text(text or tvb:raw()))
  set_columns(pinfo, side, "[" .. kind .. "] " .. text)
  local tree = root:add(proto, tvb(), "AT recording: " .. kind .. ": " .. text)
  tree:add(fields.kind, tvb(), "mark"):set_generated()
  tree:add(fields.side, tvb(), side):set_generated()
  tree:add(fields.mark, tvb(0, math.min(tvb:len(), #kind)), kind)
  tree:add(fields.mark_text, tvb(), text)
  add_finding(tree, tvb(), experts["finding_" .. (MARK_SEVERITY[kind] or "note")], "tap." .. kind, text)
  return tvb:len()
end

function mark_proto.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  return show_mark(tvb, pinfo, root, pinfo.p2p_dir == 0 and "mcu" or "module")
end

-- Which packets somebody wants to see into --------------------------------------------------------------------

local find, byte, sub, raw_bytes, referenced = string.find, string.byte, string.sub, Tvb.raw, TreeItem.referenced
local own, others
local OTHERS = { "json", "cbor", "lwm2mtlv", "mqtt", "coap", "http" }
local checked, others_wanted = 0, false

local function wanted(root, frame)
  -- Whether the tree is shown, or a filter, a colouring rule or a tap asks for something in it. What they ask changes
  -- between passes only, so the dissectors that payload may go to are asked about now and then.
  if not own then
    own, others = Dissector.get("atshark"), {}
    for _, name in ipairs(OTHERS) do others[#others + 1] = Dissector.get(name) end
  end
  if referenced(root, own) then return true end
  if frame <= checked or frame > checked + 64 or checked == 0 then
    checked, others_wanted = frame, false
    for _, dissector in ipairs(others) do
      if referenced(root, dissector) then others_wanted = true end
    end
  end
  return others_wanted
end

local function clean(text)
  -- Text of a file, which anybody may have written: nothing that a terminal obeys. Plain searches, because a set of
  -- characters takes longer than all the rest that is done for a packet of the list.
  if text and (find(text, "\27", 1, true) or find(text, "\194\155", 1, true) or find(text, "\n", 1, true)) then
    return engine.escaped(engine.to_text(text))
  end
  return text
end

local function begins(name)
  -- How packets begin whose first tags are those that the exporter writes, up to the direction.
  local start = tag(12, name .. ("\0"):rep(-#name % 4)) .. tag(35, "\0\0\0\0")
  return start:sub(1, -2), #start
end
local LINE, LINE_SIDE = begins("atshark")
local DATA, DATA_SIDE = begins("atshark_data")
local SIDES = { [0] = "mcu", "module" }

local function listed(pinfo, root, frame, packet, at)
  -- Serve the packet list, with the text that the exporter wrote. false if more is asked for, or if there is something
  -- for Expert Information, here or at the command that is given up here.
  local direction, zero, number, high, low = byte(packet, at, at + 4)
  local side = SIDES[direction]
  if not low or not side or zero ~= 0 or number ~= INFO then return false end
  if frame > newest then arrive(pinfo, frame, packet) end
  if abandoned[frame] or find(packet, "finding=", at, true) or wanted(root, frame) then return false end
  set_columns(pinfo, side, clean(sub(packet, at + 5, at + 4 + high * 256 + low)))
  return true
end

local function upper_pdu(tvb, pinfo, root, packet)
  -- true if the packet is one of ours
  local frame = pinfo.number
  local at = find(packet, LINE, 1, true) == 1 and LINE_SIDE or find(packet, DATA, 1, true) == 1 and DATA_SIDE
  if at and listed(pinfo, root, frame, packet, at) then return true end
  local start, first, info, _, read_ns = read_tags(packet)
  if not start then return false end
  if first > #packet then return true end
  if start.kind == "raw" then
    show_recording(tvb(first - 1):tvb(), pinfo, root, start.side, read_ns)
    return true
  end
  if start.kind == "mark" then
    show_mark(tvb(first - 1):tvb(), pinfo, root, start.side)
    return true
  end
  if frame > newest then arrive(pinfo, frame, packet) end
  catch_up()
  local found = frames[frame]
  if found then show(tvb(first - 1):tvb(), pinfo, root, found, clean(info)) end
  return true
end

-- What sockets and PPP carry -----------------------------------------------------------------------------------

-- Wireshark gives a TCP or UDP port to the protocol that usually has it: OneNET's MQTT port 6002 to X11. In our files
-- the ports that connections really use are given to this dissector, which looks at the first bytes. What is none of the
-- known protocols goes to the owner of a well-known port; a port goes back to its owner when another file is opened.

local stream_proto = Proto("atshark_stream", "Socket data")
local claimed = { tcp = {}, udp = {} }
local chosen = {}
local modem_protocols = { mqtt = true, http = true, coap = true, tls = true, dtls = true }

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

function stream_proto.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  local transport = pinfo.port_type == 3 and "udp" or "tcp"
  local from, to = pinfo.src_port, pinfo.dst_port
  local key = math.min(from, to) * 65536 + math.max(from, to)
  local name = transport == "udp" and datagram_protocol(tvb) or transport == "tcp" and stream_protocol(tvb)
  if name then chosen[key] = name else name = transport == "tcp" and chosen[key] end
  local port = claimed[transport][from] ~= nil and from or to
  local dissector = name and Dissector.get(name) or claimed[transport][port]
  if not name and dissector and port >= 1024 and not modem_protocols[tostring(dissector)] then dissector = nil end
  if not dissector then return 0 end
  return call(dissector, tvb, pinfo, root)
end

local function claim(transport, port)
  if port == 0 or port == 53 or claimed[transport][port] ~= nil then return end
  local ports = DissectorTable.get(transport .. ".port")
  claimed[transport][port] = ports:get_dissector(port) or false
  ports:add(port, stream_proto)
end

local function unclaim()
  for transport, owners in pairs(claimed) do
    local ports = DissectorTable.get(transport .. ".port")
    for port, owner in pairs(owners) do
      ports:remove(port, stream_proto)
      if owner then ports:add(port, owner) end
    end
  end
  claimed, chosen = { tcp = {}, udp = {} }, {}
end

local function claim_ports(packet, start)
  -- start: where in the packet the IP header begins, from 1
  local first = byte(packet, start)
  local version = first and math.floor(first / 16)
  local inner, number
  if version == 4 then inner, number = start + 4 * (first % 16), byte(packet, start + 9)
  elseif version == 6 then inner, number = start + 40, byte(packet, start + 6) end
  local transport = number == 6 and "tcp" or number == 17 and "udp"
  if not transport then return end
  local a, b, c, d = byte(packet, inner, inner + 3)
  -- the lower of the two ports is the server's: that of a client is chosen from the upper ones
  if d then claim(transport, math.min(a * 256 + b, c * 256 + d)) end
end

local function ppp_payload(packet)
  -- Behind address and control, and the protocol field of one or two bytes; the direction is not part of the packet.
  local at = byte(packet, 1) == 0xFF and 3 or 1
  local a, b = byte(packet, at, at + 1)
  if not b then return end
  if a == 0x21 or a == 0x57 then return at + 1 end
  if a == 0 and (b == 0x21 or b == 0x57) then return at + 2 end
end

-- Which AT command carried a packet: the exporter writes packets behind the line that made them known.

local function carrier_of(frame)
  local uart = before[frame]
  if not uart then return nil end
  catch_up()
  local found = frames[uart]
  if not found then return nil end
  local command = found.transaction or (found.kind ~= "result" and uart)
  return command, command and frames[command]
end

local function add_carrier(tvb, root, frame)
  local command, found = carrier_of(frame)
  if not command then return end
  local tree = root:add(link_proto, tvb(0, 0))
  local text = found and described(found) or "a command before the first packet"
  tree:append_text(": " .. text)
  tree:add(fields.carried_by, command):set_generated()
  if found then tree:add(fields.carrier, engine.escaped(engine.line_text(found.bytes))):set_generated() end
end

local function note_carrier(frame)
  -- Remember, when the packet is first seen, behind which line it stands.
  if before[frame] == nil then
    before[frame] = newest
    carried[#carried + 1] = frame
  end
end

local count_carried -- see statistics.lua

local function carried_packet(tvb, pinfo, root, packet, start)
  local first = before[pinfo.number] == nil
  note_carrier(pinfo.number)
  if first and start then count_carried(packet, pinfo, start) end
  if start then claim_ports(packet, start) end
  if wanted(root, pinfo.number) then add_carrier(tvb, root, pinfo.number) end
end

local function hook(kind, owner_name, name, title, dissect)
  -- Look at the packets of a link type before Wireshark's own dissector does. When Lua plugins are loaded again, its
  -- entry is gone, and it is found by name.
  local by_encap = DissectorTable.get("wtap_encap")
  local owner = by_encap:get_dissector(kind) or Dissector.get(owner_name)
  local hooked = Proto(name, title)
  function hooked.dissector(tvb, pinfo, root)
    return dissect(tvb, pinfo, root, owner) or call(owner, tvb, pinfo, root)
  end
  by_encap:add(kind, hooked)
end

hook(wtap_encaps.WIRESHARK_UPPER_PDU, "exported_pdu", "atshark_packet", "AT packet", function(tvb, pinfo, root, owner)
  local packet = raw_bytes(tvb)
  if upper_pdu(tvb, pinfo, root, packet) then return #packet end
  if trips(packet) then
    root:add_proto_expert_info(experts.malformed)
    return #packet
  end
  if newest > 0 and #packet > 0 then carried_packet(tvb, pinfo, root, packet) end
  local size = call(owner, tvb, pinfo, root)
  if pinfo.desegment_len ~= 0 then -- the rest that it asks for will not come
    pinfo.desegment_len, pinfo.cols.info = 0, "Incomplete packet"
    root:add_proto_expert_info(experts.malformed)
  end
  return size
end)

hook(wtap_encaps.RAW_IP, "raw", "atshark_ip", "Socket packet", function(tvb, pinfo, root)
  if newest > 0 and tvb:len() > 0 then carried_packet(tvb, pinfo, root, raw_bytes(tvb), 1) end
end)

hook(wtap_encaps.PPP_WITH_PHDR, "ppp_hdlc", "atshark_ppp", "PPP packet", function(tvb, pinfo, root)
  if newest > 0 and tvb:len() > 0 then
    local packet = raw_bytes(tvb)
    carried_packet(tvb, pinfo, root, packet, ppp_payload(packet))
  end
end)

local on_reset = {}

function proto.init()
  reset()
  unclaim()
  for _, action in ipairs(on_reset) do action() end
end
