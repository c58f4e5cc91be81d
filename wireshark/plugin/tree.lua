-- A packet in the tree: what the decode says, each field at its bytes.

local tree = {}
local own, experts, typed = fields.own, fields.experts, fields.typed
local referenced, add = TreeItem.referenced, TreeItem.add
local IPV4 = "^%d%d?%d?%.%d%d?%d?%.%d%d?%d?%.%d%d?%d?$"

local everything -- whether the tree is shown, so that all fields are wanted

local function put(item, field, range, value)
  -- Add a field if it has a value and somebody wants to see it or asks for it; returns its item, or nil.
  if value ~= nil and (everything or referenced(item, field)) then return add(item, field, range, value) end
end

local function made(item, field, range, value)
  -- The same for what does not stand in the bytes.
  local new = put(item, field, range, value)
  if new then new:set_generated() end
  return new
end

local function marked(item, field, range)
  -- The same for bytes as they stand there.
  if everything or referenced(item, field) then return add(item, field, range) end
end

local function hidden(item, field, range, value)
  -- The same for what filters find and the tree has in another form.
  local new = put(item, field, range, value)
  if new then new:set_hidden(true) end
end

local function milliseconds(wide)
  -- To the microsecond, which is finer than any adapter; the field in ns is exact.
  local high = wide[1] >= 2 ^ 31 and wide[1] - 2 ^ 32 or wide[1]
  return math.floor((high * 2 ^ 32 + wide[2]) / 1e3 + 0.5) / 1e3
end

local BILLION = Int64.new(1000000000)

local function moment(one)
  -- A time of eight bytes, in ns since 1970.
  local ns = Int64.new(one.low, one.high)
  local seconds = ns / BILLION
  return NSTime.new(seconds:tonumber(), (ns - seconds * BILLION):tonumber())
end

-- Parameters

local function wants(item, known)
  return known and referenced(item, known.field)
end

local function as_kind(known, value, shown)
  -- The value as the field of a parameter holds it; nil if it is of another type.
  if known.kind == "string" then return shown end
  if known.kind == "bytes" then return nil end
  if known.kind == "int" and (value == "true" or value == "false") then value = value == "true" and "1" or "0" end
  return typed[known.kind](value)
end

local function add_param(item, view, command, param)
  local name, value = param.name, param.value
  local known = fields.params[name]
  local special = fields.of_command[command or ""]
  special = special and special[name]
  if not (everything or wants(item, known) or wants(item, special) or referenced(item, own.param)
    or referenced(item, own[param.kind] or own.ipv4) or referenced(item, own.string) or referenced(item, own.label)) then
    return
  end
  local kind = param.kind == "ip" and "string" or param.kind
  local shown, range = text.shown(value), view:range(param.offset, param.size)
  local right, new = shown, nil
  if kind == "bytes" then
    local digits = #value % 2 == 0 and #value > 0 and value:match("^%x+$")
    if digits then
      range = payload.range_of(value, text.shown(name))
      right = nil
    else
      kind = "string"
    end
  elseif kind ~= "string" then
    right = typed[kind](value)
    if right == nil then right, kind = shown, "string" end
  end
  local field = known and (known.kind == kind or known.kind == "float" and kind == "int") and known.field or own[kind]
  if known and known.kind == "float" and kind == "int" then kind, right = "float", tonumber(value) end
  new = kind == "bytes" and marked(item, field, range) or put(item, field, range, right)
  if not known or field ~= known.field then
    if new then new:set_text(text.shown(name) .. ": " .. shown) end
    local other = known and as_kind(known, value, shown)
    if other ~= nil then hidden(item, known.field, range, other) end
  end
  local label = param.label and text.shown(param.label)
  if label then
    if new and label ~= shown then new:append_text(" (" .. label .. ")") end
    hidden(new or item, own.label, range, label)
  end
  hidden(item, own.param, range, text.shown(name) .. "=" .. shown)
  local other = special and (special.kind == kind and right or as_kind(special, value, shown))
  if special and special.kind == "bytes" and kind == "bytes" then
    local bytes = marked(item, special.field, range)
    if bytes then bytes:set_hidden(true) end
  elseif other ~= nil and special then hidden(item, special.field, range, other) end
  if param.kind == "ip" and value:match(IPV4) then hidden(item, own.ipv4, range, Address.ip(value)) end
end

-- Links

local function add_groups(item, range, groups)
  for _, group in ipairs(groups or {}) do
    local new = made(item, own.group, range, text.shown(group.name)) or item
    made(new, own.group_dialect, range, text.shown(group.dialect))
    made(new, own.group_last, range, group.last)
    local first = links.frame_of[group.number]
    if first then made(new, own.group_start, range, first) end
  end
end

local function add_latency(item, range, latency, in_ms, in_ns)
  made(item, in_ms, range, milliseconds(latency))
  made(item, in_ns, range, Int64.new(latency[2], latency[1]))
end

local function add_given_up(item, range, code, frame)
  made(item, own.result, range, text.shown(code))
  made(item, own.given_up, range, text.shown(code))
  made(item, own.given_up_in, range, frame)
end

local function add_command(item, range, view, command, last)
  -- last: the last command of the line, to which the one result belongs.
  local new = put(item, own.name, range, text.shown(command.name or "")) or item
  made(new, own.form, range, command.form)
  if command.dialect then made(new, own.dialect, range, text.shown(command.dialect)) end
  for _, param in ipairs(command.params or {}) do add_param(new, view, command.name, param) end
  local number = command.number or 0
  made(new, own.number, range, number)
  local result = links.result_in[number] or links.result_in[last.number or 0]
  if result then made(new, own.response_in, range, result) end
  if links.given_up[number] then add_given_up(new, range, links.given_up[number], links.given_up_in[number]) end
  local request = command.answers_request and links.frame_of[command.answers_request]
  if request then made(new, own.answers, range, request) end
  if command.latency then add_latency(new, range, command.latency, own.answer_latency, own.answer_latency_ns) end
  add_groups(new, range, command.groups)
end

local function add_result(item, range, found)
  put(item, own.result, range, text.shown(found.result))
  local failed = found.error
  if not failed then return end
  if failed.code then put(item, own.error_code, range, text.shown(failed.code)) end
  local number = failed.numeric and typed.int(failed.code)
  if number then hidden(item, own.error_number, range, number) end
  if failed.text ~= "" then put(item, own.error_text, range, text.shown(failed.text)) end
  if failed.chinese ~= "" then made(item, own.error_chinese, range, text.shown(failed.chinese)) end
end

local function add_answer(item, range, view, found)
  local new = item
  if found.name then new = put(item, own.name, range, text.shown(found.name)) or item end
  if found.dialect then made(new, own.dialect, range, text.shown(found.dialect)) end
  for _, param in ipairs(found.params or {}) do add_param(new, view, found.name, param) end
  if found.result then add_result(item, range, found) end
  local command = found.answers and links.frame_of[found.answers]
  if command then
    made(item, own.response_to, range, command)
    made(item, own.transaction, range, command)
    made(item, own.number, range, found.answers)
  end
  local answered = found.request and links.answered_in[found.request]
  if answered then made(item, own.answered_in, range, answered) end
  if found.latency then add_latency(item, range, found.latency, own.latency, own.latency_ns) end
  add_groups(item, range, found.groups)
end

-- What went wrong, and what became known later

local function add_finding(item, range, one)
  local new = made(item, own.finding, range, text.shown(one.rule)) or item
  local message = text.shown(one.text)
  made(new, own.finding_severity, range, one.severity)
  made(new, own.finding_text, range, message)
  if one.chinese ~= "" then made(new, own.finding_chinese, range, text.shown(one.chinese)) end
  if one.reference ~= "" then made(new, own.finding_reference, range, text.shown(one.reference)) end
  if one.side then made(new, own.finding_side, range, one.side) end
  if one.time == 2 then made(new, own.finding_time, range, moment(one)) end
  new:add_proto_expert_info(experts[one.severity], message)
end

local function add_later(item, range, found)
  for _, one in ipairs(found.given_up or {}) do
    local new = made(item, own.given_up, range, text.shown(one.code)) or item
    local command = links.frame_of[one.number]
    if command then
      made(new, own.given_up_of, range, command)
      made(new, own.number, range, one.number)
      made(new, own.transaction, range, command)
    end
  end
  for _, one in ipairs(found.ended or {}) do
    local new = made(item, own.group_text, range, text.shown(one.text)) or item
    made(new, own.group_complete, range, one.complete)
    local first = links.frame_of[one.number]
    if first then made(new, own.group_start, range, first) end
  end
end

-- Packets

local View = {}
View.__index = View

function View:range(offset, size)
  -- The range of some of the packet's bytes; all of them if it is not known which.
  if offset and size > 0 then return self.tvb(self.first - 1 + offset, size) end
  return self.all
end

local function view_of(tvb, packet, first, decode_at, decode_end)
  -- Where the fields of a packet are marked: at its bytes; at the decode if it has none.
  local view = setmetatable({ tvb = tvb, first = first }, View)
  if first <= #packet then view.all = tvb(first - 1)
  elseif decode_at then view.all = tvb(decode_at - 1, math.max(0, decode_end - decode_at + 1))
  else view.all = tvb() end
  return view
end

local function add_payloads(item, root, pinfo, view, packet, one, wanted)
  for _, each in ipairs(one.payloads or {}) do
    local raw = each.offset and packet:sub(view.first + each.offset, view.first + each.offset + each.size - 1)
    payload.add(item, root, pinfo, view:range(each.offset, each.size), each, raw, one.params)
  end
  if not one.payloads and one.params and wanted then payload.add_params(item, root, pinfo, one.params) end
end

local function add_decode(item, root, pinfo, view, packet, found, wanted)
  local range = view.all
  for _, one in ipairs(found.commands) do add_command(item, range, view, one, found.commands[#found.commands]) end
  if #found.commands > 0 then made(item, own.transaction, range, pinfo.number) end
  add_answer(item, range, view, found)
  for _, one in ipairs(found.findings or {}) do add_finding(item, range, one) end
  add_later(item, range, found)
  for _, frame in ipairs(links.carried(pinfo.number)) do made(item, own.carries, range, frame) end
  if found.cut then item:add_proto_expert_info(experts.cut) end
  if wanted or found.payloads then add_payloads(item, root, pinfo, view, packet, found, wanted) end
  for _, one in ipairs(found.commands) do
    if wanted or one.payloads then add_payloads(item, root, pinfo, view, packet, one, wanted) end
  end
end

local function told(found)
  -- A note in one line.
  local parts = {}
  for _, one in ipairs(found.findings or {}) do parts[#parts + 1] = one.text end
  if #parts == 0 then
    for _, one in ipairs(found.given_up or {}) do parts[#parts + 1] = "no final result: " .. one.code end
    for _, one in ipairs(found.ended or {}) do parts[#parts + 1] = one.text end
  end
  return "[later] " .. text.shown(table.concat(parts, "; "))
end

function tree.show(tvb, pinfo, root, packet, place, wanted)
  -- Show a packet of the export. place has what tags.read says of it; wanted: somebody asks for its payload.
  local first, side = place.first, place.side
  local view = view_of(tvb, packet, first, place.decode, place.decode_end)
  local found = place.decode and decode.read(packet, place.decode, place.decode_end, first) or { commands = {} }
  local info = place.info and text.clean(packet:sub(place.info, place.info_end))
  if found.kind == "note" then info = info or told(found) end
  info = info or text.shown(packet:sub(first, first + 400))
  columns.set(pinfo, side, info)
  everything = root.visible
  local item = root:add(fields.proto, view.all)
  if everything then item:append_text(", " .. info:gsub("^\226\134[\144\146] ", "")) end
  if found.kind then made(item, own.kind, view.all, found.kind) end
  made(item, own.side, view.all, side)
  if first <= #packet then put(item, own.line, view.all, text.shown(packet:sub(first))) end
  if found.said then made(item, own.said, view.all, text.shown(found.said)) end
  hidden(item, own.info, view.all, (info:gsub("^\226\134[\144\146] ", "")))
  if found.version and found.version ~= decode.VERSION then
    made(item, own.version, view.all, found.version)
    marked(item, own.decode, tvb(place.decode - 1, place.decode_end - place.decode + 1))
    item:add_proto_expert_info(experts.newer)
    return
  end
  if found.malformed then item:add_proto_expert_info(experts.malformed) end
  add_decode(item, root, pinfo, view, packet, found, wanted)
end

local SEVERITY = { gap = "warning", silent = "warning", overrun = "error", ["break"] = "warning", error = "warning", shed = "warning" }

function tree.show_mark(tvb, pinfo, root, bytes, first, side)
  -- Show a mark of a recording: its kind, a line feed, its text.
  everything = true
  local kind, said = bytes:match("^(%l+)\n(.*)$")
  local size = kind and #kind or #bytes
  kind, said = kind or "note", text.shown(said or bytes)
  columns.set(pinfo, side, "[" .. kind .. "] " .. said)
  local range = tvb(first - 1)
  local item = root:add(fields.proto, range, "AT recording: " .. kind .. ": " .. said)
  made(item, own.kind, range, "mark")
  made(item, own.side, range, side)
  put(item, own.mark, tvb(first - 1, size), kind)
  put(item, own.mark_text, range, said)
  local new = made(item, own.finding, range, "tap." .. kind)
  new:add_proto_expert_info(experts[SEVERITY[kind] or "note"], said)
end

function tree.show_carrier(tvb, root, frame)
  -- Say in a packet of a connection which line carried it.
  local by, line = links.carrier_of_frame(frame)
  if not by then return end
  everything = root.visible
  local range = tvb(0, 0)
  local item = root:add(fields.link_proto, range)
  made(item, own.carried_by, range, by)
  if line then
    line = text.shown((line:gsub("^[\r\n%z ]+", ""):gsub("[\r\n]+$", "")))
    if everything then item:append_text(": " .. line) end
    made(item, own.carrier, range, line)
  end
end

return tree
