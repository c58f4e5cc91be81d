-- Text that anybody may have written, made fit to be shown.

local text = {}

local function utf8_length(bytes, i)
  -- How many bytes the valid UTF-8 sequence at i has; nil if there is none.
  local a, b, c, d = bytes:byte(i, i + 3)
  local function tail(x) return x and x >= 0x80 and x <= 0xBF end
  if a < 0x80 then return 1 end
  if a >= 0xC2 and a <= 0xDF then return tail(b) and 2 or nil end
  if a >= 0xE0 and a <= 0xEF then
    if not tail(b) or not tail(c) or (a == 0xE0 and b < 0xA0) or (a == 0xED and b > 0x9F) then return nil end
    return 3
  end
  if a >= 0xF0 and a <= 0xF4 then
    if not tail(b) or not tail(c) or not tail(d) or (a == 0xF0 and b < 0x90) or (a == 0xF4 and b > 0x8F) then return nil end
    return 4
  end
  return nil
end

local function valid(bytes)
  -- NUL, and what is no UTF-8, as \xNN.
  if not bytes:find("[%z\128-\255]") then return bytes end
  local parts, i = {}, 1
  while i <= #bytes do
    local size = utf8_length(bytes, i)
    if size and bytes:byte(i) > 0 then
      parts[#parts + 1] = bytes:sub(i, i + size - 1)
      i = i + size
    else
      parts[#parts + 1] = string.format("\\x%02x", bytes:byte(i))
      i = i + 1
    end
  end
  return table.concat(parts)
end

local NAMED = { ["\r"] = "\\r", ["\n"] = "\\n", ["\t"] = "\\t" }

local function code_point(character)
  local a, b, c = character:byte(1, 3)
  if not b then return a end
  if not c then return (a % 32) * 64 + b % 64 end
  return (a % 16) * 4096 + (b % 64) * 64 + c % 64
end

local function escape(character)
  return NAMED[character] or string.format("\\x%02x", code_point(character))
end

function text.shown(bytes)
  -- Bytes as text, with control characters and direction overrides as escapes, as values.printable of the decoder has them.
  if not bytes:find("[%c\127-\255]") then return bytes end
  bytes = valid(bytes):gsub("[%z\1-\31\127]", escape)
  if not bytes:find("[\128-\255]") then return bytes end
  return (bytes:gsub("\194[\128-\159]", escape):gsub("\226\128[\168-\174]", escape)
    :gsub("\226\129[\166-\169]", escape):gsub("\239\187\191", escape))
end

local find = string.find

function text.clean(bytes)
  -- The text of the Info column, which our exporter made fit: nothing that a terminal obeys, if another wrote it. Plain
  -- searches, because a set of characters takes longer than all the rest that is done for a packet of the list.
  if find(bytes, "\27", 1, true) or find(bytes, "\194\155", 1, true) or find(bytes, "\n", 1, true)
    or find(bytes, "\r", 1, true) then
    return text.shown(bytes)
  end
  return bytes
end

return text
