-- Where Wireshark's packets come in.

local packets = {}
local experts = fields.experts
local raw_bytes, referenced, sub = Tvb.raw, TreeItem.referenced, string.sub
local read, peek, clean, set_columns = tags.read, links.peek, text.clean, columns.set
local pass, asked = items.pass, items.asked

-- What somebody wants to see: the tree, or what a filter, a colouring rule, a column or a tap asks for.

local lines, params, carriers = nil, nil, nil
local others

local function learn()
  -- Dissectors are known by name only when all of this has been loaded.
  lines, params, carriers = Dissector.get("atshark"), Dissector.get("atparam"), Dissector.get("atshark_link")
  others = {}
  for _, name in ipairs(payload.DISSECTORS) do others[#others + 1] = Dissector.get(name) end
end

local function payload_wanted(root)
  for i = 1, #others do
    if asked(root, others[i]) then return true end
  end
  return false
end

local function listed(root)
  -- Whether nobody asks for more than the packet list: nearly always.
  local of_pass = items.of_pass
  if of_pass.listed == nil then of_pass.listed = not asked(root, params) and not payload_wanted(root) end
  return of_pass.listed
end

-- Link type 252 ---------------------------------------------------------------------------------------------------

local function hook(kind, owner_name, name, title, make)
  -- Look at the packets of a link type before Wireshark's own dissector does: make takes that one and returns ours. When
  -- Lua plugins are loaded again, its entry is gone, and it is found by name.
  local by_encap = DissectorTable.get("wtap_encap")
  local owner = by_encap:get_dissector(kind) or Dissector.get(owner_name)
  local hooked = Proto(name, title)
  hooked.dissector = make(owner)
  by_encap:add(kind, hooked)
end
packets.hook = hook

local function carried(tvb, pinfo, root)
  -- Show in a packet of a connection who carried it; true if it is new.
  local frame = pinfo.number
  if referenced(root, carriers) then
    local new = links.pass_carried(frame)
    tree.show_carrier(tvb, root, frame)
    return new
  end
  return links.pass_carried(frame)
end

local function exported_pdu(tvb, pinfo, root, owner, packet)
  if tags.trip(packet) then
    root:add_proto_expert_info(experts.malformed)
    return #packet
  end
  if links.any() and #packet > 0 then carried(tvb, pinfo, root) end
  local size = payload.call(owner, tvb, pinfo, root)
  if pinfo.desegment_len ~= 0 then -- the rest that it asks for will not come
    pinfo.desegment_len, pinfo.cols.info = 0, "Incomplete packet"
    root:add_proto_expert_info(experts.malformed)
  end
  return size
end

local function other(tvb, pinfo, root, packet, start, first)
  -- A packet of ours that is no line of an export.
  if start.what == "mark" then links.pass(pinfo.number) end
  if first > #packet then return end
  if start.what == "raw" then raw.show(tvb(first - 1):tvb(), pinfo, root, start.side, "recording")
  else tree.show_mark(tvb, pinfo, root, sub(packet, first), first, start.side) end
end

hook(wtap_encaps.WIRESHARK_UPPER_PDU, "exported_pdu", "atshark_packet", "AT packet", function(owner)
  return function(tvb, pinfo, root)
    local packet = raw_bytes(tvb)
    local start, first, info, info_end, at, last = read(packet)
    if not lines then learn() end
    if not start then return exported_pdu(tvb, pinfo, root, owner, packet) end
    if not start.line then
      other(tvb, pinfo, root, packet, start, first)
      return #packet
    end
    local trouble, carries, frame = true, true, pinfo.number
    pass(frame)
    if at then trouble, carries = peek(packet, at, last, first, frame) else links.pass(frame) end
    local looked = referenced(root, lines)
    if info and not trouble and not looked and (listed(root) or not carries and not asked(root, params)) then
      set_columns(pinfo, start.side, clean(sub(packet, info, info_end)))
    else
      local visible = looked and root.visible
      local params_wanted = visible or asked(root, params)
      local others_wanted = visible or carries and payload_wanted(root)
      local place = {
        first = first, side = start.side, info = info, info_end = info_end, decode = at, decode_end = last, visible = visible,
      }
      tree.show(tvb, pinfo, root, packet, place, params_wanted, others_wanted)
    end
    return #packet
  end
end)

local function connection(kind, owner_name, name, title, start_of)
  -- Packets of connections: start_of tells where their IP header begins.
  hook(kind, owner_name, name, title, function(owner)
    local call = owner.call
    return function(tvb, pinfo, root)
      if links.any() then
        if not lines then learn() end
        if carried(tvb, pinfo, root) then
          local packet = raw_bytes(tvb)
          local start = start_of(packet)
          if start then ip.claim(packet, start) end
        end
      end
      local good, size = pcall(call, owner, tvb, pinfo, root)
      if good then return size end
      root:add_proto_expert_info(experts.malformed)
      return tvb:len()
    end
  end)
end

connection(wtap_encaps.RAW_IP, "raw", "atshark_ip", "Socket packet", function() return 1 end)
connection(wtap_encaps.PPP_WITH_PHDR, "ppp_hdlc", "atshark_ppp", "PPP packet", ip.start)

-- Called by name, by way of Wireshark's own dissector of exported PDUs: only if another plugin took link type 252.

fields.proto.dissector, fields.data_proto.dissector, fields.raw_proto.dissector = raw.by_name, raw.by_name, raw.by_name
for _, proto in ipairs({ fields.note_proto, fields.param_proto, fields.link_proto }) do
  function proto.dissector() return 0 end
end
function fields.mark_proto.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  tree.show_mark(tvb, pinfo, root, tvb:raw(), 1, pinfo.p2p_dir == 0 and "mcu" or "module")
  return tvb:len()
end

packets.on_reset = { links.reset, raw.reset, ip.reset }

function fields.proto.init()
  for _, action in ipairs(packets.on_reset) do action() end
end

return packets
