"""The story of a session in a few words: what was reached, how much was done, what went wrong.

Strategy: milestones (registered, logged in, connected) and troubles (findings) are steps. What happens over and over
between them is counted and told as one step, before the next milestone or trouble.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from decoder.catalog import Catalog
from decoder.events import Call, Event, File, Finding, Frame, Message, Position, Segment, Socket
from decoder.rules import Lang, message
from decoder.values import printable

_MAX_STEPS = 400
HOST = "tap.host"
"""What the host's program said, in a text log."""
_REGISTERED = {1: ("registered", "已注册网络"), 5: ("registered, roaming", "已注册网络(漫游)")}
_EVENTS = {
    2: ("bootstrap done", "Bootstrap完成"),
    6: ("logged in to the LwM2M platform", "已登录LwM2M平台"),
    15: ("logged out of the LwM2M platform", "已退出LwM2M平台"),
}
_ROUTINE = {
    "acknowledged": ("notification acknowledged", "notifications acknowledged", "{n}条上报得到确认"),
    "updated": ("update of the registration", "updates of the registration", "更新注册{n}次"),
    "sent": ("message sent", "messages sent", "发送{n}条数据"),
    "received": ("message received", "messages received", "收到{n}条数据"),
    "published": ("MQTT message published", "MQTT messages published", "发布{n}条MQTT消息"),
    "delivered": ("MQTT message received", "MQTT messages received", "收到{n}条MQTT消息"),
    "sms out": ("short message sent", "short messages sent", "发送{n}条短信"),
    "sms in": ("short message received", "short messages received", "收到{n}条短信"),
    "report": ("delivery report", "delivery reports", "收到{n}条短信状态报告"),
    "position": ("position", "positions", "{n}次定位"),
    "file in": ("file written into the module", "files written into the module", "写入模组{n}个文件"),
    "file out": ("file read from the module", "files read from the module", "从模组读出{n}个文件"),
    "request": ("request of the platform", "requests of the platform", "平台下发{n}个请求"),
}
"""What is counted: in the singular, in the plural, in Chinese."""
_REQUESTS = ("lwm2m.read", "lwm2m.write", "lwm2m.execute")


_ENDED = {
    "busy": "对方忙",
    "no answer": "无应答",
    "not answered": "未接听",
    "no dial tone": "无拨号音",
    "ended by the other side": "被对方结束",
    "ended by the MCU": "由MCU结束",
    "refused by the MCU": "被MCU拒接",
    "the module restarted": "模组重启",
    "the session ended": "会话结束",
}
"""How calls end that nobody answered, in Chinese."""


class StoryStep(msgspec.Struct):
    """A step of a story. ``kind``: "good" (a milestone), "routine", "error" or "warning"; times in ns.

    ``count``: how often it happened in a row; ``rule``: of the finding that it tells.
    """

    kind: str
    en: str
    zh: str
    first_ns: int | None
    last_ns: int | None
    count: int = 1
    rule: str = ""


class Story:
    """Hears the events of a session and tells what they amount to."""

    def __init__(self, catalog: Catalog) -> None:
        self._role_of = catalog.role_of
        self.steps: list[StoryStep] = []
        self._routine: Counter[str] = Counter()
        self._routine_ns: tuple[int | None, int | None] = (None, None)
        self._registered: dict[str, object] = {}
        self._fixed = False

    def hear(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, Message):
            self._message(event)
        elif isinstance(event, Finding):
            self._finding(event)
        elif isinstance(event, Socket):
            self._socket(event)
        elif isinstance(event, Segment):
            self._count("sent" if event.side == "mcu" else "received", event.time_ns)
        elif isinstance(event, Frame):
            if event.protocol == "mqtt":
                self._mqtt(event)
            elif event.protocol == "sms" and "parts" not in event.fields:
                self._sms(event)
        elif isinstance(event, Call):
            self._call(event)
        elif isinstance(event, Position):
            self._position(event)
        elif isinstance(event, File) and not event.problems:
            self._count("file in" if event.side == "mcu" else "file out", event.time_ns)

    def tell(self, lang: Lang = "en") -> list[str]:
        """Return the steps in words."""
        self._flush()
        out = []
        for step in self.steps:
            text = step.zh if lang == "zh" else step.en
            times = ("" if step.count == 1 else f"({step.count}次)") if lang == "zh" else _times(step.count)
            out.append(text + times)
        return out

    def _message(self, one: Message) -> None:
        name, params = one.name, one.params
        role = self._role_of.get(name) if name is not None else None
        if role is None or name is None:
            return
        if role == "registration" and one.side == "module":
            stat = params.get("stat")
            if (
                stat in _REGISTERED
                and self._registered.get(name) != stat
                and not any(known in _REGISTERED for known in self._registered.values())
            ):
                self._step("good", *_REGISTERED[stat], one.time_ns)
            self._registered[name] = stat
        elif role == "lwm2m.event" and one.kind in ("urc", "information"):
            event = params.get("evtid")
            if event in _EVENTS:
                self._step("good", *_EVENTS[event], one.time_ns)
            elif event in (11, 26):
                self._count("updated" if event == 11 else "acknowledged", one.time_ns)
        elif role in _REQUESTS and one.kind == "urc":
            self._count("request", one.time_ns)

    def _socket(self, one: Socket) -> None:
        where = printable(f"{one.flow.remote or one.flow.remote_ip or '?'}:{one.flow.remote_port or '?'}")
        which = "" if one.connect_id is None else f" {one.connect_id}"
        if one.change == "opened":
            text = f"connection{which} to {where} opened", f"连接{which}({where})已建立"
            self._step("good", *text, one.time_ns)
        elif one.change == "closed":
            self._step("good", f"connection{which} closed", f"连接{which}已关闭", one.time_ns)

    def _mqtt(self, one: Frame) -> None:
        kind = one.fields.get("type")
        if kind == "CONNACK" and one.fields.get("code") == 0:
            self._step("good", "connected to the MQTT server", "已连接MQTT服务器", one.time_ns)
        elif kind == "PUBLISH":
            self._count("published" if one.side == "mcu" else "delivered", one.time_ns)

    def _sms(self, one: Frame) -> None:
        what = {"deliver": "sms in", "submit": "sms out", "status-report": "report"}.get(str(one.fields.get("type")))
        if what is not None:
            self._count(what, one.time_ns)

    def _call(self, one: Call) -> None:
        way, zh = ("to", "呼出") if one.direction == "outgoing" else ("from", "来电")
        number = printable(one.number or "?")
        if one.answered:
            told = "answered", "已接通"
        else:
            told = printable(one.ended), _ENDED.get(one.ended, printable(one.ended))
        self._step("good", f"call {way} {number}, {told[0]}", f"{zh}{number},{told[1]}", one.time_ns)

    def _position(self, one: Position) -> None:
        """The first fix is a milestone, others are counted; that there is none is told by the findings."""
        fixed = one.latitude is not None
        if fixed and not self._fixed and one.by == "gnss":
            self._step("good", "GNSS fix", "卫星定位成功", one.time_ns)
        elif fixed:
            self._count("position", one.time_ns)
        if one.by == "gnss":
            self._fixed = fixed

    def _finding(self, one: Finding) -> None:
        if one.rule == HOST:
            words = printable(one.message)
            self._step("routine", f"the host says: {words}", printable(message(one, "zh")), one.time_ns)
            return
        if one.severity == "note":
            return
        self._step(one.severity, printable(one.message), printable(message(one, "zh")), one.time_ns, key=one.rule)

    def _count(self, what: str, time_ns: int | None) -> None:
        first, _ = self._routine_ns
        self._routine_ns = (time_ns if not self._routine else first, time_ns)
        self._routine[what] += 1

    def _flush(self) -> None:
        for what, count in self._routine.items():
            one, several, zh = _ROUTINE[what]
            self._add(
                StoryStep("routine", f"{count} {one if count == 1 else several}", zh.format(n=count), *self._routine_ns)
            )
        self._routine.clear()

    def _step(self, kind: str, en: str, zh: str, time_ns: int | None, key: str = "") -> None:
        if self.steps and not self._routine:
            last = self.steps[-1]
            if last.kind == kind and (last.en == en or (key and last.rule == key)):
                last.count += 1
                last.last_ns = time_ns
                return
        self._flush()
        self._add(StoryStep(kind, en, zh, time_ns, time_ns, rule=key))

    def _add(self, step: StoryStep) -> None:
        if len(self.steps) < _MAX_STEPS:
            self.steps.append(step)


def _times(count: int) -> str:
    return "" if count == 1 else f" (and {count - 1} more)"
