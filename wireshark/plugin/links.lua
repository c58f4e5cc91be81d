-- Which packets belong together: the only thing that the plugin remembers. The numbers by which the exporter ties
-- packets together become frame numbers here, when Wireshark shows a packet for the first time.

local links = {}
local byte, sub = string.byte, string.sub
local COMMAND, ANSWERS, REQUEST, ANSWERS_REQUEST, GROUP, PAYLOAD, FINDING, GIVEN_UP, ENDED = 1, 5, 8, 9, 10, 11, 12, 13, 14
local COMMAND_KIND, RESULT_KIND, DATA_KIND, TEXT_KIND, RESULT_ROLE = 0, 3, 6, 7, 3
local RECENT, LONGEST = 256, 400

function links.reset()
  links.newest = 0 -- the last frame that was noted
  links.frame_of = {} -- number of a command, request or group -> the frame where it begins
  links.result_in = {} -- number of a command -> the frame of its final result
  links.answered_in = {} -- number of a request -> the frame of the command that answers it
  links.given_up_in = {} -- number of a command -> the frame that tells that no result came
  links.given_up = {} -- the same -> how that is called
  links.carrier, links.line, links.line_at = nil, nil, nil -- the line that carries what follows
  links.recent, links.packets, links.starts = {}, {}, {} -- the last commands, by number modulo RECENT
  links.carried_frames, links.carried_by, links.lines, links.sorted = {}, {}, {}, 0
  links.carrier_of, links.carries = {}, {}
end

links.reset()

local function note_carrier(frame, packet, first, kind, number)
  -- Packets of connections stand behind the line that made them known: remember whose they would be.
  if kind ~= COMMAND_KIND and number then
    local slot = number % RECENT
    links.carrier = links.frame_of[number]
    if links.recent[slot] == number then
      links.line, links.line_at = links.packets[slot], links.starts[slot]
    else
      links.line = nil
    end
  elseif kind == RESULT_KIND then links.carrier = nil
  else links.carrier, links.line, links.line_at = frame, packet, first end
  if kind == COMMAND_KIND and number then
    local slot = number % RECENT
    links.recent[slot], links.packets[slot], links.starts[slot] = number, packet, first
  end
end

function links.peek(packet, at, last, first, frame)
  -- Look at the records of a decode that come first, because they tie packets together or say what went wrong; note them
  -- when the frame is new. Returns whether there is something for Expert Information, and whether there is payload.
  local version, kind, shape, high, low, a, b, c, d, flag, more = byte(packet, at, at + 10)
  local new, own, left = frame > links.newest, nil, true
  local trouble, payload = version ~= 1, kind == DATA_KIND
  at = trouble and last + 1 or at + 2
  while at <= last do
    if not d then
      trouble = true
      break
    end
    local number = ((a * 256 + b) * 256 + c) * 256 + d
    if shape == COMMAND then
      own, left = own or number, more == 1
      if new then links.frame_of[number] = frame end
    elseif shape == ANSWERS then
      own = number
      if new and flag == RESULT_ROLE then links.result_in[number] = frame end
    elseif shape == REQUEST then
      if new then links.frame_of[number] = frame end
    elseif shape == ANSWERS_REQUEST then
      if new and not links.answered_in[number] then links.answered_in[number] = frame end
    elseif shape == GROUP then
      if new and not links.frame_of[number] then links.frame_of[number] = frame end
    elseif shape == PAYLOAD then payload = true
    elseif shape == FINDING or shape == ENDED then trouble = true
    elseif shape == GIVEN_UP then
      trouble = true
      if new then links.given_up_in[number], links.given_up[number] = frame, sub(packet, at + 7, at + 2 + high * 256 + low) end
    elseif kind ~= COMMAND_KIND or not left then break end
    at = at + 3 + high * 256 + low
    shape, high, low, a, b, c, d, flag, more = byte(packet, at, at + 8)
  end
  if new then
    links.newest = frame
    if kind and kind <= TEXT_KIND then note_carrier(frame, packet, first, kind, own) end
  end
  return trouble, payload
end

-- What connections carried

function links.note_carried(frame)
  -- Remember, when a packet of a connection is first seen, behind which line it stands.
  links.newest = frame
  if not links.carrier then return end
  local count = #links.carried_frames + 1
  links.carried_frames[count], links.carried_by[count] = frame, links.carrier
  if links.line and not links.lines[links.carrier] then
    links.lines[links.carrier] = sub(links.line, links.line_at, links.line_at + LONGEST)
  end
end

local function sort()
  for i = links.sorted + 1, #links.carried_frames do
    local frame, by = links.carried_frames[i], links.carried_by[i]
    links.carrier_of[frame] = by
    local carried = links.carries[by] or {}
    links.carries[by] = carried
    carried[#carried + 1] = frame
  end
  links.sorted = #links.carried_frames
end

function links.carrier_of_frame(frame)
  -- The frame of the line that carried a packet, and the bytes of that line; nil if none is known.
  sort()
  local by = links.carrier_of[frame]
  return by, by and links.lines[by]
end

function links.carried(frame)
  -- The packets that a line carried.
  sort()
  return links.carries[frame] or {}
end

return links
