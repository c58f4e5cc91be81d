-- Statistics: of each command how often, how often it failed or was not answered, how long its result took; of each
-- connection of the exported interface "ip" bytes and times. In the menu Tools, and on the command line:
-- tshark -q -o atshark.statistics:TRUE -r FILE. The packets are counted when somebody asks, by a tap.

local NOT_COUNTED = { [4] = true } -- records that it does not count: parameters

local function counting()
  -- A count that has seen nothing yet.
  return { commands = {}, names = {}, results = {}, flows = {}, seen = false }
end

local function row(count, name)
  if not count.commands[name] then
    count.commands[name] = { name = name, count = 0, errors = 0, unanswered = 0, latencies = {} }
  end
  return count.commands[name]
end

local function nanoseconds(wide)
  return (wide[1] >= 2 ^ 31 and wide[1] - 2 ^ 32 or wide[1]) * 2 ^ 32 + wide[2]
end

local function take_line(count, packet, start, first, at, last)
  count.seen = true
  if not at or start.what == "raw" or start.what == "mark" then return end
  local found = decode.read(packet, at, last, first, NOT_COUNTED)
  for _, one in ipairs(found.commands) do
    local name = (one.name or "") .. " " .. (one.form or "")
    row(count, name).count = row(count, name).count + 1
    if one.number then count.names[one.number] = name end
  end
  for _, one in ipairs(found.given_up or {}) do
    local name = count.names[one.number]
    if name then row(count, name).unanswered = row(count, name).unanswered + 1 end
  end
  local name = found.role == "result" and count.names[found.answers]
  if not name then return end
  if found.error then row(count, name).errors = row(count, name).errors + 1 end
  if found.latency then table.insert(row(count, name).latencies, nanoseconds(found.latency)) end
end

local function take_carried(count, packet, pinfo, start)
  -- Count what a packet of the interface "ip" carries; outbound is what the MCU sent. start: of the IP header, from 1.
  local first, _, high, low = string.byte(packet, start, start + 3)
  if not low or math.floor(first / 16) ~= 4 then return end
  local inner, number = start + 4 * (first % 16), string.byte(packet, start + 9)
  local offset = number == 6 and string.byte(packet, inner + 12)
  local head = offset and 4 * math.floor(offset / 16) or number == 17 and #packet >= inner + 7 and 8
  if not head then return end
  local from = packet:sub(start + 12, start + 15) .. packet:sub(inner, inner + 1)
  local to = packet:sub(start + 16, start + 19) .. packet:sub(inner + 2, inner + 3)
  local up = pinfo.p2p_dir == 0
  local key = (number == 6 and "T" or "U") .. (up and from .. to or to .. from)
  local time, size = pinfo.rel_ts, math.max(0, high * 256 + low - (inner - start) - head)
  local flow = count.flows[key] or { up = 0, down = 0, first = time, last = time }
  count.flows[key] = flow
  flow.first, flow.last = math.min(flow.first, time), math.max(flow.last, time)
  if up then flow.up = flow.up + size else flow.down = flow.down + size end
end

local function take(count, pinfo, tvb)
  -- Count a packet, as it stands in the file.
  local packet = tvb:raw()
  local start, first, _, _, at, last = tags.read(packet)
  if start then return take_line(count, packet, start, first, at, last) end
  if not count.seen then return end
  local high = math.floor((packet:byte(1) or 0) / 16)
  if high == 4 then take_carried(count, packet, pinfo, 1)
  elseif high > 0 then
    local begins = ip.start(packet)
    if begins then take_carried(count, packet, pinfo, begins) end
  end
end

local function rank(sorted, share)
  -- The value that this share of all values does not exceed (nearest rank).
  return sorted[math.max(1, math.ceil(share * #sorted))]
end

local function milliseconds(value)
  return value and string.format("%10.3f", value / 1e6) or "         -"
end

local function flow_name(key)
  local function peer(at)
    local a, b, c, d, high, low = key:byte(at, at + 5)
    return string.format("%d.%d.%d.%d:%d", a, b, c, d, high * 256 + low)
  end
  return (key:sub(1, 1) == "T" and "TCP " or "UDP ") .. peer(2) .. " - " .. peer(8)
end

local function sorted_keys(of, less)
  local keys = {}
  for key in pairs(of) do keys[#keys + 1] = key end
  table.sort(keys, less)
  return keys
end

local function told(count, behind)
  -- behind: what parts the name of a command or connection, and the times of a command, from what stands before: a
  -- blank, or for a window, whose width nobody can set, a line end.
  local lines = {
    "AT commands",
    string.format("%-24s %7s %7s %10s" .. behind .. "%10s %10s %10s %10s", "command", "count", "errors", "unanswered",
      "min ms", "median ms", "95 % ms", "max ms"),
  }
  for _, name in ipairs(sorted_keys(count.commands)) do
    local one = count.commands[name]
    local latencies = one.latencies
    table.sort(latencies)
    lines[#lines + 1] = string.format("%-24s %7d %7d %10d" .. behind .. "%s %s %s %s", text.shown(name), one.count, one.errors,
      one.unanswered, milliseconds(latencies[1]), milliseconds(rank(latencies, 0.5)),
      milliseconds(rank(latencies, 0.95)), milliseconds(latencies[#latencies]))
  end
  local flows = count.flows
  local keys = sorted_keys(flows, function(a, b) return flows[a].first < flows[b].first end)
  if #keys > 0 then
    lines[#lines + 1] = ""
    lines[#lines + 1] = "Connections"
    lines[#lines + 1] = string.format("%-48s" .. behind .. "%10s %10s %12s %12s", "connection", "bytes up", "bytes down", "first s", "last s")
    for _, key in ipairs(keys) do
      local flow = flows[key]
      lines[#lines + 1] = string.format("%-48s" .. behind .. "%10d %10d %12.6f %12.6f", flow_name(key), flow.up, flow.down, flow.first, flow.last)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

if gui_enabled() then
  register_menu("AT statistics", function()
    local count, listener = counting(), Listener.new("frame")
    local window = TextWindow.new("AT statistics")
    function listener.packet(pinfo, tvb) take(count, pinfo, tvb) end
    function listener.draw() window:set(told(count, "\n    ")) end
    function listener.reset() count = counting() end
    window:set_atclose(function() listener:remove() end)
    window:add_button("Refresh", retap_packets)
    retap_packets()
  end, MENU_TOOLS_UNSORTED)
end

fields.proto.prefs.statistics = Pref.bool("Print statistics at the end (tshark)", false,
  "Print counts, errors and latencies of each command when the file has been read")

local printing
function fields.proto.prefs_changed()
  if fields.proto.prefs.statistics and not printing and not gui_enabled() then
    local count = counting()
    printing = Listener.new("frame")
    function printing.packet(pinfo, tvb) take(count, pinfo, tvb) end
    function printing.draw() print(told(count, " ")) end
  end
end
