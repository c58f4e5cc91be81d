-- atshark: AT commands between a microcontroller and a cellular module.
--
-- Strategy: the exporter has cut the traffic into messages; each packet is one line or one piece of payload. The
-- first part of this file is a pure engine, without any call of Wireshark: it reads lines by the same catalog and
-- the same rules as the Python decoder and pairs them. The second part shows what the engine found. Packets are
-- pushed through the engine once, in order, on Wireshark's first pass; every later visit shows the stored result.
--
-- Runs on Lua 5.2 (Wireshark up to 4.2) and Lua 5.4 (from 4.4 on). Numbers from the wire stay strings in the
-- engine, because the two versions differ in how they print them.

--@CATALOG@

local engine = {}

local SECOND = 1000000000
local PIPELINE_NS = 300000000
local UNFIT = 100
local MAX_PENDING = 64
local MAX_LATE = 1024

-- text ------------------------------------------------------------------------------------------------------

local function strip(text)
  return (text:gsub("^[ \t]+", ""):gsub("[ \t]+$", ""))
end

local function bare_line(bytes)
  -- A line without what separates lines, and without spaces around it.
  local first = bytes:find("[^\r\n \0]")
  if not first then return "" end
  local last = #bytes
  while bytes:byte(last) == 13 or bytes:byte(last) == 10 do last = last - 1 end
  while bytes:byte(last) == 32 do last = last - 1 end
  return bytes:sub(first, last)
end

local function utf8_length(text, i)
  -- How many bytes the valid UTF-8 sequence at i has; nil if there is none.
  local a, b, c, d = text:byte(i, i + 3)
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

function engine.to_text(bytes)
  if not bytes:find("[\0\128-\255]") then return bytes end
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

local OPEN_QUOTE, CLOSE_QUOTE = "\226\128\156", "\226\128\157"

local function typographic(text, i)
  local three = text:sub(i, i + 2)
  return three == OPEN_QUOTE or three == CLOSE_QUOTE
end

local function unquote(text)
  local from, to = 1, #text
  if text:sub(1, 1) == '"' then from = 2 elseif typographic(text, 1) then from = 4 end
  if from > 1 then
    local last = text:sub(-1)
    if last == '"' and #text > from - 1 then to = #text - 1
    elseif #text >= from + 2 and typographic(text, #text - 2) then to = #text - 3
    else from = 1 end
  end
  if from == 1 then return text end
  local inner = text:sub(from, to)
  return (inner:gsub('\\"', '"'))
end

-- grammar ---------------------------------------------------------------------------------------------------

local function quoted_end(text, i)
  -- The offset behind the string that begins at i with a plain quote, or nil.
  local j = i + 1
  while j <= #text do
    local c = text:sub(j, j)
    if c == "\\" then
      if j == #text then return nil end
      j = j + 2
    elseif c == '"' then return j + 1
    else j = j + 1 end
  end
  return nil
end

local function typographic_end(text, i)
  local j = i + 3
  while j <= #text do
    if typographic(text, j) then return j + 3 end
    j = j + 1
  end
  return nil
end

function engine.split_arguments(text)
  local result = {}
  if text == "" then return result end
  local i = 1
  while true do
    i = text:find("[^ \t]", i) or #text + 1
    local c = text:sub(i, i)
    local stop
    if c == '"' then stop = quoted_end(text, i)
    elseif c == "(" then
      local _, e = text:find("^%b()", i)
      stop = e and e + 1
    elseif typographic(text, i) then stop = typographic_end(text, i) end
    if stop then
      local after = text:find("[^ \t]", stop) or #text + 1
      if after <= #text and text:sub(after, after) ~= "," then stop = nil end
    end
    if not stop then stop = text:find(",", i, true) or #text + 1 end
    result[#result + 1] = strip(text:sub(i, stop - 1))
    local comma = text:find("[^ \t]", stop) or #text + 1
    if comma > #text then
      return result
    end
    i = comma + 1
    if i > #text then
      result[#result + 1] = ""
      return result
    end
  end
end

local function until_semicolon(text, i)
  local j = i
  while j <= #text do
    local c = text:sub(j, j)
    if c == ";" then return j - 1 end
    if c == '"' then j = quoted_end(text, j) or #text + 1
    elseif typographic(text, j) then j = typographic_end(text, j) or #text + 1
    else j = j + 1 end
  end
  return #text
end

function engine.parse_command_line(body)
  -- What follows AT -> list of {name, form, arguments}.
  local commands = {}
  body = body:gsub("[ \t]+$", "")
  local i = 1
  while i <= #body do
    local c = body:sub(i, i)
    if c == ";" or c == " " or c == "\t" then
      i = i + 1
    else
      local prefix, name, stop = body:match("^([%+%^%$%%%*#!])[ \t]*([A-Za-z][%w_%-%./]*)[ \t]*()", i)
      local done = false
      if prefix then
        local shown = (prefix == "+" and "" or prefix) .. name:upper()
        local two, one = body:sub(stop, stop + 1), body:sub(stop, stop)
        done = true
        if two == "=?" then
          commands[#commands + 1] = { shown, "test", "" }
          i = stop + 2
        elseif one == "?" then
          commands[#commands + 1] = { shown, "read", "" }
          i = stop + 1
        elseif one == "=" or one == ":" then
          local last = until_semicolon(body, stop + 1)
          commands[#commands + 1] = { shown, "set", body:sub(stop + 1, last) }
          i = last + 1
        elseif one == "" or one == ";" then
          commands[#commands + 1] = { shown, "exec", "" }
          i = stop
        else
          done = false
        end
      end
      if not done then
        local register, value_at = body:match("^[Ss](%d+)[ \t]*()", i)
        local basic, digits, next_at = body:match("^([&\\%%]?[A-Za-z])[ \t]*(%d*)()", i)
        if c == "D" or c == "d" then
          commands[#commands + 1] = { "D", "dial", strip(body:sub(i + 1)) }
          i = #body + 1
        elseif register then
          local value = ""
          local s_name_end = body:match("^[Ss]%d+()", i)
          if body:sub(value_at, value_at) == "?" then
            i = value_at + 1
          elseif body:sub(value_at, value_at) == "=" then
            value, i = body:match("^=[ \t]*(%d*)()", value_at)
          else
            i = s_name_end
          end
          commands[#commands + 1] = { "S" .. register, "s-register", value }
        elseif basic then
          commands[#commands + 1] = { basic:upper(), "basic", digits }
          i = next_at
        else
          commands[#commands + 1] = { body:sub(i), "exec", "" }
          i = #body + 1
        end
      end
    end
  end
  if #commands == 0 then commands[1] = { "AT", "exec", "" } end
  return commands
end

function engine.is_command(line)
  local c = line:match("^[Aa][Tt](.?)")
  if not c then return false end
  if c:match("^[%+%^%$%%&%*#!\\/%?;A-Za-z%d]$") then return true end
  return line:match("^[Aa][Tt]%s*$") ~= nil
end

-- values ----------------------------------------------------------------------------------------------------

local function to_int(text)
  local sign, digits = text:match("^([%+%-]?)(%d+)$")
  if not digits then
    sign, digits = strip(unquote(text)):match("^([%+%-]?)(%d+)$")
  end
  if not digits or #digits > 20 then return nil end
  digits = digits:gsub("^0+", "")
  if digits == "" then return "0" end
  return (sign == "-" and "-" or "") .. digits
end

local function to_flags(text)
  local digits = strip(unquote(text)):match("^0[xX](%x+)$")
  if digits and #digits <= 12 then return string.format("%.0f", tonumber(digits, 16)) end
  return to_int(text)
end

local function to_float(text)
  local sign, whole, fraction = strip(unquote(text)):match("^([%+%-]?)(%d+)%.?(%d*)$")
  if not whole or strip(unquote(text)):sub(-1) == "." then return nil end
  whole, fraction = whole:gsub("^0+(%d)", "%1"), fraction:gsub("0+$", "")
  return (sign == "-" and "-" or "") .. whole .. "." .. (fraction ~= "" and fraction or "0")
end

local converters = {
  int = to_int,
  bool = function(text) return (text == "1" and "true") or (text == "0" and "false") or nil end,
  float = to_float,
  hex = function(text)
    local digits = unquote(text)
    return digits:match("^%x*$") and #digits % 2 == 0 and digits:lower() or nil
  end,
  ip = function(text) return unquote(text) end,
  string = unquote,
  flags = to_flags,
  rssi = to_int,
  time = unquote,
  ["gprs-timer"] = unquote,
  ["gprs-timer-3"] = unquote,
  ["edrx-cycle"] = unquote,
  ["paging-window"] = unquote,
  ranges = unquote,
  payload = function(text) return text end,
}

-- A result of reading arguments: params is a list of {name, value, label, type}, by_name maps name -> value.

local function generic(arguments)
  local out = { params = {}, by_name = {}, fit = 0 }
  for i, text in ipairs(arguments) do
    if text ~= "" then
      local name, value = "arg" .. i, unquote(text)
      out.params[#out.params + 1] = { name, value, nil, "string" }
      out.by_name[name] = value
    end
  end
  return out
end

-- Physical values of coded parameters, as quantities.py has them: name ending -> value, or a label.

local TIMER_UNITS = { [0] = 2, 60, 360, 60, 60, 60, 60 }
local TIMER_3_UNITS = { [0] = 600, 3600, 36000, 2, 30, 60, 1152000 }
local CYCLES = {
  gsm = { "1.88", "3.76", "7.53", "12.24", "24.48", "48.96", "97.92", "195.84", "391.68", "783.36", "1566.72", "3133.44" },
  utran = { "10.24", "20.48", "40.96", "81.92", "163.84", "327.68", "655.36", "1310.72", "1966.08", "2621.44" },
  wb = { "5.12", "10.24", "20.48", "40.96", "61.44", "81.92", "102.4", "122.88", "143.36", "163.84", "327.68", "655.36",
    "1310.72", "2621.44", "2621.44", "2621.44" },
  nb = { "20.48", "20.48", "20.48", "40.96", "20.48", "81.92", "20.48", "20.48", "20.48", "163.84", "327.68", "655.36",
    "1310.72", "2621.44", "5242.88", "10485.76" },
}
local PTW_UTRAN = { [0] = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20 }

local function timer(value, units)
  if not value:match("^[01]+$") or #value ~= 8 then return nil end
  local unit = tonumber(value:sub(1, 3), 2)
  if unit == 7 then return nil, "deactivated" end
  return string.format("%d", units[unit] * tonumber(value:sub(4), 2))
end

local function access(by_name)
  return ({ ["1"] = "gsm", ["2"] = "gsm", ["3"] = "utran", ["4"] = "wb" })[by_name.act_type] or "nb"
end

local function four_bits(value)
  return value:match("^[01][01][01][01]$") and tonumber(value, 2)
end

local quantities = {
  rssi = { "_dbm", function(value)
    local code = value:match("^%d+$") and tonumber(value)
    if code and code >= 0 and code <= 31 then return string.format("%d", 2 * code - 113) end
    if code and code >= 100 and code <= 191 then return string.format("%d", code - 216) end
  end },
  ["gprs-timer"] = { "_s", function(value) return timer(value, TIMER_UNITS) end },
  ["gprs-timer-3"] = { "_s", function(value) return timer(value, TIMER_3_UNITS) end },
  ["edrx-cycle"] = { "_s", function(value, by_name)
    local code, cycles = four_bits(value), CYCLES[access(by_name)]
    return code and (cycles[code + 1] or cycles[1])
  end },
  ["paging-window"] = { "_s", function(value, by_name)
    local code, kind = four_bits(value), access(by_name)
    if not code then return nil end
    if kind == "gsm" or kind == "utran" then return string.format("%d", PTW_UTRAN[code]) end
    return (string.format("%.2f", (code + 1) * (kind == "nb" and 2.56 or 1.28)):gsub("0$", ""))
  end },
  time = { "_iso", function(value)
    local bare = value:gsub('^"', ""):gsub('"$', "")
    bare = bare:gsub("^20(%d%d/%d%d/)", "%1")
    local yy, mo, dd, hh, mi, ss, rest = bare:match("^(%d%d)/(%d%d)/(%d%d),(%d%d):(%d%d):(%d%d)(.*)$")
    if not yy then return nil end
    local sign, quarters = rest:match("^([%+%-])(%d%d?)$")
    if rest ~= "" and not sign then return nil end
    if mo < "01" or mo > "12" or dd < "01" or dd > "31" or hh > "23" or mi > "59" then return nil end
    local zone = ""
    if sign then
      zone = string.format("%s%02d:%02d", sign, math.floor(tonumber(quarters) / 4), tonumber(quarters) % 4 * 15)
    end
    return "20" .. yy .. "-" .. mo .. "-" .. dd .. "T" .. hh .. ":" .. mi .. ":" .. ss .. zone
  end },
}

local function name_bits(bits, value)
  local names, number = {}, tonumber(value)
  if not number then return nil end
  for _, one in ipairs(bits) do
    if math.floor(number / one[1]) % 2 == 1 then names[#names + 1] = one[2] end
  end
  return #names > 0 and table.concat(names, ", ") or "none"
end

local function read_syntax(syntax, arguments, sliced)
  local count, fit = #arguments, 0
  local last = #syntax
  if count > syntax.max then
    if syntax.rest then
      local kept = {}
      for i = 1, last - 1 do kept[i] = arguments[i] end
      local rest = {}
      for i = last, count do rest[#rest + 1] = arguments[i] end
      kept[last] = table.concat(rest, ",")
      arguments, count = kept, last
    else
      fit = fit + UNFIT + count - syntax.max
    end
  elseif count < syntax.min then
    fit = fit + UNFIT + syntax.min - count
  end
  for i, param in ipairs(syntax) do
    if param.w then
      local found = false
      if i <= count then
        local value = unquote(arguments[i])
        for _, word in ipairs(param.w) do
          if word == value then found = true end
        end
      end
      if not found then fit = fit + 10 * UNFIT end
    end
  end
  local out = { params = {}, by_name = {}, fit = fit, syntax = syntax }
  local repeats = last > 0 and syntax[last].m == "*"
  for i, text in ipairs(arguments) do
    if i > last and not repeats then
      local name, value = "arg" .. i, unquote(text)
      out.params[#out.params + 1] = { name, value, nil, "string" }
      out.by_name[name] = value
    else
      local param = syntax[math.min(i, last)]
      if text == "" then
        if not (param.m or i > 1) then out.fit = out.fit + 1 end
      else
        local kind = param.by and param.cases[out.by_name[param.by] or ""] or param.t
        local shown = text
        if param.pre and text:sub(1, #param.pre) == param.pre then shown = text:sub(#param.pre + 1) end
        local value
        if sliced and param.l and kind == "string" then value = shown else value = converters[kind](shown) end
        if value == nil then
          value, kind = unquote(text), "string"
          out.fit = out.fit + 2
        end
        if param.l then
          local length, size = tonumber(out.by_name[param.l] or 0) or 0, #unquote(text)
          if length ~= 0 and size ~= length and size ~= 2 * length then out.fit = out.fit + 1 end
        end
        local single = param.m ~= "*"
        local label = param.v and single and param.v[value] or nil
        if not label and param.bits and single then label = name_bits(param.bits, value) end
        local one = { param.n, value, label, kind }
        out.params[#out.params + 1] = one
        if single then out.by_name[param.n] = value end
        local quantity = single and not label and quantities[param.t]
        if quantity and kind == param.t then
          local measured, said = quantity[2](value, out.by_name)
          if measured then
            local name = param.n .. quantity[1]
            out.params[#out.params + 1] = { name, measured, nil, param.t == "time" and "string" or param.t == "rssi" and "int" or "float" }
            out.by_name[name] = measured
          end
          one[3] = said
        end
      end
    end
  end
  return out
end

local function slice_payload(text, syntax)
  -- Split text with the payload cut out by its announced length; nil if nothing fits. See the Python twin.
  local head, position = {}, 1
  for _ = 1, (syntax.counted or syntax.payload) - 1 do
    local comma = text:find(",", position, true)
    if not comma then return nil end
    head[#head + 1] = strip(text:sub(position, comma - 1))
    position = comma + 1
  end
  while text:sub(position, position) == " " do position = position + 1 end
  if not syntax.counted then
    head[#head + 1] = unquote(strip(text:sub(position)))
    return head
  end
  local announced = 0
  for i, param in ipairs(syntax) do
    if param.n == syntax[syntax.counted].l then
      if head[i] and head[i] ~= "" and (not head[i]:match("^%d+$") or #head[i] >= 10) then return nil end
      announced = tonumber(head[i] or "") or 0
    end
  end
  if announced > #text then announced = 0 end
  local quoted = text:sub(position, position) == '"'
  local start = position + (quoted and 1 or 0)
  local function parts(body_end, tail)
    local result = {}
    for _, one in ipairs(head) do result[#result + 1] = one end
    result[#result + 1] = text:sub(start, body_end - 1)
    for _, one in ipairs(tail) do result[#result + 1] = one end
    return result
  end
  for _, size in ipairs({ announced, 2 * announced }) do
    local body_end = start + size
    local after = body_end + (quoted and 1 or 0)
    local follow = text:sub(after, after)
    if size > 0 and after <= #text + 1 and (not quoted or text:sub(body_end, body_end) == '"')
      and (follow == "" or follow == ",") and (size == announced or text:sub(start, body_end - 1):match("^%x*$")) then
      return parts(body_end, after <= #text and engine.split_arguments(text:sub(after + 1)) or {})
    end
  end
  if quoted then
    local close
    for i = #text, start + 1, -1 do
      if text:sub(i, i) == '"' then close = i break end
    end
    if close then
      local tail = strip(text:sub(close + 1))
      if not tail:find("[^%d, ]") then
        return parts(close, tail ~= "" and engine.split_arguments(tail:sub(2)) or {})
      end
    end
  end
  return nil
end

local function best(syntaxes, text)
  local arguments = engine.split_arguments(text)
  local found
  for _, syntax in ipairs(syntaxes) do
    local counted = syntax.counted and not syntax.payload and slice_payload(text, syntax)
    local candidate = read_syntax(syntax, counted or arguments, counted)
    if candidate.fit == 0 then return candidate end
    if not found or candidate.fit < found.fit then found = candidate end
  end
  return found or generic(arguments)
end

-- pairing ---------------------------------------------------------------------------------------------------

local FINAL = {
  ["OK"] = "OK", ["Ok"] = "OK", ["ok"] = "OK", ["ERROR"] = "ERROR", ["NO CARRIER"] = "NO CARRIER",
  ["NO ANSWER"] = "NO ANSWER", ["NO DIALTONE"] = "NO DIALTONE", ["NO DIAL TONE"] = "NO DIALTONE", ["BUSY"] = "BUSY",
  ["SEND OK"] = "SEND OK", ["SEND FAIL"] = "SEND FAIL",
}
local NUMERIC = {
  ["0"] = "OK", ["1"] = "CONNECT", ["2"] = "RING", ["3"] = "NO CARRIER", ["4"] = "ERROR", ["6"] = "NO DIALTONE",
  ["7"] = "BUSY", ["8"] = "NO ANSWER",
}
local ERROR_TABLES = { ["CME ERROR"] = "cme", ["CMS ERROR"] = "cms", ["CIS ERROR"] = "cis" }

function engine.is_text(line)
  -- Tell text from noise: no control characters, and if it is not UTF-8, at least half of it ASCII.
  if line:find("[\0\1-\8\11-\31\127]") then return false end
  local _, high = line:gsub("[\128-\255]", "")
  if high == 0 then return #line > 1 end
  return 2 * high <= #line or engine.to_text(line) == line
end

local function inline_index(inlines)
  -- Lines with payload inside by the name that they begin with, and those that begin with none, in the catalog's order.
  local named, bare = {}, {}
  for _, inline in ipairs(inlines) do
    if not inline.bare then named[inline.name] = {} end
  end
  for _, inline in ipairs(inlines) do
    for name, list in pairs(named) do
      if inline.bare or inline.name == name then list[#list + 1] = inline end
    end
    if inline.bare then bare[#bare + 1] = inline end
  end
  return named, bare
end

local function group_index(rules)
  -- The rules of groups by the names of the lines that they speak of.
  local named = {}
  for _, rule in ipairs(rules) do
    for _, patterns in ipairs({ rule.start, rule.more, rule.finish }) do
      for _, one in ipairs(patterns) do
        local list = named[one.line] or {}
        named[one.line] = list
        if list[#list] ~= rule then list[#list + 1] = rule end
      end
    end
  end
  return named
end

local Session = {}
Session.__index = Session

function engine.new(tables)
  local self = setmetatable({}, Session)
  self.catalog = tables
  self.pending = {}
  self.late = {}
  self.states = {}
  self.learned = {}
  self.verbose = nil
  self.last_line = ""
  self.requests = {}
  self.groups = {}
  self.opened = {}
  self.scores, self.identified, self.module = {}, nil, ""
  self.inline_named, self.inline_bare = inline_index(tables.inline)
  self.group_rules = group_index(tables.groups)
  return self
end

local function in_list(values, value)
  for _, one in ipairs(values) do
    if tostring(one) == value or (one == "*" and value ~= nil) or (one == "-" and value == nil) then return true end
  end
  return false
end

local function agree(rules, own, theirs)
  -- Whether the parameters of a URC agree with those of a command; what the command lacks, agrees.
  for _, rule in ipairs(rules or {}) do
    local value = own[rule[2]]
    local number = rule[3] > 0 and value and #value < 16 and value:match("^%-?%d+$") and tonumber(value)
    if number then value = string.format("%d", number % (rule[3] + 1)) end
    if value ~= nil and value ~= theirs[rule[1]] then return false end
  end
  return true
end

local function state_key(state, key)
  return state .. "\0" .. tostring(key)
end

local function matches(where, by_name)
  for name, value in pairs(where or {}) do
    local own = by_name[name]
    if not own or not ("|" .. value .. "|"):find("|" .. own .. "|", 1, true) then return false end
  end
  return true
end

local function late_rules(command, form, by_name, states)
  local rules = {}
  if command and command.late then
    for _, late in ipairs(command.late) do
      local applies = false
      for _, one in ipairs(late.forms) do
        if one == form then applies = true end
      end
      for name, values in pairs(late.when or {}) do
        if not in_list(values, by_name[name]) then applies = false end
      end
      if late.given then
        local given = late.given
        local value = states[state_key(given.state, by_name[given.key])] or states[state_key(given.state, nil)]
        if not value or not in_list(given.values, value) then applies = false end
      end
      if applies then rules[#rules + 1] = late end
    end
  end
  return rules
end

-- Which dialect? See ranking.py.

function Session:saw(dialect, shared)
  if dialect and not shared and not self.catalog.bases[dialect] then
    self.scores[dialect] = (self.scores[dialect] or 0) + 1
  end
end

local IDENTIFYING = { I = true, CGMI = true, CGMM = true, CGMR = true, GMI = true, GMM = true, GMR = true }

function Session:identify(command, text)
  if not IDENTIFYING[command] then return end
  for name, dialects in pairs(self.catalog.modules) do
    local at = 1
    while true do
      local from = text:find(name, at, true)
      if not from then break end
      if not text:sub(from - 1, from - 1):match("%w") or from == 1 then
        if #name > #self.module or (#name == #self.module and name > self.module) then
          self.module, self.identified = name, {}
          for _, dialect in ipairs(dialects) do self.identified[dialect] = true end
        end
      end
      at = from + 1
    end
  end
end

function Session:weight(candidate, fit, alias)
  local known = not self.identified or self.identified[candidate.dialect]
  return { fit >= UNFIT and 1 or 0, known and 0 or 1, alias and 1 or 0, fit, -(self.scores[candidate.dialect] or 0) }
end

local function lighter(a, b)
  for i = 1, #a do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return false
end

function Session:choose(name, candidates)
  -- Of the ways in which several dialects read a command, the likeliest.
  local best_one, best_weight
  for _, one in ipairs(candidates) do
    local command = one[3]
    local fit = one[4].fit + (command.forms[one[2]] and 0 or UNFIT)
    local weight = self:weight(command, fit, command.name ~= name)
    if not best_one or lighter(weight, best_weight) then best_one, best_weight = one, weight end
  end
  return best_one
end

local function parsed(name, form, command, text, shared)
  local arguments, payload = nil, false
  if form == "set" or form == "basic" or form == "s-register" or form == "dial" then
    arguments = best(command.set or {}, text)
    local at = arguments.syntax and arguments.syntax.payload
    payload = at and arguments.by_name[arguments.syntax[at].n] ~= nil
  else
    arguments = generic({})
  end
  return { name, form, command, arguments, payload, text, shared }
end

local function sliced(command, name, rest, shared)
  -- A length that fits comes first; then one that is wrong, if the rest fits; then payload that nothing counts.
  local text = rest:gsub("^ +", ""):gsub(" +$", "")
  local function made(syntax, parts)
    for i, part in ipairs(parts) do parts[i] = engine.to_text(part) end
    return { name, "set", command, read_syntax(syntax, parts, true), true, engine.to_text(rest), shared }
  end
  local uncounted = {}
  for _, syntax in ipairs(command.set or {}) do
    if syntax.payload and syntax.counted then
      local parts = slice_payload(text, syntax)
      if parts then return made(syntax, parts) end
    elseif syntax.payload then
      uncounted[#uncounted + 1] = syntax
    end
  end
  if #uncounted > 0 then
    local arguments = engine.split_arguments(text)
    for i, one in ipairs(arguments) do arguments[i] = unquote(one) end
    for _, syntax in ipairs(command.set) do
      if syntax.counted and #arguments >= syntax.counted and read_syntax(syntax, arguments).fit < 2 then
        return made(syntax, arguments)
      end
    end
  end
  for _, syntax in ipairs(uncounted) do
    local parts = slice_payload(text, syntax)
    if parts then return made(syntax, parts) end
  end
  return nil
end

function Session:parse_with_payload(line)
  local name, rest = line:match("^[Aa][Tt]%+([A-Za-z][A-Za-z0-9]*) ?=(.*)$")
  if not name or rest:sub(1, 1) == "?" then return nil end
  name = name:upper()
  local rivals = self.catalog.rivals[name]
  if not rivals then
    local command = self.catalog.commands[name]
    local one = command and sliced(command, name, rest, false)
    return one and { one }
  end
  local candidates, any = {}, false
  for _, rival in ipairs(rivals) do
    local one = sliced(rival, name, rest, true)
    any = any or one ~= nil
    candidates[#candidates + 1] = one or parsed(name, "set", rival, engine.to_text(rest), true)
  end
  return any and { self:choose(name, candidates) } or nil
end

function Session:parse(line)
  -- A command line -> list of {name, form, command, arguments, carries payload, argument text, shared name}.
  if line == "+++" then return { { "+++", "exec", self.catalog.commands["+++"], generic({}), false, "", false } } end
  local whole = self:parse_with_payload(line)
  if whole then return whole end
  local result = {}
  for _, one in ipairs(engine.parse_command_line(engine.to_text(line:sub(3)))) do
    local name, form, text = one[1], one[2], one[3]
    local key = form == "s-register" and "S" or name
    local command, rivals = self.catalog.commands[key], self.catalog.rivals[key]
    if not command then
      result[#result + 1] = { name, form, nil, generic(engine.split_arguments(text)), false, text, false }
    elseif not rivals then
      result[#result + 1] = parsed(name, form, command, text, false)
    else
      local candidates = {}
      for _, rival in ipairs(rivals) do candidates[#candidates + 1] = parsed(name, form, rival, text, true) end
      result[#result + 1] = self:choose(key, candidates)
    end
  end
  return result
end

function Session:command(line, time_ns, frame)
  local source = line
  if line:sub(1, 2) == "A/" or line:sub(1, 2) == "a/" then source = self.last_line else self.last_line = line end
  local opens, timeout = {}, 0
  for _, one in ipairs(self:parse(source)) do
    local command = one[3]
    local request
    self:saw(command and command.dialect, one[7])
    if command and self.catalog.answering[command.name] then
      one[4] = self:consistent(command, one)
      request = self:answer_request(command.name, one[4].by_name)
    end
    opens[#opens + 1] = {
      name = (command and one[2] ~= "s-register") and command.name or one[1], form = one[2], command = command, arguments = one[4], time_ns = time_ns, frame = frame,
      late = late_rules(command, one[2], one[4].by_name, self.states), bound = {}, urcs = 0, payload = one[5], request = request,
    }
    self.opened[opens[#opens].name] = frame
    self:group_line(opens[#opens].name, one[4].by_name, time_ns, frame)
    timeout = timeout + (command and command.timeout or self.catalog.default_timeout)
  end
  local entry = { text = line, time_ns = time_ns, opens = opens, frame = frame }
  if line == "+++" and self.silent_escape then
    self.silent_escape = nil
    return entry
  end
  if time_ns then entry.deadline = time_ns + timeout * SECOND end
  self.pending[#self.pending + 1] = entry
  if #self.pending > MAX_PENDING then self:abandon(table.remove(self.pending, 1), "unanswered") end
  return entry
end

-- Requests of the platform and the commands that answer them; lines that belong together. See requests.py, groups.py.

local MAX_REQUESTS, KEPT_NS = 256, 120 * SECOND

function Session:add_request(name, by_name, time_ns, frame)
  local urc = self.catalog.urcs[name]
  if not urc or not urc.answered then return end
  self.requests[#self.requests + 1] = { rule = urc.answered, by_name = by_name, time_ns = time_ns, frame = frame }
  if #self.requests > MAX_REQUESTS then table.remove(self.requests, 1) end
end

function Session:find_request(command, by_name)
  local last
  for _, request in ipairs(self.requests) do
    if request.rule.command == command and agree(request.rule.match, by_name, request.by_name) then
      if not request.answered then return request end
      last = request
    end
  end
  return last
end

function Session:answer_request(command, by_name)
  local found = self:find_request(command, by_name)
  for _, request in ipairs(self.requests) do
    if request.rule.command == command and agree(request.rule.match, by_name, request.by_name) then
      request.answered = true
    end
  end
  return found
end

function Session:consistent(command, parsed)
  -- Of the syntaxes that fit equally well, the one by which the command answers a request.
  if #(command.set or {}) > 1 then
    for _, syntax in ipairs(command.set) do
      local other = best({ syntax }, parsed[6] or "")
      if other.fit <= parsed[4].fit and self:find_request(command.name, other.by_name) then return other end
    end
  end
  return parsed[4]
end

local function is_line(patterns, name, by_name)
  for _, one in ipairs(patterns) do
    if one.line == name and matches(one.where, by_name) then return true end
  end
  return false
end

function Session:group_line(name, by_name, time_ns, frame)
  for _, rule in ipairs(self.group_rules[name] or {}) do
    local key = rule.dialect .. "\0" .. rule.name
    for _, param in ipairs(rule.key) do key = key .. "\0" .. tostring(by_name[param]) end
    local open, more = self.groups[key], is_line(rule.more, name, by_name)
    local member = false
    if is_line(rule.start, name, by_name) and not (open and more) then
      open, member = { first = frame, name = rule.name }, true
      self.groups[key] = open
    elseif open and is_line(rule.finish, name, by_name) then
      self.groups[key], member = nil, true
    elseif open and more then
      member = true
    end
    if member then
      open.deadline = time_ns and time_ns + rule.within * SECOND
      self.on_group(frame, open.first, open.name)
    end
  end
end

function Session:abandon(entry, code)
  self.on_abandoned(entry.frame, code)
end

function Session:expire(now_ns)
  local i = 1
  while i <= #self.pending do
    local deadline = self.pending[i].deadline
    if deadline and deadline <= now_ns then
      self:abandon(table.remove(self.pending, i), "timeout")
    else
      i = i + 1
    end
  end
  i = 1
  while i <= #self.late do
    local deadline = self.late[i].deadline
    if deadline and deadline <= now_ns then table.remove(self.late, i) else i = i + 1 end
  end
  for key, group in pairs(self.groups) do
    if group.deadline and group.deadline <= now_ns then self.groups[key] = nil end
  end
  while self.requests[1] and self.requests[1].time_ns and self.requests[1].time_ns + KEPT_NS < now_ns do
    table.remove(self.requests, 1)
  end
end

local function expects(open, name, by_name)
  for _, late in ipairs(open.late) do
    if late.urc == name and matches(late.where, by_name) and agree(late.match, open.arguments.by_name, by_name) then
      local equal = true
      for _, key in ipairs(late.bind or {}) do
        if open.bound[key] and open.bound[key] ~= by_name[key] then equal = false end
      end
      if equal then return true end
    end
  end
  return false
end

local function bind(open, by_name)
  -- Keep the parameters of a line that the later lines of this command must repeat.
  for _, late in ipairs(open.late) do
    for _, key in ipairs(late.bind or {}) do
      if by_name[key] and not open.bound[key] then open.bound[key] = by_name[key] end
    end
  end
end

function Session:find_late(name, by_name)
  for _, open in ipairs(self.late) do
    if expects(open, name, by_name) then return open end
  end
  for _, entry in ipairs(self.pending) do
    for _, open in ipairs(entry.opens) do
      if expects(open, name, by_name) then return open end
    end
  end
  return nil
end

local function answers(open)
  return not open.command or (open.command.answers and open.command.answers[open.form])
end

function Session:owned(entry, open, name, dialect, arguments)
  entry.answered = true
  while self.pending[1] ~= entry do self:abandon(table.remove(self.pending, 1), "unanswered") end
  return { name = name, dialect = dialect, arguments = arguments, owner = open }
end

function Session:unsolicited(name, text, given)
  local urc, command = self.catalog.urcs[name], self.catalog.commands[name]
  given = given or best((urc and urc.syntax) or (not urc and command and command.answer) or {}, text)
  local dialect = urc and urc.dialect or (not urc and command and command.dialect) or nil
  local owner = self:find_late(name, given.by_name)
  return { name = name, dialect = dialect, arguments = given, owner = owner, urc = urc, late = owner ~= nil }
end

local function overtaken(first, second)
  -- Whether the MCU had given up on the first, so that an answer that fits both belongs to the second.
  if first.echoed or first.answered then return false end
  if first.time_ns and second.time_ns then return second.time_ns - first.time_ns > PIPELINE_NS end
  return first.text == second.text or (first.time_ns == nil) ~= (second.time_ns == nil)
end

local function answered_by(open, name)
  local command = open.command
  if not command then return open.name == name end
  return command.answer_names and command.answer_names[name] and command.answers[open.form]
end

function Session:canonical(name)
  local found = self.catalog.urcs[name] or self.catalog.commands[name]
  return found and found.name or name
end

function Session:waiting_for(name)
  local found_entry, found_open
  for _, entry in ipairs(self.pending) do
    for _, open in ipairs(entry.opens) do
      if answered_by(open, name) then
        if found_entry and not overtaken(found_entry, entry) then return found_entry, found_open end
        found_entry, found_open = entry, open
        break
      end
    end
  end
  return found_entry, found_open
end

function Session:canonical_names(name)
  -- All names under which dialects know what the wire spells name.
  local names, seen = { self:canonical(name) }, {}
  seen[names[1]] = true
  for _, list in ipairs({ self.catalog.urc_rivals[name] or {}, self.catalog.rivals[name] or {} }) do
    for _, one in ipairs(list) do
      if not seen[one.name] then
        names[#names + 1] = one.name
        seen[one.name] = true
      end
    end
  end
  return names
end

function Session:choose_urc(name, text)
  local urc, arguments, least
  for _, rival in ipairs(self.catalog.urc_rivals[name]) do
    local read = best(rival.syntax or {}, text)
    local weight = self:weight(rival, read.fit, rival.name ~= name)
    if not least or lighter(weight, least) then urc, arguments, least = rival, read, weight end
  end
  local late = self:find_late(urc.name, arguments.by_name)
  return {
    name = urc.name, dialect = urc.dialect, arguments = arguments, owner = late, urc = urc, late = late ~= nil,
    shared = true,
  }
end

function Session:answer(line, given, name)
  local rest = ""
  if not given then
    local text = engine.to_text(line)
    local prefix, bare, behind = text:match("^([%+%^%$%%%*#!])([A-Za-z][%w_%-%./]*)[ \t]*[:=][ \t]*(.*)$")
    if not prefix then prefix, bare, behind = text:match("^(%+)([A-Za-z][%w_%-%./]*)[ \t]*,[ \t]*(.*)$") end
    if not prefix then return self:free_text(text) end
    name, rest = (prefix == "+" and "" or prefix) .. bare, behind
  end
  local names = { self:canonical(name) }
  if self.catalog.urc_rivals[name] or self.catalog.rivals[name] then names = self:canonical_names(name) end
  for _, canonical in ipairs(names) do
    local entry, open = self:waiting_for(canonical)
    if entry and not open.command then
      return self:owned(entry, open, canonical, nil, given or generic(engine.split_arguments(rest)))
    elseif entry then
      return self:information(entry, open, open.command, canonical, rest, given)
    end
  end
  if self.catalog.urc_rivals[name] and not given then return self:choose_urc(name, rest) end
  return self:unsolicited(names[1], rest, given)
end

function Session:information(entry, open, command, name, text, given)
  local test = open.form == "test"
  given = given or best((test and command.test_answer or command.answer) or {}, text)
  local urc = self.catalog.urcs[name]
  if urc and given.fit > 0 and not test then
    local other = best(urc.syntax or {}, text)
    if other.fit < given.fit then return self:unsolicited(name, text, other) end
  end
  return self:owned(entry, open, name, command.dialect, given)
end

function Session:free_text(text)
  local empty = { params = {}, by_name = {}, fit = 0 }
  local urc = self.catalog.urcs[(text:gsub("^%+", ""))]
  if urc then
    local late = self:find_late(urc.name, {})
    return { name = urc.name, dialect = urc.dialect, arguments = empty, owner = late, urc = urc, late = late ~= nil }
  end
  local late = self:find_late(text:match("^[^ ]*"), {})
  if late then
    return { name = text, dialect = late.command and late.command.dialect, arguments = empty, owner = late, late = true }
  end
  for _, name in ipairs(self.catalog.lines) do
    local shape = self.catalog.urcs[name]
    local found = { text:match(shape.line) }
    if #found > 0 then
      if #shape.line_syntax == 0 then found = {} end
      local arguments = read_syntax(shape.line_syntax, found)
      local owner = self:find_late(name, arguments.by_name)
      return { name = name, dialect = shape.dialect, arguments = arguments, owner = owner, urc = shape, late = owner ~= nil }
    end
  end
  if text:match("^[%+%^]") or text:match("^[Aa][Tt][%+%^&]") then return { arguments = empty } end
  for _, entry in ipairs(self.pending) do
    local chosen
    for _, open in ipairs(entry.opens) do
      if answers(open) and (not chosen or chosen.informed) then chosen = open end
    end
    if chosen then
      entry.answered = true
      local command = chosen.command
      if command and command.bare and chosen.form ~= "test" then
        return { name = command.name, dialect = command.dialect, arguments = best(command.answer or {}, text), owner = chosen, text = text }
      end
      return { dialect = command and command.dialect, arguments = empty, owner = chosen, text = text }
    end
  end
  return { arguments = empty }
end

function Session:is_last(open, answer)
  local by_name, own = answer.arguments.by_name, open.arguments.by_name
  local first = (answer.name or ""):match("^[^ ]*")
  for _, late in ipairs(open.late) do
    if late.urc == first and matches(late.where, by_name) then
      if late.step then return false end
      if not late["until"] or matches(late["until"], by_name) then return true end
      for name, values in pairs(late.single or {}) do
        if name:sub(1, 1) == "+" then
          if in_list(values, by_name[name:sub(2)]) then return true end
        elseif own[name] and in_list(values, own[name]) then
          return true
        end
      end
      return false
    end
  end
  return true
end

function Session:attach(answer, line)
  local open = answer.owner
  bind(open, answer.arguments.by_name)
  if not answer.late then
    self:identify(open.name, line)
    open.informed = true
    return
  end
  open.urcs = open.urcs + 1
  if self:is_last(open, answer) then
    open.late, open.satisfied = {}, true
    for i, one in ipairs(self.late) do
      if one == open then table.remove(self.late, i) break end
    end
  end
end

function Session:drop_overtaken()
  while #self.pending > 1 and overtaken(self.pending[1], self.pending[2]) do
    self:abandon(table.remove(self.pending, 1), "unanswered")
  end
end

local function late_deadline(open)
  local late = open.late[1]
  local within = late.within
  if type(within) == "string" then
    within = tonumber(open.arguments.by_name[within] or late.default)
    if not within or within <= 0 or within >= 100000 then within = late.default end
  end
  return open.time_ns and open.time_ns + (within + 5) * SECOND
end

function Session:complete(code)
  local pending = self.pending
  if #pending == 0 then return nil end
  if #pending > 1 then self:drop_overtaken() end
  local entry = table.remove(pending, 1)
  local good = code == "OK" or code == "CONNECT"
  for _, open in ipairs(entry.opens) do
    if good and #open.late > 0 and not open.satisfied then
      open.deadline = late_deadline(open)
      self.late[#self.late + 1] = open
      if #self.late > MAX_LATE then table.remove(self.late, 1) end
    end
  end
  return entry
end

function Session:belongs_to_urc()
  local urc = self.urc_ok
  if urc.ok == "always" or #self.pending == 0 then return true end
  local open = self.pending[1].opens[#self.pending[1].opens]
  local needs = open.command and open.command.answers and open.command.answers[open.form]
  return self.learned[urc.name] and needs and not self.pending[1].answered
end

function Session:explain(kind, text, dialect)
  local code = text
  if text:match("^%d+$") and #text < 10 then code = to_int(text) end
  local order = {}
  for i, id in ipairs(self.catalog.order) do
    local known = self.identified and self.identified[id]
    order[i] = { id == dialect and 0 or 1, known and 0 or 1, -(self.scores[id] or 0), i, id }
  end
  table.sort(order, lighter)
  for _, one in ipairs(order) do
    local id = one[5]
    local tables = self.catalog.errors[id] or {}
    local own = tables[ERROR_TABLES[kind] or kind]
    if own and own[code] then return code, own[code] end
    if tables.all and tables.all[code] then return code, tables.all[code] end
  end
  return code, (not text:match("^%d+$")) and text or nil
end

function Session:apply_sets(sets, by_name, defaults)
  for _, rule in ipairs(sets) do
    local key = rule.key ~= "" and by_name[rule.key] or nil
    for state, name in pairs(rule.values) do
      local value = by_name[name]
      if value == nil and defaults then value = (rule.defaults or {})[state] end
      if value and value:match("^%-?%d+$") then self.states[state_key(state, key)] = value end
    end
  end
end

function Session:result(code, error_code, error_text, time_ns)
  -- A final result code. Returns {kind, owner, latency}.
  if self.urc_ok and code == "OK" and self:belongs_to_urc() then
    self.learned[self.urc_ok.name] = true
    self.urc_ok = nil
    return { kind = "urc" }
  end
  self.urc_ok = nil
  local entry = self:complete(code)
  local out = { kind = "result", code = code, error_code = error_code, error_text = error_text }
  if not entry then
    if code == "NO CARRIER" then out.kind = "urc" end
    out.unexpected = out.kind == "result"
    return out
  end
  out.owner = entry
  if time_ns and entry.time_ns then out.latency = time_ns - entry.time_ns end
  local good = not error_code and (code == "OK" or code == "CONNECT" or code == "SEND OK")
  out.failed = not good
  if good then
    for _, open in ipairs(entry.opens) do self:succeeded(open) end
  end
  return out
end

function Session:succeeded(open)
  local by_name = open.arguments.by_name
  if open.form == "basic" then
    if open.name == "V" then self.verbose = by_name.value == "1"
    elseif open.name == "Z" or open.name == "&F" then self.verbose = nil end
  end
  if open.command and open.form == "set" and open.command.sets then
    self:apply_sets(open.command.sets, by_name, true)
  end
  local silent = open.command and open.command.silent_escape
  if silent and (silent[open.form] or next(silent) == nil) then self.silent_escape = true end
end

function Session:connect(text, time_ns, frame)
  for _, entry in ipairs(self.pending) do
    local command = entry.opens[#entry.opens].command
    if not command or (command.stream and #entry.opens[#entry.opens].late == 0) then
      return self:result("CONNECT", nil, nil, time_ns)
    end
  end
  local answer = self:answer(text)
  if not answer.owner or not answer.late then
    if #self.pending > 0 then return self:result("CONNECT", nil, nil, time_ns) end
    return nil
  end
  return self:take_answer(answer, text, time_ns, frame)
end

function Session:take_answer(answer, line, time_ns, frame)
  local arguments = answer.arguments
  self.urc_ok = nil
  local out = {
    name = answer.name, dialect = answer.dialect, params = arguments.params,
    unfit = arguments.fit >= UNFIT and answer.dialect ~= nil,
  }
  local source = answer.owner and not answer.late and answer.owner.command or answer.urc
  if source and source.raw_after_ok then out.raw_after_ok = arguments.by_name[source.raw_after_ok] end
  if answer.owner then
    local open = answer.owner
    out.kind = answer.late and "urc" or "information"
    out.response_to, out.to_name, out.open = open.frame, open.name, open
    if answer.late and open.time_ns and time_ns then out.latency = time_ns - open.time_ns end
    if open.command and open.command.sets and open.form ~= "test" then
      self:apply_sets(open.command.sets, arguments.by_name, false)
    end
    self:attach(answer, line)
    if answer.late and answer.urc and answer.urc.ok then self.urc_ok = answer.urc end
  else
    out.kind = answer.name and "urc" or "text"
    if answer.name then self:saw(answer.dialect, answer.shared) end
    if answer.name then self:add_request(answer.name, arguments.by_name, time_ns, frame) end
    if answer.urc and answer.urc.ok then self.urc_ok = answer.urc end
  end
  if out.kind == "urc" and answer.name then self:group_line(answer.name, arguments.by_name, time_ns, frame) end
  if answer.urc and answer.urc.reboot then
    out.reboot = true
    self.requests, self.groups = {}, {}
    while #self.pending > 0 do self:abandon(table.remove(self.pending, 1), "unanswered") end
    self.late, self.states, self.verbose = {}, {}, nil
  end
  return out
end

-- module lines with payload inside --------------------------------------------------------------------------

local function inline_head(inline, bytes, start)
  -- Match the line up to its payload. Returns the offset of the payload and the arguments in front of it.
  local position = start
  if not inline.bare then
    position = bytes:match("^%+" .. inline.name .. (inline.exact and ",()" or "[ \t]*[:=][ \t]*()"), start)
  end
  if not position then return nil end
  local arguments = {}
  for i = 1, inline.syntax.payload - 1 do
    local value, stop
    position = bytes:match("^[ \t]*()", position)
    if bytes:sub(position, position) == '"' then
      value, stop = bytes:match('^("[^"\r\n]*")[ \t]*,()', position)
    end
    if not value and inline.exact and i == inline.syntax.payload - 1 then
      value, stop = bytes:match('^([^:,"\r\n]*):()', position)
    elseif not value then
      value, stop = bytes:match('^([^,"\r\n]*),()', position)
    end
    local last = i == inline.syntax.payload - 1
    if last and inline.behind == "next" then value, stop = nil, nil end
    if not value and last and inline.behind then
      value, stop = bytes:match('^([^,"\r\n]*)\r\n()', position)
      if stop and inline.behind == "either" then stop = bytes:match("^\r\n()", stop) or stop end
    end
    if not value then return nil end
    if inline.syntax[i].t == "ip" and not value:match('^"?%x*[.:][%x.:]*"?$') then return nil end
    local words = inline.syntax[i].w
    if words then
      local bare, found = strip(value):gsub('"', ""), false
      for _, word in ipairs(words) do
        if word == bare then found = true end
      end
      if not found then return nil end
    end
    arguments[i] = strip(value)
    position = stop
  end
  return position, arguments
end

function Session:counting(inline)
  -- The syntaxes of a line that carry no payload.
  local urc, command, result = self.catalog.urcs[inline.name], self.catalog.commands[inline.name], {}
  for _, list in ipairs({ urc and urc.syntax or {}, command and command.answer or {} }) do
    for _, syntax in ipairs(list) do
      if not syntax.payload then result[#result + 1] = syntax end
    end
  end
  return result
end

function Session:counts_only(inline)
  -- Whether the URC may give a count where payload could stand, as in the buffered modes.
  local count = inline.syntax.payload
  for _, syntax in ipairs(inline.cached and self:counting(inline) or {}) do
    if syntax.min <= count and count <= syntax.max then return true end
  end
  return false
end

function Session:inlines(bytes, start)
  -- The lines with payload inside that the line which begins there may be.
  local name = bytes:match("^%+([^,:= \t\r\n]+)", start)
  return self.inline_named[name or ""] or self.inline_bare
end

function Session:inline_line(bytes, start)
  -- A packet that is a line with payload inside -> its arguments, or nil if it is an ordinary line.
  for _, inline in ipairs(self:inlines(bytes, start)) do
    local at, before = inline_head(inline, bytes, start)
    if at and (not inline.bare or self:waiting_for(inline.name)) then
      local by_name = {}
      for i, text in ipairs(before) do by_name[inline.syntax[i].n] = text end
      local digits = by_name[inline.syntax[inline.syntax.payload].l]
      local cached = false
      for state, values in pairs(inline.cached or {}) do
        local value = self.states[state_key(state, to_int(by_name.connect_id or "") or nil)]
        if value and in_list(values, value) then cached = true end
      end
      if digits and digits:match("^%d+$") and #digits <= 8 then
        if inline.behind == "next" and tonumber(digits) == 0 then cached = true end
        local body = not cached and self:inline_body(inline, bytes, at, tonumber(digits))
        if not body then
          local text = strip(bytes:match("^%+[%w_%-%./]*[ \t]*[:=,]([^\r\n]*)", start) or "")
          return best(self:counting(inline), engine.to_text(text)), inline
        else
          local arguments = {}
          for i, text in ipairs(before) do arguments[i] = engine.to_text(text) end
          arguments[#arguments + 1] = engine.to_text(body)
          return read_syntax(inline.syntax, arguments), inline, body
        end
      end
    end
  end
  return nil
end

function Session:inline_body(inline, bytes, at, length)
  local rest = bytes:sub(at)
  if inline.exact or (#rest == length and not rest:find("[\r\n]$")) then return rest end
  local bare = rest:gsub("\r?\n?$", "")
  for _, size in ipairs({ length, 2 * length }) do
    for _, lead in ipairs({ "", '"', OPEN_QUOTE, " ", ' "', " " .. OPEN_QUOTE }) do
      local tail = lead:sub(-1) == '"' and '"' or (lead:sub(-3) == OPEN_QUOTE and CLOSE_QUOTE or "")
      if #bare == #lead + size + #tail and bare:sub(1, #lead) == lead and bare:sub(#bare - #tail + 1) == tail then
        local inner = bare:sub(#lead + 1, #lead + size)
        if size == length or inner:match("^%x*$") then return inner end
      end
    end
  end
  local first = rest:match("^[^\r\n]*")
  if strip(first):match("^%d+$") and self:counts_only(inline) then return nil end
  local quoted = bare:match('^ *"(.*)" *$')
  if quoted and #(quoted:gsub('\\"', '"')) == length then return quoted end
  return bare
end

-- packets ---------------------------------------------------------------------------------------------------

function Session:asks_for_payload()
  -- Whether an OK asks for the payload that the command in work announced, and is not its result yet.
  local entry = self.pending[1]
  local open = entry and entry.opens[#entry.opens]
  local rule = open and open.command and open.command.payload
  if not rule or open.form ~= "set" or open.payload or entry.asked then return false end
  if rule.after == "ok-prompt" then
    entry.asked = true
    return true
  end
  local length = tonumber(open.arguments.by_name[rule.length] or 0) or 0
  if length <= 0 then return false end
  entry.asked = true
  return true
end

function Session:module_line(bytes, time_ns, frame)
  local start = bytes:find("[^\r\n \0]") or #bytes + 1
  if start > #bytes then return { kind = "blank" } end
  local arguments, inline, body = self:inline_line(bytes, start)
  if arguments then
    local out = self:take_answer(self:answer(bytes:sub(start), arguments, inline.name), bytes, time_ns, frame)
    out.body = body
    return out
  end
  local line, ending = bytes:match("^([^\r\n]*)([\r\n]*)", start)
  if ending == "" then return { kind = (line == ">" or line == "> ") and "prompt" or "noise" } end
  local text = bare_line(line)
  if FINAL[text] == "OK" and self:asks_for_payload() then return { kind = "prompt" } end
  if FINAL[text] then return self:result(FINAL[text], nil, nil, time_ns) end
  local first = text:sub(1, 1)
  if first == "+" or first == "^" then
    local kind, detail = text:match("^%+(CM[ES]) ?ERROR[ \t]*[:=]?[ \t]*(.*)$")
    if not kind then kind, detail = text:match("^%+(CIS) ?ERROR[ \t]*[:=]?[ \t]*(.*)$") end
    if kind then
      local dialect
      if self.pending[1] then
        local command = self.pending[1].opens[#self.pending[1].opens].command
        dialect = command and command.dialect
      end
      local shown = engine.to_text(strip(detail))
      local code, meaning = self:explain(kind .. " ERROR", shown, dialect)
      return self:result(kind .. " ERROR", code, meaning, time_ns)
    end
    return self:take_answer(self:answer(text), text, time_ns, frame)
  end
  local two = text:sub(1, 2)
  if two == "AT" or two == "at" or two == "At" or two == "A/" then
    for i, entry in ipairs(self.pending) do
      if entry.text == text and not entry.echoed then
        for _ = 1, i - 1 do self:abandon(table.remove(self.pending, 1), "unanswered") end
        entry.echoed = true
        return { kind = "echo", response_to = entry.frame, to_name = entry.opens[1].name }
      end
    end
  end
  if text:sub(1, 7) == "CONNECT" then
    local out = self:connect(text, time_ns, frame)
    if out then return out end
  end
  local numeric = NUMERIC[text]
  if numeric and ending == "\r" and self.verbose ~= true and (#self.pending > 0 or self.verbose == false) then
    if numeric == "CONNECT" then
      local out = self:connect("CONNECT", time_ns, frame)
      if out then return out end
      return { kind = "text" }
    end
    return self:result(numeric, nil, nil, time_ns)
  end
  if not engine.is_text(line) then return { kind = "noise" } end
  return self:take_answer(self:answer(text), text, time_ns, frame)
end

function Session:mcu_line(bytes, time_ns, frame)
  local line = bare_line(bytes)
  if line == "" then return { kind = "blank" } end
  local whole = bytes:match("[\r\n]$")
  if line == "+++" or line:match("^[Aa]/$") or (whole and engine.is_command(line)) then
    local entry = self:command(line, time_ns, frame)
    self.urc_ok = nil
    return { kind = "command", entry = entry }
  end
  return { kind = whole and engine.is_text(line) and "text" or "noise" }
end

function Session:push(frame, time_ns, side, bytes)
  -- One packet that is a line -> a table that says what it is. time_ns is nil when unknown.
  if time_ns then self:expire(time_ns) end
  local waiting = self.pending[1]
  local found
  if side == "mcu" then found = self:mcu_line(bytes, time_ns, frame) else found = self:module_line(bytes, time_ns, frame) end
  found.bytes, found.side, found.time_ns = bytes, side, time_ns
  if found.kind == "command" then found.transaction = frame
  elseif found.owner then found.transaction = found.owner.frame
  elseif found.response_to then found.transaction = found.response_to
  elseif found.kind == "prompt" and waiting then found.transaction = waiting.frame end
  return found
end

function Session:payload(time_ns, side, bytes, announced_by)
  -- One packet that is payload; announced_by is the command or URC that announced it, if the exporter said so.
  local found = { kind = "data", bytes = bytes, side = side, time_ns = time_ns }
  for _, entry in ipairs(self.pending) do
    for _, open in ipairs(entry.opens) do
      if open.name == announced_by then found.transaction = found.transaction or entry.frame end
    end
  end
  found.transaction = found.transaction or self.opened[announced_by or ""]
  return found
end

-- one line that says what a packet is ---------------------------------------------------------------------------

local MAX_INFO = 400
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

function engine.escaped(text)
  -- Control characters and direction overrides as escapes, as values.printable has them.
  if not text:find("[%c\127-\255]") then return text end
  text = text:gsub("[%z\1-\31\127]", escape)
  if not text:find("[\128-\255]") then return text end
  return (text:gsub("\194[\128-\159]", escape):gsub("\226\128[\168-\174]", escape)
    :gsub("\226\129[\166-\169]", escape):gsub("\239\187\191", escape))
end

local function titled(title, params)
  local shown = {}
  for _, param in ipairs(params or {}) do
    local value, label = param[2], param[3]
    shown[#shown + 1] = param[1] .. "=" .. value .. (label and label ~= value and " (" .. label .. ")" or "")
  end
  return #shown > 0 and title .. ": " .. table.concat(shown, ", ") or title
end

local function after(found)
  return found.latency and string.format(" after %.3f ms", found.latency / 1e6) or ""
end

local describers = {
  command = function(found)
    local parts = {}
    for _, open in ipairs(found.entry.opens) do
      parts[#parts + 1] = titled(open.name .. " " .. open.form, open.arguments.params)
    end
    return table.concat(parts, "; ")
  end,
  echo = function(found) return "echo of " .. (found.to_name or "a command") end,
  prompt = function() return "prompt: the module waits for data" end,
  noise = function(found) return #found.bytes .. " bytes that cannot be decoded" end,
}

local function describe_result(found)
  local text = found.code
  if found.error_code then
    text = text .. " " .. found.error_code .. (found.error_text and ": " .. found.error_text or "")
  end
  if not found.owner then return text .. " (no command waits for it)" end
  local open = found.owner.opens[#found.owner.opens]
  return text .. " to " .. open.name .. " " .. open.form .. after(found)
end

local function describe_line(found)
  local title = (found.name or "text") .. " " .. found.kind .. (found.to_name and " to " .. found.to_name or "")
  if found.params and #found.params > 0 then return titled(title, found.params) .. after(found) end
  return title .. ": " .. engine.line_text(found.bytes) .. after(found)
end

function engine.line_text(bytes)
  -- A packet of one line without what separates lines.
  return engine.to_text(bare_line(bytes))
end

local function shortened(text)
  if #text < MAX_INFO then return text end
  local count, i = 0, 1
  while i <= #text do
    local byte = text:byte(i)
    if byte < 128 or byte >= 192 then
      count = count + 1
      if count == MAX_INFO then
        local last = i
        local next_one = text:find("[%z\1-\127\192-\255]", i + 1)
        return next_one and text:sub(1, last - 1) .. "\226\128\166" or text
      end
    end
    i = i + 1
  end
  return text
end

function engine.describe(found)
  -- What the exporter writes into the comment of a packet: see export.describe.
  local text
  if found.code then text = describe_result(found)
  elseif describers[found.kind] then text = describers[found.kind](found)
  elseif found.kind == "urc" or found.kind == "information" then text = describe_line(found)
  elseif found.kind == "blank" then text = "blank"
  else
    local line = engine.line_text(found.bytes)
    text = line ~= "" and found.kind .. ": " .. line or found.kind
  end
  return shortened(engine.escaped(text))
end
