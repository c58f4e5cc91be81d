-- Statistics --------------------------------------------------------------------------------------------------

-- Of each command: how often, how often it failed or was not answered, how long its result took. Of each connection of
-- the exported interface "ip": bytes and times. In the menu Tools, and on the command line:
-- tshark -q -o atshark.statistics:TRUE -r FILE

local flows = {}
on_reset[#on_reset + 1] = function() flows = {} end

local function rank(sorted, share)
  -- The value that this share of all values does not exceed (nearest rank).
  return sorted[math.max(1, math.ceil(share * #sorted))]
end

local function command_rows()
  local by_name, order = {}, {}
  local numbers_of = {}
  for frame in pairs(frames) do numbers_of[#numbers_of + 1] = frame end
  table.sort(numbers_of)
  local function row(name)
    if not by_name[name] then
      by_name[name] = { name = name, count = 0, errors = 0, unanswered = 0, latencies = {} }
      order[#order + 1] = name
    end
    return by_name[name]
  end
  local function take(frame, found)
    if found.kind == "command" then
      for _, open in ipairs(found.entry.opens) do
        local one = row(open.name .. " " .. open.form)
        one.count = one.count + 1
        if abandoned[frame] then one.unanswered = one.unanswered + 1 end
      end
    elseif found.owner and found.code then
      local open = found.owner.opens[#found.owner.opens]
      local one = row(open.name .. " " .. open.form)
      if found.failed then one.errors = one.errors + 1 end
      if found.latency then one.latencies[#one.latencies + 1] = found.latency end
    end
  end
  for _, frame in ipairs(numbers_of) do
    if pieces[frame] then
      for _, piece in ipairs(pieces[frame]) do take(frame, piece[1]) end
    else
      take(frame, frames[frame])
    end
  end
  table.sort(order)
  local rows = {}
  for _, name in ipairs(order) do
    local one = by_name[name]
    table.sort(one.latencies)
    rows[#rows + 1] = one
  end
  return rows
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

local function statistics()
  catch_up()
  local lines = {
    "AT commands",
    string.format("%-24s %7s %7s %10s %10s %10s %10s %10s", "command", "count", "errors", "unanswered",
      "min ms", "median ms", "95 % ms", "max ms"),
  }
  for _, one in ipairs(command_rows()) do
    local sorted = one.latencies
    lines[#lines + 1] = string.format("%-24s %7d %7d %10d %s %s %s %s", engine.escaped(one.name), one.count, one.errors,
      one.unanswered, milliseconds(sorted[1]), milliseconds(rank(sorted, 0.5)), milliseconds(rank(sorted, 0.95)),
      milliseconds(sorted[#sorted]))
  end
  local keys = {}
  for key in pairs(flows) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return flows[a].first < flows[b].first end)
  if #keys > 0 then
    lines[#lines + 1] = ""
    lines[#lines + 1] = "Connections"
    lines[#lines + 1] = string.format("%-48s %10s %10s %12s %12s", "connection", "bytes up", "bytes down", "first s", "last s")
    for _, key in ipairs(keys) do
      local flow = flows[key]
      lines[#lines + 1] = string.format("%-48s %10d %10d %12.6f %12.6f", flow_name(key), flow.up, flow.down, flow.first, flow.last)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

function count_carried(packet, pinfo, start)
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
  local flow = flows[key] or { up = 0, down = 0, first = time, last = time }
  flows[key] = flow
  flow.first, flow.last = math.min(flow.first, time), math.max(flow.last, time)
  if up then flow.up = flow.up + size else flow.down = flow.down + size end
end

if gui_enabled() then
  register_menu("AT statistics", function()
    local window = TextWindow.new("AT statistics")
    window:set(statistics())
    window:add_button("Refresh", function() window:set(statistics()) end)
  end, MENU_TOOLS_UNSORTED)
end

proto.prefs.statistics = Pref.bool("Print statistics at the end (tshark)", false,
  "Print counts, errors and latencies of each command when the file has been read")

local printing
function proto.prefs_changed()
  if proto.prefs.statistics and not printing and not gui_enabled() then
    printing = Listener.new("frame")
    function printing.packet() end
    function printing.draw() print(statistics()) end
  end
end
