-- The columns of the packet list.

local columns = {}
local info_now

function columns.set(pinfo, side, info)
  local cols = pinfo.cols
  cols.protocol = "AT"
  cols.info = info
  if side == "mcu" then
    cols.src = "MCU"
    cols.dst = "module"
  else
    cols.src = "module"
    cols.dst = "MCU"
  end
  info_now = info
end

function columns.keep(pinfo)
  -- The columns stay ours, whatever a dissector of payload has written there, and kept from being changed.
  pinfo.cols.protocol:clear_fence()
  pinfo.cols.info:clear_fence()
  pinfo.cols.protocol = "AT"
  pinfo.cols.info = info_now
end

return columns
