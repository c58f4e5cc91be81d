-- A packet in the tree: what the decode says, each field at its bytes.

local tree = {}
local own, experts, typed = fields.own, fields.experts, fields.typed
local put, made, marked, hidden, wanted = items.put, items.made, items.marked, items.hidden, items.wanted
local sub = string.sub
local shown = text.shown
local IPV4 = "^%d%d?%d?%.%d%d?%d?%.%d%d?%d?%.%d%d?%d?$"
local ARROW = "^\226\134[\144\146] "

-- The packet that is being shown.

local buffer, packet, first -- Wireshark's bytes; the same as text; where the bytes of the line begin in it, from 1
local whole -- the range of all bytes of the line
local visible, params_wanted

local function range_of(offset, size)
  -- The range of some of the line's bytes; all of them if it is not known which.
  if offset and size > 0 then return buffer(first - 1 + offset, size) end
  return whole
end

-- Times

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

local function add_latency(item, latency, in_ms, in_ns)
  if wanted(item, in_ms) then made(item, in_ms, whole, milliseconds(latency)) end
  if wanted(item, in_ns) then made(item, in_ns, whole, Int64.new(latency[2], latency[1])) end
end

-- Parameters

local function in_field(known, kind, value, right)
  -- The value as the field of a parameter holds it; nil if it is of another type.
  if known.kind == kind then return right end
  if known.kind == "string" then return shown(value) end
  if known.kind == "float" and kind == "int" then return tonumber(value) end
  if known.kind == "int" and kind == "bool" then return typed.int(right and "1" or "0") end
end

local function typed_value(param)
  -- The type of a value, and the value as tree:add takes it. A value that cannot be of its type is text.
  local kind, value = param.kind, param.value
  if kind == "bytes" and #value > 0 and #value % 2 == 0 and value:match("^%x+$") then return kind end
  local right = typed[kind] and typed[kind](value)
  if right == nil then return "string", shown(value) end
  return kind, right
end

local function add_bytes(item, param, known, special)
  -- A parameter of bytes: their field takes no value, only a range, so they get a tab of their own.
  local range = payload.range_of(param.value, shown(param.name))
  local right = known and known.kind == "bytes"
  local new = marked(item, right and known.field or own.bytes, range)
  if new and not right then new:set_text(shown(param.name) .. ": " .. param.value) end
  if special and special.kind == "bytes" then
    local more = marked(item, special.field, range)
    if more then more:set_hidden(true) end
  end
  return new
end

local function add_value(item, range, param, known, special)
  local kind, right = typed_value(param)
  if kind == "bytes" then return add_bytes(item, param, known, special) end
  local own_value = known and in_field(known, kind, param.value, right)
  local same = own_value ~= nil and (known.kind == kind or known.kind == "float")
  local new
  if same then new = put(item, known.field, range, own_value)
  else
    new = put(item, own[kind], range, right)
    if new then new:set_text(shown(param.name) .. ": " .. shown(param.value)) end
    if own_value ~= nil then hidden(item, known.field, range, own_value) end
  end
  if special then hidden(item, special.field, range, in_field(special, kind, param.value, right)) end
  return new
end

local function add_param(item, command, param)
  local known = fields.params[param.name]
  local special = command and fields.of_command[command]
  special = special and special[param.name]
  if not (visible or known and wanted(item, known.field) or special and wanted(item, special.field)
    or wanted(item, own.param) or wanted(item, own.label) or wanted(item, own[param.kind] or own.ipv4)
    or wanted(item, own.string)) then
    return
  end
  local range = range_of(param.offset, param.size)
  local new = add_value(item, range, param, known, special)
  if param.label then
    local label = shown(param.label)
    if new and visible and param.label ~= param.value then new:append_text(" (" .. label .. ")") end
    hidden(new or item, own.label, range, label)
  end
  hidden(item, own.param, range, shown(param.name) .. "=" .. shown(param.value))
  if param.kind == "ip" and param.value:match(IPV4) then hidden(item, own.ipv4, range, Address.ip(param.value)) end
end

local function add_params(item, one)
  if params_wanted and one.params then
    for _, param in ipairs(one.params) do add_param(item, one.name, param) end
  end
end

-- Lines

local function add_groups(item, groups)
  for _, group in ipairs(groups) do
    local new = made(item, own.group, whole, shown(group.name)) or item
    made(new, own.group_dialect, whole, shown(group.dialect))
    made(new, own.group_last, whole, group.last)
    made(new, own.group_start, whole, links.begins(group.number))
  end
end

local function add_command(item, command, last)
  -- last: the last command of the line, to which the one result belongs.
  local new = put(item, own.name, whole, shown(command.name or "")) or item
  made(new, own.form, whole, command.form)
  if command.dialect then made(new, own.dialect, whole, shown(command.dialect)) end
  add_params(new, command)
  local number = command.number
  if number then
    made(new, own.number, whole, number)
    made(new, own.response_in, whole, links.result(number) or last.number and links.result(last.number))
    local code, frame = links.given_up(number)
    if code then
      made(new, own.result, whole, shown(code))
      made(new, own.given_up, whole, shown(code))
      made(new, own.given_up_in, whole, frame)
    end
  end
  if command.answers_request then made(new, own.answers, whole, links.begins(command.answers_request)) end
  if command.latency then add_latency(new, command.latency, own.answer_latency, own.answer_latency_ns) end
  if command.groups then add_groups(new, command.groups) end
end

local function add_result(item, found)
  put(item, own.result, whole, shown(found.result))
  if found.done ~= nil then put(item, own.result_done, whole, found.done) end
  local failed = found.error
  if not failed then return end
  if failed.code then put(item, own.error_code, whole, shown(failed.code)) end
  if failed.numeric then hidden(item, own.error_number, whole, typed.int(failed.code)) end
  if failed.text ~= "" then put(item, own.error_text, whole, shown(failed.text)) end
  if failed.chinese ~= "" then made(item, own.error_chinese, whole, shown(failed.chinese)) end
end

local function add_answer(item, found)
  local new = found.name and put(item, own.name, whole, shown(found.name)) or item
  if found.dialect then made(new, own.dialect, whole, shown(found.dialect)) end
  add_params(new, found)
  if found.result then add_result(item, found) end
  if found.answers then
    local command = links.begins(found.answers)
    made(item, own.response_to, whole, command)
    made(item, own.transaction, whole, command)
    made(item, own.number, whole, found.answers)
  end
  if found.request then made(item, own.answered_in, whole, links.answer(found.request)) end
  if found.latency then add_latency(item, found.latency, own.latency, own.latency_ns) end
  if found.groups then add_groups(item, found.groups) end
end

-- What went wrong, and what became known later

local function add_finding(item, one)
  local new = made(item, own.finding, whole, shown(one.rule)) or item
  local message = shown(one.text)
  made(new, own.finding_severity, whole, one.severity)
  made(new, own.finding_text, whole, message)
  if one.chinese ~= "" then made(new, own.finding_chinese, whole, shown(one.chinese)) end
  if one.reference ~= "" then made(new, own.finding_reference, whole, shown(one.reference)) end
  made(new, own.finding_side, whole, one.side)
  if one.time == 2 then made(new, own.finding_time, whole, moment(one)) end
  new:add_proto_expert_info(experts[one.severity], message)
end

local function add_later(item, found)
  for _, one in ipairs(found.given_up or {}) do
    local new = made(item, own.given_up, whole, shown(one.code)) or item
    local command = links.begins(one.number)
    made(new, own.given_up_of, whole, command)
    made(new, own.transaction, whole, command)
    made(new, own.number, whole, one.number)
  end
  for _, one in ipairs(found.ended or {}) do
    local new = made(item, own.group_text, whole, shown(one.text)) or item
    made(new, own.group_complete, whole, one.complete)
    made(new, own.group_start, whole, links.begins(one.number))
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
  return "[later] " .. shown(table.concat(parts, "; "))
end

-- Packets

local SHOWN_BY = { -- by type of record: the fields that need it; the types that are not here are always read
  [2] = { own.name }, [3] = { own.dialect }, [5] = { own.response_to, own.transaction, own.number },
  [6] = { own.result, own.error_code, own.error_number, own.error_text, own.error_chinese },
  [7] = { own.latency, own.latency_ns, own.answer_latency, own.answer_latency_ns }, [8] = { own.answered_in },
  [9] = { own.answers }, [10] = { own.group, own.group_dialect, own.group_last, own.group_start }, [15] = { own.said },
  [16] = { own.result_done }, [17] = { own.channel },
}

local function skipped(item, with_params)
  -- The types of records that nobody wants to see: none in a tree that is shown.
  if visible then return {} end
  local key = with_params and "all but" or "parameters and"
  local found = items.of_pass[key]
  if not found then
    found = { [4] = not with_params }
    for kind, needed in pairs(SHOWN_BY) do
      found[kind] = true
      for _, field in ipairs(needed) do
        if items.asked(item, field) then found[kind] = nil end
      end
    end
    if with_params then found[2] = nil end -- fields are by the name of the command, too
    items.of_pass[key] = found
  end
  return found
end

local function add_payloads(item, root, pinfo, one, dissected)
  if not one.payloads then
    if dissected and one.params then payload.add_params(item, root, pinfo, one.params) end
    return
  end
  for _, each in ipairs(one.payloads) do
    local raw = each.offset and sub(packet, first + each.offset, first + each.offset + each.size - 1)
    payload.add(item, root, pinfo, range_of(each.offset, each.size), each, raw, one.params, dissected)
  end
end

local function add_decode(item, root, pinfo, found, dissected)
  local commands = found.commands
  local count = #commands
  for i = 1, count do add_command(item, commands[i], commands[count]) end
  if count > 0 and wanted(item, own.transaction) then made(item, own.transaction, whole, pinfo.number) end
  add_answer(item, found)
  if found.findings then
    for _, one in ipairs(found.findings) do add_finding(item, one) end
  end
  if found.given_up or found.ended then add_later(item, found) end
  if wanted(item, own.carries) then
    for _, frame in ipairs(links.carried(pinfo.number)) do made(item, own.carries, whole, frame) end
  end
  if found.cut then item:add_proto_expert_info(experts.cut) end
  add_payloads(item, root, pinfo, found, dissected)
  for i = 1, count do add_payloads(item, root, pinfo, commands[i], dissected) end
end

local function describe(item, place, found, info)
  -- What every packet has.
  made(item, own.kind, whole, found.kind)
  made(item, own.side, whole, place.side)
  if first <= #packet and wanted(item, own.line) then put(item, own.line, whole, shown(sub(packet, first))) end
  if found.said then made(item, own.said, whole, shown(found.said)) end
  if found.channel then made(item, own.channel, whole, found.channel) end
  if wanted(item, own.info) then hidden(item, own.info, whole, (info:gsub(ARROW, ""))) end
end

function tree.show(tvb, pinfo, root, bytes, place, want_params, dissected)
  -- Show a packet of the export. place has what tags.read says of it; want_params: somebody asks for parameters;
  -- dissected: somebody asks for the protocol of its payload.
  buffer, packet, first, visible, params_wanted = tvb, bytes, place.first, place.visible, want_params
  items.begin(visible)
  local at, last = place.decode, place.decode_end
  if first <= #packet then whole = tvb(first - 1)
  elseif at and last >= at then whole = tvb(at - 1, last - at + 1)
  else whole = tvb() end
  local found = at and decode.read(packet, at, last, first, skipped(root, want_params or dissected)) or { commands = {} }
  local info = place.info and text.clean(sub(packet, place.info, place.info_end))
  if not info then info = found.kind == "note" and told(found) or shown(sub(packet, first, first + 400)) end
  columns.set(pinfo, place.side, info)
  local item = root:add(fields.proto, whole)
  if visible then item:append_text(", " .. info:gsub(ARROW, "")) end
  describe(item, place, found, info)
  if found.version and found.version ~= decode.VERSION then
    made(item, own.version, whole, found.version)
    marked(item, own.decode, tvb(at - 1, last - at + 1))
    item:add_proto_expert_info(experts.newer)
    return
  end
  if found.malformed then item:add_proto_expert_info(experts.malformed) end
  add_decode(item, root, pinfo, found, dissected)
end

local SEVERITY = { gap = "warning", silent = "warning", overrun = "error", ["break"] = "warning", error = "warning", shed = "warning" }

function tree.show_mark(tvb, pinfo, root, bytes, at, side)
  -- Show a mark of a recording: its kind, a line feed, its text. at: where it begins in tvb, from 1.
  items.begin(true)
  local kind, said = bytes:match("^(%l+)\n(.*)$")
  local size = kind and #kind or #bytes
  kind, said = kind or "note", shown(said or bytes)
  columns.set(pinfo, side, "[" .. kind .. "] " .. said)
  local range = tvb(at - 1)
  local item = root:add(fields.proto, range, "AT recording: " .. kind .. ": " .. said)
  made(item, own.kind, range, "mark")
  made(item, own.side, range, side)
  put(item, own.mark, tvb(at - 1, size), kind)
  put(item, own.mark_text, range, said)
  local new = made(item, own.finding, range, "tap." .. kind)
  new:add_proto_expert_info(experts[SEVERITY[kind] or "note"], said)
end

function tree.show_carrier(tvb, root, frame)
  -- Say in a packet of a connection which line carried it.
  local by, line = links.carrier_of(frame)
  if not by then return end
  items.begin(root.visible)
  local range = tvb(0, 0)
  local item = root:add(fields.link_proto, range)
  made(item, own.carried_by, range, by)
  if line then
    line = shown((line:gsub("^[\r\n%z ]+", ""):gsub("[\r\n]+$", "")))
    if root.visible then item:append_text(": " .. line) end
    made(item, own.carrier, range, line)
  end
end

return tree
