-- Items of the tree. When the tree is shown all of them are made; else only those of fields that somebody asks for.

local items = {}
local referenced, add = TreeItem.referenced, TreeItem.add
local everything = false
local known, latest = {}, 0 -- by field or dissector: whether somebody asks for it; the packet that was seen last

function items.pass(frame)
  -- A packet comes. What is asked for changes only from one pass over the packets to the next, and each begins at the first.
  if frame <= latest then known, items.of_pass = {}, {} end
  latest = frame
end
items.of_pass = {} -- what others remember until the next pass

function items.begin(visible)
  -- A packet begins; visible: its tree is shown.
  everything = visible
end

local function asked(item, what)
  -- Whether somebody asks for a field or a dissector; asking Wireshark takes twenty times as long. Not of a tree that is
  -- shown: there everything is asked for, once.
  local answer = known[what]
  if answer == nil then
    answer = referenced(item, what)
    known[what] = answer
  end
  return answer
end
items.asked = asked

function items.wanted(item, field) return everything or asked(item, field) end

function items.put(item, field, range, value)
  -- Add a field if it has a value and is wanted; returns its item, or nil.
  if value ~= nil and (everything or asked(item, field)) then return add(item, field, range, value) end
end

function items.made(item, field, range, value)
  -- The same for what does not stand in the bytes.
  if value ~= nil and (everything or asked(item, field)) then
    local new = add(item, field, range, value)
    new:set_generated()
    return new
  end
end

function items.marked(item, field, range)
  -- The same for bytes as they stand there.
  if everything or asked(item, field) then return add(item, field, range) end
end

function items.hidden(item, field, range, value)
  -- The same for what filters find and the tree has in another form.
  if value ~= nil and (everything or asked(item, field)) then add(item, field, range, value):set_hidden(true) end
end

return items
