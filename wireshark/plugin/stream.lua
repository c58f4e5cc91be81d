-- bytes as they came ----------------------------------------------------------------------------------------------
--
-- Recordings, and captures that others made, are not cut into messages. This cuts them, by the rules of the Python
-- decoder as far as they do not need a clock: lines, prompts, announced payload, transparent mode.

local MAX_LINE = 8192

local Stream = {}
Stream.__index = Stream

function engine.stream(session)
  -- on_found(frame, found, first, last): what a packet turned out to hold; first and last count its bytes from 0.
  local function wire() return { text = "", taken = 0, base = 0, frame = 0 } end
  return setmetatable({ session = session, mcu = wire(), module = wire(), on_found = function() end }, Stream)
end

function Stream:take(side, size)
  local wire = self[side]
  local bytes = wire.text:sub(1, size)
  wire.text = wire.text:sub(size + 1)
  local first = math.max(0, wire.taken - wire.base)
  wire.taken = wire.taken + #bytes
  return bytes, first, math.max(first, wire.taken - wire.base)
end

function Stream:payload(side, size, announced_by)
  local wire = self[side]
  local bytes, first, last = self:take(side, size)
  if #bytes == 0 then return end
  self.on_found(wire.frame, self.session:payload(wire.time_ns, side, bytes, announced_by), first, last)
end

function Stream:line(side, size)
  local wire = self[side]
  local bytes, first, last = self:take(side, size)
  local found = self.session:push(wire.frame, wire.time_ns, side, bytes)
  self.on_found(wire.frame, found, first, last)
  return found
end

function Stream:push(frame, time_ns, side, bytes)
  -- Take what one read or one packet brought.
  local wire = self[side]
  local silent = time_ns and self.module.time_ns and time_ns - self.module.time_ns >= SECOND
  if self.module.text ~= "" and (side == "mcu" or silent) then self:settle_module() end
  wire.base = wire.taken + #wire.text
  wire.text, wire.frame, wire.time_ns = wire.text .. bytes, frame, time_ns
  if side == "mcu" then self:pump_mcu() else self:pump_module() end
end

-- the MCU

function Stream:pump_mcu()
  while #self.mcu.text > 0 and self:step_mcu() do end
end

function Stream:step_mcu()
  local text, expected = self.mcu.text, self.expected
  if self.transparent then
    if text:match("^%+%+%+[\r\n]*$") and self.transparent.escape_answer then return false end
    if text:match("^%+%+%+[\r\n]*$") then
      self.transparent = nil
      self:line("mcu", #text)
      return true
    end
    self:payload("mcu", #text, self.transparent.name)
    return true
  end
  if expected then
    if expected.held then return false end
    local size
    if expected.length > 0 then size = #text >= expected.length and expected.length or nil
    elseif text:match(expected.rule.escape and "%+%+%+$" or "[\26\27]$") then size = #text end
    if not size and expected.rule.early and text:match("%+%+%+$") then size = #text end
    if not size then return false end
    self.expected = nil
    self:payload("mcu", size, expected.name)
    return true
  end
  local start = text:find("[^\r\n \0]")
  if not start then return false end
  local stop = text:find("[\r\n]", start)
  if not stop then
    if text:sub(start) == "+++" or text:sub(start):match("^[Aa]/$") then
      self:line("mcu", #text)
      return true
    end
    if #text > MAX_LINE then self:line("mcu", #text) end
    return false
  end
  if text:sub(stop, stop + 1) == "\r\n" then stop = stop + 1 end
  local found = self:line("mcu", stop)
  for _, open in ipairs(found.entry and found.entry.opens or {}) do
    local rule = open.command and open.command.data
    if rule and open.form == "set" and not open.payload then
      local length = tonumber(open.arguments.by_name[rule.length or ""] or 0) or 0
      self.expected = { held = true, length = length, name = open.name, after = rule.after, rule = rule }
    end
  end
  return true
end

-- the module

function Stream:pump_module()
  while #self.module.text > 0 and self:step_module() do end
end

local function stream_rule(open)
  local rule = open and open.command and open.command.stream
  if not rule or type(rule) ~= "table" then return nil end
  if rule.forms and not rule.forms[open.form] then return nil end
  for name, values in pairs(rule.when or {}) do
    if not in_list(values, open.arguments.by_name[name]) then return nil end
  end
  return rule
end

function Stream:enter(open)
  local rule = open.command.stream
  self.transparent = { name = open.name, escape_answer = rule.escape_answer, connect_id = open.arguments.by_name.connect_id }
  self.expected = nil
  self:pump_mcu()
end

function Stream:prompt(size)
  self:line("module", size)
  if self.expected then
    self.expected.held = false
    self:pump_mcu()
  end
  return true
end

function Stream:ends_transparent(text)
  -- The length of what is data in front of the line that ends transparent mode; nil if none does.
  if self.mcu.text:match("^%+%+%+[\r\n]*$") then
    local data = text:match("^(.-)\r\nOK\r\n$")
    if data then return #data, true end
  end
  local data = text:match("^()\r\nNO CARRIER\r\n$") or text:match("~()\r?\n?NO CARRIER\r\n$")
  if data then return data - 1 end
  local name = text:match("^\r\n%+([%w_]+):[^\r\n]*\r\n$")
  local urc = name and self.session.catalog.urcs[name]
  if urc and urc.ends_stream then
    local read = best(urc.syntax or {}, text:match(":%s*([^\r\n]*)"))
    local ends = read.fit == 0 and read.by_name.connect_id == self.transparent.connect_id
    for key, value in pairs(urc.ends_stream) do ends = ends and read.by_name[key] == value end
    if ends then return 0 end
  end
end

function Stream:settle_module()
  -- The module has stopped: payload that nothing follows ends where its length says.
  local text = self.module.text
  local start = text:find("[^\r\n \0]")
  if not start or self.transparent or self.raw_left then return end
  for _, inline in ipairs(self.session:inlines(text, start)) do
    local at, before = inline_head(inline, text, start)
    local syntax = inline.syntax
    for i, value in ipairs(before or {}) do
      local length = syntax[i].n == syntax[syntax.payload].l and tonumber(value)
      if length and (#text == at + length - 1 or #text == at + 2 * length - 1) then
        self:after_line(self:line("module", #text))
        return
      end
    end
  end
end

function Stream:inline_size(text, start)
  -- How long a line with payload inside is; 0: not known yet; nil: it is an ordinary line.
  local session = self.session
  for _, inline in ipairs(session:inlines(text, start)) do
    local at, before = inline_head(inline, text, start)
    if at and (not inline.bare or session:waiting_for(inline.name)) then
      local by_name = {}
      for i, value in ipairs(before) do by_name[inline.syntax[i].n] = value end
      local digits = by_name[inline.syntax[inline.syntax.payload].l]
      if digits and digits:match("^%d+$") and #digits <= 8 then
        local length, key = tonumber(digits), to_int(by_name.connect_id or "") or nil
        for state, values in pairs(inline.cached or {}) do
          local value = session.states[state_key(state, key)]
          if value and in_list(values, value) then return nil end
        end
        if inline.behind == "next" and length == 0 then return nil end
        if inline.exact then return #text >= at + length - 1 and at + length - 1 or 0 end
        local waiting = false
        for _, size in ipairs({ length, 2 * length }) do
          for _, lead in ipairs({ "", '"', OPEN_QUOTE, " ", ' "' }) do
            local tail = lead:sub(-1) == '"' and '"' or (lead == OPEN_QUOTE and CLOSE_QUOTE or "")
            local begin = at + #lead
            local stop = begin + size + #tail
            if text:sub(at, begin - 1) == lead and (size == length or not text:find("[^%x]", begin)
              or text:find("[^%x]", begin) >= begin + size) then
              if #text < stop then waiting = true
              elseif text:sub(begin + size, stop - 1) == tail and text:match("^[\r\n]", stop) then
                if text:sub(stop, stop + 1) == "\r\n" then return stop + 1 end
                return #text > stop and stop or 0
              end
            end
          end
        end
        if waiting and not text:match("^[^\r\n]*\r\n", at) then return 0 end
        if waiting and not session:counts_only(inline) then return 0 end
        return nil
      end
    end
  end
end

function Stream:step_module()
  local text = self.module.text
  if self.transparent then
    local data, escaped = self:ends_transparent(text)
    if not data and self.mcu.text ~= "" and self.mcu.text:match("^%+%+%+") then return false end
    local name = self.transparent.name
    if not data then
      self:payload("module", #text, name)
      return true
    end
    self.transparent = nil
    if escaped then self:line("mcu", #self.mcu.text) end
    self:payload("module", data, name)
    return true
  end
  if (self.raw_left or 0) > 0 then
    if #text < self.raw_left then return false end
    local size = self.raw_left
    self.raw_left = nil
    self:payload("module", size, self.raw_name)
    return true
  end
  local start = text:find("[^\r\n \0]")
  if not start then return false end
  local prompt = text:match("^[\r\n]*>[ ]?()")
  if prompt and self.expected and self.expected.held and self.expected.after ~= "ok" then return self:prompt(prompt - 1) end
  if prompt and self.awaits_stream then
    self:line("module", prompt - 1)
    self:enter(self.awaits_stream)
    self.awaits_stream = nil
    return true
  end
  local pending = self.session.pending[1]
  if prompt and pending and text:match("^[\r\n]*> ?$") then return self:prompt(prompt - 1) end
  local size = self:inline_size(text, start)
  if size == 0 then
    if #text > MAX_LINE then size = nil else return false end
  end
  if not size then
    local stop = text:find("[\r\n]", start)
    if not stop then
      if #text <= MAX_LINE then return false end
      stop = #text
    elseif text:sub(stop, stop + 1) == "\r\n" then stop = stop + 1
    elseif text:sub(stop, stop) == "\r" and stop == #text then
      -- the LF may follow, unless this is an echo or a digit
      if not text:match("[Aa][Tt][^\r\n]*\r$") and not text:match("^[\r\n]*%d\r$") then return false end
    end
    size = stop
  end
  self:after_line(self:line("module", size))
  return true
end

function Stream:after_line(found)
  if found.kind == "prompt" and self.expected then
    if self.expected.after == "ok-prompt" then self.expected.after = "prompt"
    else
      self.expected.held = false
      self:pump_mcu()
    end
    return
  end
  if found.code then
    local open = found.owner and found.owner.opens[#found.owner.opens]
    local rule = stream_rule(open)
    if rule and found.code == "CONNECT" then return self:enter(open) end
    self.awaits_stream = rule and rule.after == "prompt" and not found.failed and open or nil
    if self.expected and self.expected.after == "result" and not found.failed then self.expected.after = "prompt"
    elseif self.expected and (self.expected.held or found.failed or self.expected.length == 0) then
      local expected = self.expected
      if expected.held and not found.failed and expected.length > 0 and #self.mcu.text == expected.length then
        expected.held = false
      else
        self.expected = nil
      end
      self:pump_mcu()
    end
    if self.raw_next then self.raw_left, self.raw_next = self.raw_next, nil end
    return
  end
  if found.name == "CONNECT" and stream_rule(found.open) then return self:enter(found.open) end
  self.raw_next = nil
  if found.raw_after_ok and not found.raw_after_ok:match("%D") then
    self.raw_next, self.raw_name = tonumber(found.raw_after_ok), found.name
  end
end

function Stream:rest(side)
  -- How many bytes of a wire are not decided yet.
  return #self[side].text
end

