-- Where Wireshark's packets come in.

local packets = {}
local own, experts = fields.own, fields.experts
local raw_bytes, referenced, sub = Tvb.raw, TreeItem.referenced, string.sub
local read, peek, clean, set_columns = tags.read, links.peek, text.clean, columns.set

-- What somebody wants to see ------------------------------------------------------------------------------------

-- Whether a filter, a colouring rule, a column or a tap asks for something of ours, or for what payload may be, is asked
-- again whenever frames do not come one behind the other, because what they ask changes between passes only.

local ours, others
local checked, left, ours_wanted, others_wanted = 0, 0, false, false
local LINK_FIELDS = { own.carried_by, own.carrier, own.carries }

local function ask(root)
  if not ours then
    ours, others = { Dissector.get("atshark"), Dissector.get("atshark_link") }, {}
    for _, name in ipairs(payload.DISSECTORS) do others[#others + 1] = Dissector.get(name) end
  end
  ours_wanted, others_wanted = false, false
  for _, dissector in ipairs(ours) do ours_wanted = ours_wanted or referenced(root, dissector) end
  for _, field in ipairs(LINK_FIELDS) do ours_wanted = ours_wanted or referenced(root, field) end
  for _, dissector in ipairs(others) do others_wanted = others_wanted or referenced(root, dissector) end
  left = 64
end

local function wanted(root, frame)
  -- Whether our fields are asked for, whether those of payload are.
  if frame ~= checked + 1 or left == 0 then ask(root) end
  checked, left = frame, left - 1
  if root.visible then return true, true end
  return ours_wanted, others_wanted
end

-- Link type 252 ---------------------------------------------------------------------------------------------------

local function hook(kind, owner_name, name, title, dissect)
  -- Look at the packets of a link type before Wireshark's own dissector does. When Lua plugins are loaded again, its
  -- entry is gone, and it is found by name.
  local by_encap = DissectorTable.get("wtap_encap")
  local owner = by_encap:get_dissector(kind) or Dissector.get(owner_name)
  local hooked = Proto(name, title)
  function hooked.dissector(tvb, pinfo, root) return dissect(tvb, pinfo, root, owner) end
  by_encap:add(kind, hooked)
end
packets.hook = hook

local function carried(tvb, pinfo, root, packet, start)
  -- A packet of a connection: say who carried it. start: of its IP header, if it has one.
  local frame = pinfo.number
  if links.newest == 0 then return end
  if frame > links.newest then
    links.note_carried(frame)
    if start then ip.claim(packet, start) end
  end
  if wanted(root, frame) then tree.show_carrier(tvb, root, frame) end
end

local function exported_pdu(tvb, pinfo, root, owner, packet)
  if tags.trip(packet) then
    root:add_proto_expert_info(experts.malformed)
    return #packet
  end
  if #packet > 0 then carried(tvb, pinfo, root, packet) end
  local size = payload.call(owner, tvb, pinfo, root)
  if pinfo.desegment_len ~= 0 then -- the rest that it asks for will not come
    pinfo.desegment_len, pinfo.cols.info = 0, "Incomplete packet"
    root:add_proto_expert_info(experts.malformed)
  end
  return size
end

local function other(tvb, pinfo, root, packet, start, first, read_ns)
  -- A packet of ours that is no line of an export.
  if first > #packet then return end
  if start.what == "raw" then raw.show(tvb(first - 1):tvb(), pinfo, root, start.side, "recording", read_ns)
  elseif start.what == "mark" then tree.show_mark(tvb, pinfo, root, sub(packet, first), first, start.side) end
end

hook(wtap_encaps.WIRESHARK_UPPER_PDU, "exported_pdu", "atshark_packet", "AT packet", function(tvb, pinfo, root, owner)
  local packet = raw_bytes(tvb)
  local start, first, info, info_end, at, last = read(packet)
  if not start then return exported_pdu(tvb, pinfo, root, owner, packet) end
  local what = start.what
  if what == "raw" or what == "mark" then
    other(tvb, pinfo, root, packet, start, first)
    return #packet
  end
  local frame, trouble, carries = pinfo.number, true, true
  if at then trouble, carries = peek(packet, at, last, first, frame) end
  local ours_asked, others_asked = wanted(root, frame)
  if info and not trouble and not ours_asked and not (carries and others_asked) then
    set_columns(pinfo, start.side, clean(sub(packet, info, info_end)))
  else
    local place = { first = first, side = start.side, info = info, info_end = info_end, decode = at, decode_end = last }
    tree.show(tvb, pinfo, root, packet, place, others_asked)
  end
  return #packet
end)

hook(wtap_encaps.RAW_IP, "raw", "atshark_ip", "Socket packet", function(tvb, pinfo, root, owner)
  if links.newest > 0 and tvb:len() > 0 then carried(tvb, pinfo, root, raw_bytes(tvb), 1) end
  return payload.call(owner, tvb, pinfo, root)
end)

hook(wtap_encaps.PPP_WITH_PHDR, "ppp_hdlc", "atshark_ppp", "PPP packet", function(tvb, pinfo, root, owner)
  if links.newest > 0 and tvb:len() > 0 then
    local packet = raw_bytes(tvb)
    carried(tvb, pinfo, root, packet, ip.start(packet))
  end
  return payload.call(owner, tvb, pinfo, root)
end)

-- Called by name, by way of Wireshark's own dissector of exported PDUs: only if another plugin took link type 252.

fields.proto.dissector, fields.data_proto.dissector, fields.raw_proto.dissector = raw.by_name, raw.by_name, raw.by_name
function fields.note_proto.dissector() return 0 end
function fields.mark_proto.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  tree.show_mark(tvb, pinfo, root, tvb:raw(), 1, pinfo.p2p_dir == 0 and "mcu" or "module")
  return tvb:len()
end

packets.on_reset = { links.reset, raw.reset, ip.reset, function() checked, left = 0, 0 end }

function fields.proto.init()
  for _, action in ipairs(packets.on_reset) do action() end
end

return packets
