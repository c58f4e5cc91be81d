-- Which packets belong together: the only thing that the plugin remembers. The numbers by which the exporter ties
-- packets together become frame numbers here, when Wireshark shows a packet for the first time.

local links = {}
local byte, sub = string.byte, string.sub
local COMMAND, ANSWERS, REQUEST, ANSWERS_REQUEST, GROUP, PAYLOAD, FINDING, GIVEN_UP, ENDED = 1, 5, 8, 9, 10, 11, 12, 13, 14
local COMMAND_KIND, RESULT_KIND, DATA_KIND, TEXT_KIND, RESULT_ROLE = 0, 3, 6, 7, 3
local RECENT, LONGEST = 256, 400

local newest -- the last frame of ours that was noted
local frame_of, result_in, answered_in, given_up, given_up_in -- by number: see the functions below
local recent, packets, starts -- the last commands, by number modulo RECENT
local line_frame, line_kind, line_number, line_packet, line_first -- the last line or payload
local gap_from, gap_to, gap_by, gap_lines, gaps_of, sorted -- frames of connections between lines, and whose they are
local beyond -- the last frame of a connection behind the newest of ours

function links.reset()
  newest, beyond, sorted = 0, 0, 0
  frame_of, result_in, answered_in, given_up, given_up_in = {}, {}, {}, {}, {}
  recent, packets, starts = {}, {}, {}
  line_frame, line_kind, line_number, line_packet, line_first = nil, nil, nil, nil, nil
  gap_from, gap_to, gap_by, gap_lines, gaps_of = {}, {}, {}, {}, {}
end

links.reset()

-- By the number of a command, request or group: the frame where it begins; the frame of a command's final result; that
-- of the command that answers a request; how it is called that no result came, and the frame that tells it.

function links.begins(number) return frame_of[number] end
function links.result(number) return result_in[number] end
function links.answer(number) return answered_in[number] end
function links.given_up(number) return given_up[number], given_up_in[number] end

function links.any() return newest > 0 end

-- What connections carried. The exporter writes such packets behind the line that made them known.

local function carrier()
  -- The frame of the line that carries what follows now, and its bytes; nil if it is not known.
  if line_kind ~= COMMAND_KIND and line_number then
    local slot = line_number % RECENT
    local known = recent[slot] == line_number
    return frame_of[line_number], known and sub(packets[slot], starts[slot], starts[slot] + LONGEST) or nil
  end
  if line_kind == RESULT_KIND or not line_kind then return nil end
  return line_frame, sub(line_packet, line_first, line_first + LONGEST)
end

local function advance(frame)
  -- A packet of ours comes: what lies between it and the one before belonged to connections.
  if frame ~= newest + 1 and newest > 0 then
    local by, line = carrier()
    if by then
      local count = #gap_from + 1
      gap_from[count], gap_to[count], gap_by[count], gap_lines[count] = newest + 1, frame - 1, by, line or false
    end
  end
  newest = frame
end

function links.pass(frame)
  -- Note a packet of ours that ties nothing.
  if frame > newest then advance(frame) end
end

function links.pass_carried(frame)
  -- Note a packet of a connection; true if it is new.
  if frame <= beyond or frame <= newest then return false end
  beyond = frame
  return true
end

function links.carrier_of(frame)
  -- The frame of the line that carried a packet, and the bytes of that line; nil if none is known.
  if frame > newest then return carrier() end
  local low, high = 1, #gap_from
  while low <= high do
    local middle = math.floor((low + high) / 2)
    if gap_from[middle] > frame then high = middle - 1
    elseif gap_to[middle] < frame then low = middle + 1
    else return gap_by[middle], gap_lines[middle] or nil end
  end
end

function links.carried(frame)
  -- The packets that a line carried.
  for i = sorted + 1, #gap_by do
    local gaps = gaps_of[gap_by[i]] or {}
    gaps_of[gap_by[i]] = gaps
    gaps[#gaps + 1] = i
  end
  sorted = #gap_by
  local found = {}
  for _, i in ipairs(gaps_of[frame] or {}) do
    for one = gap_from[i], gap_to[i] do found[#found + 1] = one end
  end
  if beyond > newest and carrier() == frame then
    for one = newest + 1, beyond do found[#found + 1] = one end
  end
  return found
end

-- Packets of ours

local TIES = {
  [COMMAND] = true, [ANSWERS] = true, [REQUEST] = true, [ANSWERS_REQUEST] = true, [GROUP] = true, [PAYLOAD] = true,
  [FINDING] = true, [GIVEN_UP] = true, [ENDED] = true,
}
-- The records that come first in a packet, but for those of the second and later commands of a line.

function links.peek(packet, at, last, first, frame)
  -- Look at the records of a decode that come first, because they tie packets together or say what went wrong; note them
  -- when the frame is new. Returns whether there is something for Expert Information, and whether there is payload.
  local version, kind, shape, high, low, a, b, c, d, flag, more, behind = byte(packet, at, at + 11)
  if version ~= 1 then
    links.pass(frame)
    return true, false
  end
  local new, trouble, payload, own, left = frame > newest, false, kind == DATA_KIND, nil, false
  if frame == newest + 1 then newest = frame -- as nearly always
  elseif new then advance(frame) end
  at = at + 2
  while at <= last and (TIES[shape] or left) do
    if not d then
      trouble = true
      break
    end
    if shape == ANSWERS then
      own = ((a * 256 + b) * 256 + c) * 256 + d
      if flag == RESULT_ROLE and new then result_in[own] = frame end
    elseif shape == COMMAND then
      local number = ((a * 256 + b) * 256 + c) * 256 + d
      own, left = own or number, more == 1
      if new then frame_of[number] = frame end
    elseif shape == PAYLOAD then payload = true
    elseif shape == FINDING or shape == ENDED then trouble = true
    elseif TIES[shape] then
      local number = ((a * 256 + b) * 256 + c) * 256 + d
      if shape == GIVEN_UP then
        trouble = true
        if new then given_up[number], given_up_in[number] = sub(packet, at + 7, at + 2 + high * 256 + low), frame end
      elseif not new then -- known already
      elseif shape == ANSWERS_REQUEST then answered_in[number] = answered_in[number] or frame
      else frame_of[number] = frame_of[number] or frame end
    end
    at = at + 3 + high * 256 + low
    if behind and not left and high == 0 and (low == 5 and not TIES[more] or low == 6 and not TIES[behind]) then
      break -- as in most answers and commands; the type of the next record has been read with the first
    end
    behind = nil
    shape, high, low, a, b, c, d, flag, more = byte(packet, at, at + 8)
  end
  if new and kind and kind <= TEXT_KIND then
    line_frame, line_kind, line_number, line_packet, line_first = frame, kind, own, packet, first
    if kind == COMMAND_KIND and own then
      local slot = own % RECENT
      recent[slot], packets[slot], starts[slot] = own, packet, first
    end
  end
  return trouble, payload
end

return links
