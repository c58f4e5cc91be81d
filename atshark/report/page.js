"use strict";
// All text from the file is shown by textContent only: nothing of it can become markup.

const WORDS = {
  en: { cause: "Cause", another: "Another cause", sure: { certain: "certain", likely: "likely", possible: "possible" }, explains: "it may explain {n} more",
        over: "it worked later", healthy: "Nothing failed.", line: "line ", layers: { line: "serial line", module: "module", sim: "SIM", radio: "radio", registration: "registration",
        context: "PDP context", clock: "clock", name: "name", connection: "connection", protocol: "protocol" }, story: "What happened", findings: "Findings", none: "Nothing to report.", time: "Time line", latency: "Latency by command",
        records: "Records", search: "search: a command, a value, a text", all: "all kinds", commands: "all commands", failed: "failed only",
        slow: "slower than ", of: " of ", close: "close", bytes: "bytes", hint: "Wheel or two fingers: zoom. Drag: move. Click: show the record.",
        missing: " more records are not in this page", command: "command", count: "count", errors: "errors", min: "min ms", median: "median ms",
        p95: "95 % ms", max: "max ms", spread: "distribution (log ms)", printed: "The first records of the selection", try: "try: ", see: "see: ", error: "error", warning: "warning", note: "note",
        mcu: "MCU", module: "module", steps: "order (no times)", kinds: { command: "commands", urc: "URCs", data: "payload", connection: "connections", frame: "frames", group: "groups", call: "calls", position: "positions" } },
  zh: { cause: "原因", another: "另一原因", sure: { certain: "确定", likely: "很可能", possible: "可能" }, explains: "另有{n}项可能由此引起",
        over: "之后恢复正常", healthy: "未发现失败。", line: "行 ", layers: { line: "串口线路", module: "模组", sim: "SIM卡", radio: "射频", registration: "网络注册",
        context: "PDP上下文", clock: "时钟", name: "域名解析", connection: "连接", protocol: "协议" }, story: "经过", findings: "问题", none: "未发现问题。", time: "时间线", latency: "各命令时延", records: "记录", search: "搜索:命令、参数值、文本",
        all: "全部类型", commands: "全部命令", failed: "仅失败", slow: "慢于 ", of: " / ", close: "关闭", bytes: "字节", hint: "滚轮或双指缩放,拖动平移,点击查看记录。",
        missing: " 条记录未包含在本页", command: "命令", count: "次数", errors: "错误", min: "最小 ms", median: "中位 ms", p95: "95 % ms", max: "最大 ms",
        spread: "分布(对数 ms)", printed: "所选记录的前若干条", try: "建议:", see: "参见:", error: "错误", warning: "警告", note: "提示", mcu: "单片机", module: "模组", steps: "顺序(无时间)",
        kinds: { command: "命令", urc: "主动上报", data: "数据", connection: "连接", frame: "报文", group: "组合", call: "通话", position: "位置" } },
};
const [KIND, TIME, SIDE, NAME, TEXT, RESULT, LATENCY, BYTES, FAILED] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const ROW = 26;
const $ = (selector, root = document) => root.querySelector(selector);
const make = (tag, name, text) => { const e = document.createElement(tag); if (name) e.className = name; if (text !== undefined) e.textContent = text; return e; };

async function unpack() {
  const packed = Uint8Array.from(atob($("#data").textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function clock(ns) {
  if (ns === null) return "--:--:--";
  const ms = Math.floor(ns / 1e6) % 86400000;
  const two = (n) => String(n).padStart(2, "0");
  return `${two(Math.floor(ms / 3600000))}:${two(Math.floor(ms / 60000) % 60)}:${two(Math.floor(ms / 1000) % 60)}.${String(ms % 1000).padStart(3, "0")}`;
}
const shown = (ns) => ns === null ? "" : (ns / 1e6 < 1000 ? (ns / 1e6).toFixed(1) + " ms" : (ns / 1e9).toFixed(2) + " s");

function page(data) {
  const words = WORDS[data.lang];
  let chosen = -1, visible = data.rows.map((_, i) => i);
  for (const name of ["story", "findings", "time", "latency", "records"]) $(`#${name} h2`).textContent = words[name];
  $("h1").textContent = data.file;
  $("#about").textContent = [`atshark ${data.version}`, data.format, ...data.dialects.map((d) => `${d[0]} (${d[1]})`), ...data.notes].join(" · ")
    + (data.missing ? ` · ${data.missing}${words.missing}` : "");

  const cause = $("#cause");
  $("h2", cause).textContent = words.cause;
  if (!data.causes.length) cause.append(make("p", "good", words.healthy));
  const where = (line, time) => [line === null ? "" : words.line + line, time === null ? "" : clock(time)].filter((part) => part).join(", ");
  for (const [index, why] of data.causes.entries()) {
    const box = make("div", "why");
    const said = [words.sure[why.c], words.layers[why.l] || "", where(why.line, why.t), why.n ? words.explains.replace("{n}", why.n) : "", why.o ? words.over : ""];
    box.append(make("strong", "", (index ? `${words.another}: ` : "") + why.m), make("span", "sure", ` ${said.filter((part) => part).join(" · ")}`));
    if (why.a) box.append(make("p", "", words.try + why.a));
    for (const [line, time, text] of why.e) box.append(make("p", "ref", `${where(line, time)}: ${text}`));
    if (why.f) box.append(make("p", "ref", words.see + why.f));
    cause.append(box);
  }
  for (const [kind, text, time] of data.story) {
    const item = make("li", kind, text);
    if (time !== null) item.title = clock(time);
    $("#story ol").append(item);
  }
  if (!data.findings.length) $("#findings ul").append(make("li", "", words.none));
  for (const found of data.findings.slice(0, 1000)) {
    const item = make("li", found.s);
    const link = make("a", "", found.m);
    link.onclick = () => choose(found.row, true);
    item.append(make("b", "", words[found.s]), make("span", "", found.t === null ? "" : clock(found.t) + " "), link, make("span", "", ` (${found.r})`));
    if (found.a) item.append(make("span", "try", words.try + found.a));
    if (found.f) item.append(make("span", "ref", words.see + found.f));
    $("#findings ul").append(item);
  }

  // latency by command
  const stats = new Map();
  for (const row of data.rows) {
    if (row[KIND] !== "command") continue;
    const one = stats.get(row[NAME]) || { count: 0, errors: 0, latencies: [] };
    one.count++; one.errors += row[FAILED] ? 1 : 0;
    if (row[LATENCY] !== null) one.latencies.push(row[LATENCY] / 1e6);
    stats.set(row[NAME], one);
  }
  const table = make("table");
  const head = table.insertRow();
  for (const word of [words.command, words.count, words.errors, words.min, words.median, words.p95, words.max, words.spread]) head.append(make("th", "", word));
  for (const [name, one] of [...stats].sort((a, b) => b[1].count - a[1].count).slice(0, 60)) {
    const row = table.insertRow(), sorted = one.latencies.sort((a, b) => a - b);
    row.dataset.command = name;
    row.onclick = () => { $("#command").value = name; filter(); };
    const at = (q) => sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))].toFixed(1) : "";
    for (const text of [name, one.count, one.errors || "", at(0), at(0.5), at(0.95), at(1)]) row.append(make("td", "", text));
    row.insertCell().append(histogram(sorted));
  }
  $("#latency div").append(table);

  // records
  const kinds = $("#kind"), commands = $("#command");
  kinds.append(new Option(words.all, ""));
  for (const kind of Object.keys(words.kinds)) if (data.rows.some((row) => row[KIND] === kind)) kinds.append(new Option(words.kinds[kind], kind));
  commands.append(new Option(words.commands, ""));
  for (const name of [...stats.keys()].sort()) commands.append(new Option(name, name));
  $("#search").placeholder = words.search;
  $("#search").setAttribute("aria-label", words.search);
  $("#failed").nextElementSibling.textContent = words.failed;
  $("#slow").previousElementSibling.textContent = words.slow;
  const [close, bytes] = document.querySelectorAll("#detail button"), [text, hex] = document.querySelectorAll("#detail pre");
  close.textContent = words.close; bytes.textContent = words.bytes;
  close.onclick = () => { $("#detail").hidden = true; chosen = -1; draw(); };
  bytes.onclick = () => { hex.hidden = !hex.hidden; };

  function line(index) {
    const row = data.rows[index];
    const item = make("div", `row ${row[KIND]}${row[FAILED] ? " failed" : ""}${index === chosen ? " chosen" : ""}`);
    const first = row[TEXT].split("\n", 1)[0];
    item.append(make("span", "clock", clock(row[TIME])), make("span", `lane ${row[SIDE] || "module"}`), make("span", "name", row[NAME]), make("span", "text", first),
                make("span", "result", row[RESULT] || ""), make("span", "latency", shown(row[LATENCY])));
    item.onclick = () => choose(index, false);
    return item;
  }
  const box = $("#scroll");
  function draw() {
    const start = Math.max(0, Math.floor(box.scrollTop / ROW) - 5), end = Math.min(visible.length, start + Math.ceil(box.clientHeight / ROW) + 10);
    $("#window").style.transform = `translateY(${start * ROW}px)`;
    $("#window").replaceChildren(...visible.slice(start, end).map(line));
  }
  function filter() {
    const wanted = $("#search").value.toLowerCase().trim(), kind = kinds.value, command = commands.value, failed = $("#failed").checked;
    const slow = $("#slow").value === "" ? null : Number($("#slow").value) * 1e6;
    visible = [];
    data.rows.forEach((row, i) => {
      if (kind && row[KIND] !== kind) return;
      if (command && !(row[KIND] === "command" && row[NAME] === command)) return;
      if (failed && !row[FAILED]) return;
      if (slow !== null && !(row[LATENCY] > slow)) return;
      if (wanted && !(row[TEXT].toLowerCase().includes(wanted) || row[NAME].toLowerCase().includes(wanted) || (row[RESULT] || "").toLowerCase().includes(wanted))) return;
      visible.push(i);
    });
    $("#space").style.height = `${visible.length * ROW}px`;
    $("#count").textContent = `${visible.length}${words.of}${data.rows.length}`;
    box.scrollTop = 0;
    draw();
  }
  function choose(index, scroll) {
    if (index < 0 || index >= data.rows.length) return;
    chosen = index;
    if (scroll) {
      if (!visible.includes(index)) { $("form").reset(); filter(); }
      box.scrollTop = Math.max(0, visible.indexOf(index) * ROW - box.clientHeight / 2);
      box.scrollIntoView({ block: "nearest" });
    }
    const row = data.rows[index];
    text.textContent = `${clock(row[TIME])} ${row[TEXT]}`;
    hex.textContent = row[BYTES].map(([arrow, digits]) => `${arrow} ${digits}`).join("\n");
    hex.hidden = true; bytes.hidden = !row[BYTES].length;
    $("#detail").hidden = false;
    draw();
  }
  box.onscroll = draw;
  $("form").oninput = filter;
  $("form").onsubmit = (event) => event.preventDefault();
  window.addEventListener("resize", () => { draw(); line_of_time(); });
  window.addEventListener("beforeprint", () => {
    $("#printed").replaceChildren(make("p", "", words.printed), ...visible.slice(0, 400).map(line));
  });
  window.addEventListener("afterprint", () => $("#printed").replaceChildren());
  filter();

  // the time line
  const timed = data.rows.some((row) => row[TIME] !== null);
  const place = (ns, index) => timed && ns !== null ? (ns - data.first) / 1e9 : index;
  $("#time .hint").textContent = words.hint + (timed ? "" : ` (${words.steps})`);
  const marks = data.rows.map((row, i) => place(row[TIME], i));
  const last = Math.max(1e-6, marks.reduce((a, b) => Math.max(a, b), 0));
  const lanes = ["registered", "lwm2m", "mqtt", "psm"].filter((lane) => data.states.some((span) => span[0] === lane));
  const connections = [...data.states.filter((span) => span[0] === "channel"), ...data.states.filter((span) => span[0] === "connection")].slice(0, 12);
  let from = -last * 0.01, to = last * 1.01;
  const canvas = $("canvas"), COLOURS = { command: "#1f5fbf", urc: "#7a3fa0", data: "#1b7a3d", frame: "#607080", connection: "#555", group: "#607080", call: "#a04a00", position: "#00796b" };
  const rare = ["call", "position"].filter((kind) => data.rows.some((row) => row[KIND] === kind)), named = ["command", "urc", "data", "frame", ...rare];
  const KIND_LANES = { ...Object.fromEntries(named.map((kind, i) => [kind, i])), connection: 2, group: 3 };
  function line_of_time() {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, bars = lanes.length + connections.length, height = 20 + named.length * 18 + bars * 18 + 14;
    canvas.style.height = `${height}px`; canvas.width = width * ratio; canvas.height = height * ratio;
    const pen = canvas.getContext("2d"), x = (t) => 90 + (t - from) / (to - from) * (width - 100);
    pen.scale(ratio, ratio); pen.font = "11px system-ui, sans-serif"; pen.fillStyle = "#66707c";
    const step = 10 ** Math.floor(Math.log10((to - from) / 4)), nice = [1, 2, 5, 10].map((n) => n * step).find((n) => (to - from) / n <= 8);
    for (let t = Math.ceil(from / nice) * nice; t <= to; t += nice) {
      pen.fillRect(x(t), 14, 1, height - 20);
      pen.fillText(timed ? `${Number(t.toFixed(6))} s` : String(Math.round(t)), x(t) + 2, 11);
    }
    pen.fillStyle = "#fff"; pen.fillRect(0, 14, 88, height);
    named.forEach((kind, i) => { pen.fillStyle = COLOURS[kind]; pen.fillText(words.kinds[kind], 2, 30 + i * 18); });
    const seen = new Set();
    data.rows.forEach((row, i) => {
      const at = x(marks[i]);
      if (at < 88 || at > width) return;
      const y = 20 + KIND_LANES[row[KIND]] * 18, key = `${Math.round(at)}:${y}:${row[FAILED]}`;
      if (seen.has(key)) return;
      seen.add(key);
      pen.fillStyle = row[FAILED] ? "#b3261e" : COLOURS[row[KIND]];
      const wide = row[KIND] === "command" && row[LATENCY] !== null && timed ? Math.max(1.5, row[LATENCY] / 1e9 / (to - from) * (width - 100)) : 1.5;
      pen.fillRect(at, y, wide, 12);
    });
    [...lanes.map((lane) => data.states.filter((span) => span[0] === lane)), ...connections.map((span) => [span])].forEach((spans, i) => {
      const y = 20 + (named.length + i) * 18;
      pen.fillStyle = "#1c2126"; pen.fillText(spans[0][1].slice(0, 14), 2, y + 10);
      for (const [, , first, first_ns, end, end_ns] of spans) {
        const a = Math.max(88, x(place(first_ns, first))), b = end === null ? width : x(place(end_ns, end));
        pen.fillStyle = i < lanes.length ? "#9ccfae" : "#a9c4ea";
        if (b > 88) pen.fillRect(a, y, Math.max(2, b - a), 12);
      }
    });
    for (const found of data.findings) {
      const at = x(place(found.t, Math.max(0, found.row)));
      if (at < 88) continue;
      pen.fillStyle = found.s === "error" ? "#b3261e" : found.s === "warning" ? "#d08a00" : "#8aa";
      pen.beginPath(); pen.moveTo(at, height - 12); pen.lineTo(at - 4, height - 3); pen.lineTo(at + 4, height - 3); pen.fill();
    }
  }
  const when = (event) => from + (event.offsetX - 90) / (canvas.clientWidth - 100) * (to - from);
  function zoom(centre, factor) {
    const size = Math.min(last * 1.05, Math.max(last * 1e-6, (to - from) * factor));
    from = centre - (centre - from) * size / (to - from); to = from + size;
    line_of_time();
  }
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(when(event), event.deltaY > 0 ? 1.25 : 0.8); }, { passive: false });
  const fingers = new Map();
  let moved = 0;
  canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); fingers.set(event.pointerId, event.offsetX); moved = 0; };
  canvas.onpointermove = (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = fingers.get(event.pointerId), shift = event.offsetX - before;
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1], now = Math.abs(event.offsetX - other), then = Math.abs(before - other);
      if (now > 5 && then > 5) zoom((from + to) / 2, then / now);
    } else {
      const span = shift / (canvas.clientWidth - 100) * (to - from);
      from -= span; to -= span; line_of_time();
    }
    fingers.set(event.pointerId, event.offsetX);
    moved += Math.abs(shift);
  };
  canvas.onpointerup = (event) => {
    fingers.delete(event.pointerId);
    if (moved > 3) return;
    const t = when(event), lane = Math.floor((event.offsetY - 20) / 18);
    let best = -1;
    marks.forEach((at, i) => { if ((lane >= named.length || KIND_LANES[data.rows[i][KIND]] === lane) && (best < 0 || Math.abs(at - t) < Math.abs(marks[best] - t))) best = i; });
    choose(best, true);
  };
  line_of_time();
  document.body.dataset.ready = "yes";
}

function histogram(sorted) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), bins = new Array(24).fill(0);
  svg.setAttribute("width", "150"); svg.setAttribute("height", "22");
  for (const ms of sorted) bins[Math.min(23, Math.max(0, Math.floor((Math.log10(Math.max(ms, 0.1)) + 1) * 4)))]++;
  const most = Math.max(1, ...bins);
  bins.forEach((count, i) => {
    if (!count) return;
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect"), high = Math.max(2, count / most * 20);
    for (const [name, value] of [["x", i * 6], ["y", 22 - high], ["width", 5], ["height", high], ["fill", "#1f5fbf"]]) bar.setAttribute(name, value);
    svg.append(bar);
  });
  return svg;
}

unpack().then(page, (error) => { document.querySelector("#about").textContent = String(error); });
