"""Virtual modules of many makers, each with several connections on one line, and what lets real peers talk through them."""

from __future__ import annotations

from tests.families import cinterion, espressif, neul, nordic, online, quectel, sierra, simcom, telit, ublox
from tests.families.family import Family

FAMILIES: dict[str, type[Family]] = {
    "SIMCom CIPSEND": simcom.Sim800,
    "SIMCom CIPRXGET": simcom.Sim800Asking,
    "SIMCom CIPRXGET in hex": simcom.Sim800Hex,
    "SIMCom CIPSEND, one connection": simcom.Sim800Single,
    "SIMCom CIPOPEN": simcom.Sim7600,
    "SIMCom CIPOPEN and CIPRXGET": simcom.Sim7600Asking,
    "SIMCom CAOPEN": simcom.Sim7080,
    "SIMCom CAOPEN, pushed": simcom.Sim7080Push,
    "SIMCom CAOPEN, pushed with the sender": simcom.Sim7080PushFrom,
    "ESP-AT": espressif.Esp,
    "ESP-AT with the sender": espressif.EspInfo,
    "ESP-AT passive": espressif.EspPassive,
    "ESP-AT passive, ESP8266": espressif.Esp8266Passive,
    "ESP-AT, one connection": espressif.EspSingle,
    "u-blox": ublox.Ublox,
    "u-blox in hex": ublox.UbloxHex,
    "Quectel": quectel.Quectel,
    "Quectel, pushed": quectel.QuectelPush,
    "Quectel GSM": quectel.QuectelGsm,
    "Quectel GSM, pushed": quectel.QuectelGsmPush,
    "Neul": neul.Neul,
    "Neul, pushed": neul.NeulPush,
    "Nordic": nordic.Nordic,
    "Telit": telit.Telit,
    "Telit in hex": telit.TelitHex,
    "Telit, pushed": telit.TelitPush,
    "Sierra": sierra.Sierra,
    "Cinterion": cinterion.Cinterion,
}
"""Each way to send and receive, by its name in tests."""
ONLINE: dict[str, type[Family]] = {
    "SIMCom CIPMODE=1": online.OnlineSim800,
    "ESP-AT passthrough": online.OnlineEsp,
    "Quectel, access mode 2": online.OnlineQuectel,
    "Telit online": online.OnlineTelit,
}
"""Those in transparent mode."""
