"""The report, in a real browser: what it shows, its search and filters, and that text from the wire stays text."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.generate import session
from capture.chunk import Chunk
from capture.recording import record
from tests.helpers import SAMPLES, run, tool

_WAIT = """
<pre id="result"></pre><script>
(async () => {
  const errors = [];
  window.addEventListener("error", (event) => errors.push(String(event.message)));
  while (!document.body.dataset.ready) await new Promise((done) => setTimeout(done, 20));
  const $ = (selector) => document.querySelector(selector), all = (selector) => [...document.querySelectorAll(selector)];
  const input = (selector, value) => { const e = $(selector); if (e.type === "checkbox") e.checked = value; else e.value = value;
    e.dispatchEvent(new Event("input", { bubbles: true })); };
  const names = () => all("#window .name").map((e) => e.textContent);
  const result = await (async () => { STEPS })();
  document.querySelector("#result").textContent = JSON.stringify({ result, errors });
})();
</script>"""


def page(source: Path, tmp_path: Path, *options: str) -> str:
    out = tmp_path / "report.html"
    done = run("report", source, "-o", out, *options)
    assert done.returncode == 0, done.stderr
    return out.read_text("utf-8")


def browse(text: str, steps: str, tmp_path: Path, *options: str) -> Any:
    """Open a page in Chromium, run steps in it, and return what they return."""
    driven = tmp_path / "driven.html"
    driven.write_text(text.replace("</body>", _WAIT.replace("STEPS", steps) + "</body>"), "utf-8")
    done = subprocess.run(
        [
            tool("chromium"),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=20000",
            *options,
            "--dump-dom",
            driven.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=False,
    )
    found = re.search(r'<pre id="result">(.*?)</pre>', done.stdout.decode(), re.DOTALL)
    assert found, done.stderr[-2000:]
    assert found[1], "the page did not become ready"
    answer = json.loads(html.unescape(found[1]))
    assert answer["errors"] == []
    return answer["result"]


def data_of(text: str) -> Any:
    packed = re.search(r'id="data">([^<]*)<', text)
    assert packed
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))


@pytest.mark.outside
def test_what_a_page_shows(tmp_path: Path) -> None:
    shown = browse(
        page(SAMPLES / "m5310a.jsonl", tmp_path),
        """return { story: all("#story li").map((e) => e.textContent), findings: all("#findings li").length, rows: $("#count").textContent,
             latency: all("#latency tr").length, tries: all(".try").length, lanes: $("canvas").height };""",
        tmp_path,
    )
    assert shown["story"][:2] == ["registered", "connected to the MQTT server"]
    assert shown["findings"] == 5
    assert shown["tries"] >= 4
    assert shown["latency"] > 10
    assert shown["lanes"] > 100
    assert re.fullmatch(r"(\d+) of \1", shown["rows"])


@pytest.mark.outside
def test_search_and_filters(tmp_path: Path) -> None:
    shown = browse(
        page(SAMPLES / "m5310a.jsonl", tmp_path),
        """const out = {};
        input("#search", "mqttsub"); out.search = names();
        input("#search", ""); input("#failed", true); out.failed = names(); input("#failed", false);
        input("#kind", "urc"); out.urcs = all("#window .row").every((e) => e.classList.contains("urc")); input("#kind", "");
        input("#command", "MQTTPUB"); out.publications = names(); input("#command", "");
        input("#slow", "19"); out.slow = $("#count").textContent; input("#slow", "21"); out.slower = $("#count").textContent; input("#slow", "");
        input("#search", "nothing of the kind"); out.none = names(); input("#search", "");
        all("#findings a")[2].click(); out.detail = $("#detail pre").textContent; out.chosen = all(".row.chosen").length;
        all("#detail button")[1].click(); out.hex = all("#detail pre")[1].hidden;
        $("tr[data-command=MQTTCFG]").click(); out.clicked = names();
        return out;""",
        tmp_path,
    )
    assert shown["search"]
    assert all("SUB" in name for name in shown["search"])
    assert shown["failed"] == ["MQTTPUB", "MQTTDISC"]
    assert shown["urcs"] is True
    assert set(shown["publications"]) == {"MQTTPUB"}
    assert not shown["slow"].startswith("0 ")
    assert shown["slower"].startswith("0 ")
    assert shown["none"] == []
    assert "MQTT" in shown["detail"]
    assert shown["chosen"] == 1
    assert set(shown["clicked"]) == {"MQTTCFG"}


@pytest.mark.outside
@pytest.mark.parametrize(("sample", "kind"), [("calls", "call"), ("gnss", "position")])
def test_what_is_rare_has_a_lane_behind_the_four(tmp_path: Path, sample: str, kind: str) -> None:
    shown = browse(
        page(SAMPLES / f"{sample}.jsonl", tmp_path),
        """const canvas = $("canvas"), box = canvas.getBoundingClientRect(), at = { clientX: box.left + 400, clientY: box.top + 20 + 4 * 18 + 6, pointerId: 1, bubbles: true };
        canvas.setPointerCapture = () => {};
        canvas.dispatchEvent(new PointerEvent("pointerdown", at)); canvas.dispatchEvent(new PointerEvent("pointerup", at));
        return { kinds: all("#kind option").map((e) => e.value), chosen: $(".row.chosen").className };""",
        tmp_path,
    )
    assert kind in shown["kinds"]
    assert kind in shown["chosen"].split()


@pytest.mark.outside
def test_chinese(tmp_path: Path) -> None:
    shown = browse(
        page(SAMPLES / "lwm2m.jsonl", tmp_path, "--lang", "zh"),
        'return [document.documentElement.lang, $("#story h2").textContent, $("#findings").textContent];',
        tmp_path,
    )
    assert shown[0] == "zh-CN"
    assert shown[1] == "经过"
    assert "设备被平台删除" in shown[2]


@pytest.mark.outside
@pytest.mark.parametrize("size", ["1280,900", "390,800"])
def test_the_page_fits_the_window(size: str, tmp_path: Path) -> None:
    wide = browse(
        page(SAMPLES / "lwm2m.jsonl", tmp_path),
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth];",
        tmp_path,
        f"--window-size={size}",
    )
    assert wide[0] <= wide[1]


@pytest.mark.outside
def test_text_from_the_wire_stays_text(tmp_path: Path) -> None:
    evil = "</script><script>window.hit=1</script><img src=x onerror=window.hit=1>\x1b[2J\u202e{}${title}"
    source = tmp_path / "</title><script>window.hit=1</script>.log".replace("/", "_")
    source.write_text(f'TX: AT+{evil}\nRX: ERROR\nTX: AT+X="{evil}"\nRX: +X: "{evil}"\nRX: OK\nRX: {evil}\n')
    text = page(source, tmp_path)
    assert text.count("<script") == 2 + 0 * len(evil)
    assert "\x1b" not in text
    shown = browse(
        text,
        'input("#search", "<img"); return [typeof window.hit, all("img").length, all("#window .row").length, document.title];',
        tmp_path,
    )
    assert shown[0] == "undefined"
    assert shown[1] == 0
    assert shown[2] >= 1


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    text = page(SAMPLES / "meter.pcapng", tmp_path)
    assert "default-src 'none'" in text
    assert re.search(r'(?:src|href)\s*=\s*["\']', text.replace("data:", "")) is None
    assert re.search(r"https?://(?!www\.w3\.org/2000/svg)", text) is None


@pytest.mark.outside
def test_printing(tmp_path: Path) -> None:
    out = tmp_path / "out.pdf"
    (tmp_path / "report.html").write_text(page(SAMPLES / "m5310a.jsonl", tmp_path), "utf-8")
    subprocess.run(
        [
            tool("chromium"),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=5000",
            f"--print-to-pdf={out}",
            (tmp_path / "report.html").as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert out.stat().st_size > 20_000


@pytest.mark.outside
def test_many_records_scroll(tmp_path: Path) -> None:
    source = tmp_path / "long.pcapng"
    record(list(session(400_000)), source)
    shown = browse(
        page(source, tmp_path),
        """const box = $("#scroll"), drawn = all("#window .row").length; box.scrollTop = box.scrollHeight; await new Promise((d) => setTimeout(d, 200));
        return { drawn, last: names().length, total: $("#count").textContent };""",
        tmp_path,
    )
    assert shown["drawn"] < 100
    assert shown["last"] > 5
    assert int(shown["total"].split()[0]) > 5000


@pytest.mark.outside
def test_logs_without_times_and_empty_sessions(tmp_path: Path) -> None:
    assert browse(
        page(SAMPLES / "logs" / "plain.txt", tmp_path), 'return $("#time .hint").textContent;', tmp_path
    ).endswith("(order (no times))")
    source = tmp_path / "short.pcapng"
    record([Chunk(1_763_690_400_000_000_000, "mcu", b"AT\r")], source)
    assert browse(page(source, tmp_path), 'return $("#count").textContent;', tmp_path) == "1 of 1"


def test_states_and_bytes(tmp_path: Path) -> None:
    data = data_of(page(SAMPLES / "lwm2m.jsonl", tmp_path))
    assert {span[0] for span in data["states"]} >= {"registered", "lwm2m"}
    sent = next(row for row in data["rows"] if row[0] == "command" and row[3] == "MIPLNOTIFY")
    assert bytes.fromhex(sent[7][0][1]).startswith(b"AT+MIPLNOTIFY=")
    assert sent[7][0][0] == "→"
