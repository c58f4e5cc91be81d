-- Bytes as they came: recordings, and captures that others made. They are cut into lines here, no more; the first packet
-- says how to see what they mean.

local raw = {}
local own, experts = fields.own, fields.experts
local MAX_LINE, SHOWN = 8192, 120
local HINT = "only the lines; what they mean shows: atshark wireshark open FILE"
local ARROW = { mcu = "\226\134\146 ", module = "\226\134\144 " }

local rests, before, newest, first_frame -- by stream: what is not a line yet; by frame: what it was before; frames seen

function raw.reset() rests, before, newest, first_frame = {}, {}, 0, nil end

raw.reset()

local function lines_of(bytes)
  -- Cut bytes into lines: where each begins and ends (without line ends), and where the rest begins that has no end yet.
  local found, at = {}, 1
  while true do
    local first, last = bytes:find("[^\r\n]+", at)
    if not first then return found, #bytes + 1 end
    if last == #bytes then return found, first end
    found[#found + 1] = { first, last }
    at = last + 1
  end
end

local function note(frame, key, bytes)
  -- Take a packet's bytes when it is first seen.
  if frame <= newest then return end
  newest, first_frame = frame, first_frame or frame
  local rest = rests[key] or ""
  if rest ~= "" then before[frame] = rest end
  local whole = rest .. bytes
  local _, at = lines_of(whole)
  rest = whole:sub(at)
  rests[key] = #rest <= MAX_LINE and not rest:match("^> ?$") and rest or ""
end

local function add_line(root, range, side, kind, line)
  local item = root:add(fields.proto, range)
  local shown = text.shown(line)
  item:append_text(", " .. shown)
  item:add(own.kind, range, kind):set_generated()
  item:add(own.side, range, side):set_generated()
  item:add(own.line, range, shown)
  return item
end

function raw.show(tvb, pinfo, root, side, key)
  -- Show a read of the tap, or a transfer of another's capture. key tells lines of one device from those of others.
  local frame, bytes = pinfo.number, tvb:raw()
  note(frame, key .. side, bytes)
  local rest = before[frame] or ""
  local whole = rest .. bytes
  local lines, open = lines_of(whole)
  local infos, hinted = {}, nil
  for _, line in ipairs(lines) do
    local said = whole:sub(line[1], line[2])
    infos[#infos + 1] = text.shown(said:sub(1, SHOWN))
    local from = math.max(line[1], #rest + 1) - #rest
    local to = math.max(line[2] + 1 - #rest, from)
    local item = add_line(root, tvb(from - 1, to - from + 1), side, "line", said)
    hinted = hinted or item
  end
  if open <= #whole then
    local said = whole:sub(open)
    local from = math.max(1, open - #rest)
    infos[#infos + 1] = text.shown(said:sub(1, SHOWN)) .. (said:match("^> ?$") and "" or " \226\128\166")
    local item = add_line(root, tvb(from - 1), side, "part", said)
    hinted = hinted or item
  end
  local info = ARROW[side] .. table.concat(infos, " | ")
  if frame == first_frame then
    info = info .. "   [" .. HINT .. "]"
    if hinted then hinted:add_proto_expert_info(experts.raw, HINT) end
  end
  columns.set(pinfo, side, info)
  return tvb:len()
end

function raw.by_name(tvb, pinfo, root)
  -- Called by way of Wireshark's own dissector of exported PDUs: only if another plugin took link type 252, and the
  -- decode with it.
  if tvb:len() == 0 then return 0 end
  return raw.show(tvb, pinfo, root, pinfo.p2p_dir == 0 and "mcu" or "module", "by name")
end

return raw
