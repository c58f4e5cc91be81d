-- The fields, and how a parameter of a command becomes one.

local fields = {}

fields.proto = Proto("atshark", "AT commands between MCU and module")
fields.data_proto = Proto("atshark_data", "AT payload")
fields.note_proto = Proto("atshark_note", "What became known later of AT commands")
fields.raw_proto = Proto("atshark_raw", "AT recording")
fields.mark_proto = Proto("atshark_mark", "Mark in an AT recording")
fields.link_proto = Proto("atshark_link", "Carried by AT commands")
fields.param_proto = Proto("atparam", "Parameters of AT commands")
-- Parameters, and links from packets of connections, have protocols of their own, because Wireshark tells at once whether
-- anything of a protocol is asked for. (A name no longer than "atshark.", or Wireshark does not complete theirs.)

local taken = { expert = true } -- the names of fields, without "atshark."

local function named(make, name, title, ...)
  taken[name] = true
  return make("atshark." .. name, title, ...)
end

local function frame_field(name, title, kind) return named(ProtoField.framenum, name, title, base.NONE, kind or frametype.NONE) end
local function text_field(name, title) return named(ProtoField.string, name, title) end
local function time_field(name, title) return named(ProtoField.absolute_time, name, title, base.UTC) end

local own = {
  kind = text_field("kind", "Kind"),
  side = text_field("side", "Side"),
  line = text_field("line", "Line"),
  said = text_field("said", "Said"),
  info = text_field("info", "In short"),
  name = text_field("name", "Name"),
  form = text_field("form", "Form"),
  dialect = text_field("dialect", "Dialect"),
  param = text_field("param", "Parameter"),
  label = text_field("param.label", "Means"),
  int = named(ProtoField.int64, "param.int", "Integer"),
  float = named(ProtoField.double, "param.float", "Number"),
  bool = named(ProtoField.bool, "param.bool", "Boolean"),
  string = text_field("param.string", "Text"),
  bytes = named(ProtoField.bytes, "param.bytes", "Bytes"),
  clock = time_field("param.clock", "Time"),
  ipv4 = named(ProtoField.ipv4, "param.ipv4", "IPv4 address"),
  connect_id = named(ProtoField.int64, "connect_id", "Connection"),
  connect_name = text_field("connect_name", "Connection"),
  result = text_field("result", "Result"),
  result_done = named(ProtoField.bool, "result.done", "Result says that it was done"),
  channel = named(ProtoField.uint8, "channel", "Channel (DLCI)"),
  error_code = text_field("error.code", "Error code"),
  error_number = named(ProtoField.int64, "error.number", "Error number"),
  error_text = text_field("error.text", "Error"),
  error_chinese = text_field("error.text_zh", "Error, in Chinese"),
  response_in = frame_field("response_in", "Result in", frametype.RESPONSE),
  response_to = frame_field("response_to", "Answer to", frametype.REQUEST),
  given_up = text_field("given_up", "No final result"),
  given_up_of = frame_field("given_up_of", "No final result of the command in", frametype.REQUEST),
  given_up_in = frame_field("given_up_in", "No final result, as told in"),
  answers = frame_field("answers", "Answers the request in", frametype.REQUEST),
  answered_in = frame_field("answered_in", "Answered in", frametype.RESPONSE),
  answer_latency = named(ProtoField.double, "answer_latency", "Request to answer (ms)"),
  answer_latency_ns = named(ProtoField.int64, "answer_latency_ns", "Request to answer (ns)"),
  number = named(ProtoField.uint32, "number", "Number of the command"),
  transaction = named(ProtoField.uint32, "transaction", "Transaction (frame of its command)"),
  group = text_field("group", "Belongs to"),
  group_dialect = text_field("group.dialect", "Dialect"),
  group_start = frame_field("group_start", "Begins in"),
  group_last = named(ProtoField.bool, "group.last", "Last line"),
  group_complete = named(ProtoField.bool, "group.complete", "Complete"),
  group_text = text_field("group.text", "Group"),
  latency = named(ProtoField.double, "latency", "Latency (ms)"),
  latency_ns = named(ProtoField.int64, "latency_ns", "Latency (ns)"),
  data = named(ProtoField.bytes, "data", "Data"),
  text = text_field("text", "As text"),
  via = text_field("via", "Came by"),
  encoding = text_field("encoding", "Encoding"),
  announced_by = text_field("announced_by", "Announced by"),
  mark = text_field("mark", "Mark"),
  mark_text = text_field("mark.text", "Text"),
  finding = text_field("finding", "Finding"),
  finding_severity = text_field("finding.severity", "Severity"),
  finding_text = text_field("finding.text", "Message"),
  finding_chinese = text_field("finding.text_zh", "Message, in Chinese"),
  finding_reference = text_field("finding.reference", "Reference"),
  finding_side = text_field("finding.side", "Side"),
  finding_time = time_field("finding.time", "Time"),
  carried_by = frame_field("carried_by", "Carried by the command in"),
  carrier = text_field("carrier", "Command"),
  carries = frame_field("carries", "Carries"),
  version = named(ProtoField.uint8, "version", "Version of the decode"),
  decode = named(ProtoField.bytes, "decode", "Decode"),
}
fields.own = own

local function expert_field(name, title, group, severity)
  return ProtoExpert.new("atshark.expert." .. name, title, group, severity)
end

fields.experts = {
  error = expert_field("finding.error", "Finding", expert.group.PROTOCOL, expert.severity.ERROR),
  warning = expert_field("finding.warning", "Finding", expert.group.PROTOCOL, expert.severity.WARN),
  note = expert_field("finding.note", "Finding", expert.group.PROTOCOL, expert.severity.NOTE),
  unanswered = expert_field("unanswered", "No final result", expert.group.SEQUENCE, expert.severity.WARN),
  malformed = expert_field("malformed", "Malformed packet", expert.group.MALFORMED, expert.severity.ERROR),
  newer = expert_field("newer", "Decoded by a newer atshark: install its plugin", expert.group.UNDECODED, expert.severity.WARN),
  cut = expert_field("cut", "The rest of the decode did not fit", expert.group.UNDECODED, expert.severity.NOTE),
  raw = expert_field("raw", "Lines only", expert.group.UNDECODED, expert.severity.NOTE),
}

-- Fields of parameters: one a name, and one a command and name. A name that is taken already stands behind "param.".

local MAKERS = {
  int = ProtoField.int64, float = ProtoField.double, bool = ProtoField.bool, bytes = ProtoField.bytes,
}
local all, of_params, of_links = {}, {}, {}
local PARAM_KEYS = {
  connect_id = true, param = true, label = true, int = true, float = true, bool = true, string = true, bytes = true, clock = true, ipv4 = true,
}
for key, field in pairs(own) do
  local list = PARAM_KEYS[key] and of_params or (key == "carried_by" or key == "carrier") and of_links or all
  list[#list + 1] = field
end

local function make(key, title, kind)
  if taken[key] then return nil end
  local field = kind == "clock" and time_field(key, title) or named(MAKERS[kind] or ProtoField.string, key, title)
  of_params[#of_params + 1] = field
  return field
end

fields.params = { connect_id = { field = own.connect_id, kind = "int" } } -- by name: its field, what it holds
fields.of_command = {} -- by command, then name: the same
for _, one in ipairs(catalog.params) do
  local name, kind = one[1], one[2]
  if not fields.params[name] then
    local field = make(name:lower(), name, kind) or make("param." .. name:lower(), name, kind)
    if field then fields.params[name] = { field = field, kind = kind } end
  end
end
for command, params in pairs(catalog.commands) do
  local known = {}
  fields.of_command[command] = known
  local plain = command:lower():gsub("[^%w]", "")
  for name, kind in pairs(params) do
    local field = make(plain .. "." .. name:lower(), command .. " " .. name, kind)
    if field then known[name] = { field = field, kind = kind } end
  end
end

fields.proto.fields, fields.param_proto.fields, fields.link_proto.fields = all, of_params, of_links
local list = {}
for _, one in pairs(fields.experts) do list[#list + 1] = one end
fields.proto.experts = list

-- Values

local function epoch(iso)
  -- Seconds since 1970 of 2026-11-21T12:34:56+08:00.
  local year, month, day, hour, minute, second, zone = iso:match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)(.*)$")
  if not year or #year > 4 then return nil end
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

fields.typed = {
  int = function(value) return #value < 19 and value:match("^%-?%d+$") and Int64.new(value) or nil end,
  float = function(value) return value:match("^%-?[%d.]+[eE%d+-]*$") and tonumber(value) end,
  bool = function(value)
    if value == "true" then return true end
    if value == "false" then return false end
  end,
  clock = function(value)
    local seconds = epoch(value)
    return seconds and seconds > -2 ^ 31 and seconds < 2 ^ 33 and NSTime.new(seconds, 0) or nil
  end,
}
-- By type: a value that came as text, as tree:add takes it; nil if it is none of this type. Bytes are not among them:
-- where a field of bytes gets a value, Wireshark reads as many as it marks.

return fields
