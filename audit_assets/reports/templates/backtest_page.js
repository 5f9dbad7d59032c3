// Draws the points of the page's JSON. Every text is set as text, never as markup.
"use strict";
const points = JSON.parse(document.getElementById("points").textContent);
const chart = document.getElementById("chart");
const details = document.getElementById("details");
const AN_HOUR = 3600000, SIDES = { left: 88, right: 46, top: 14, bottom: 30 };
const HOURS = [1, 3, 6, 12, 24, 48, 168, 336], MONTHS = [1, 2, 3, 6, 12, 24, 60];
let positions = [];

function svg(parent, name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return parent.appendChild(node);
}

function timesToLabel(first, last, most) {
  const step = HOURS.find((hours) => (last - first) / (hours * AN_HOUR) <= most);
  const marks = [];
  if (step) {
    for (let at = Math.ceil(first / (step * AN_HOUR)) * step * AN_HOUR; at <= last; at += step * AN_HOUR) marks.push(at);
    const timeOfDay = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    return [marks, { month: "short", day: "numeric", ...(step < 24 && timeOfDay) }];
  }
  const months = MONTHS.find((each) => (last - first) / (each * 730 * AN_HOUR) <= most) || 120;
  const begin = new Date(first);
  for (let month = Math.ceil((begin.getUTCMonth() + 1) / months) * months; ; month += months) {
    const at = Date.UTC(begin.getUTCFullYear(), month, 1);
    if (at > last) return [marks, { month: "short", year: "numeric" }];
    marks.push(at);
  }
}

function draw() {
  chart.querySelector("svg")?.remove();
  details.hidden = true;
  const width = chart.clientWidth, height = chart.clientHeight;
  const root = svg(chart, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": points.about });
  const right = width - SIDES.right, bottom = height - SIDES.bottom;
  const level = (value) => points.direction * Math.log10(value);
  const [low, high] = [level(points.low), level(points.high)];
  const y = (value) => bottom - ((level(value) - low) / (high - low)) * (bottom - SIDES.top);
  const first = points.first * AN_HOUR, last = points.last * AN_HOUR;
  const x = (time) => SIDES.left + ((time - first) / (last - first)) * (right - SIDES.left);
  if (points.learned) {
    const end = x(first + points.learned * AN_HOUR);
    svg(root, "rect", { class: "learning", x: SIDES.left, y: SIDES.top, width: end - SIDES.left, height: bottom - SIDES.top });
    svg(root, "text", { x: SIDES.left + 6, y: SIDES.top + 14 }, "learning");
  }
  for (const [value, label] of points.ticks) {
    if (level(value) < low || level(value) > high) continue;
    svg(root, "line", { class: "grid", x1: SIDES.left, x2: right, y1: y(value), y2: y(value) });
    svg(root, "text", { x: SIDES.left - 8, y: y(value) + 4, "text-anchor": "end" }, label);
  }
  const [marks, form] = timesToLabel(first, last, (right - SIDES.left) / 90);
  const dates = new Intl.DateTimeFormat("en", { timeZone: "UTC", ...form });
  for (const at of marks) {
    svg(root, "line", { class: "grid", x1: x(at), x2: x(at), y1: SIDES.top, y2: bottom });
    svg(root, "text", { x: x(at), y: height - 8, "text-anchor": "middle" }, dates.format(at));
  }
  for (const [value, label, own] of points.lines) {
    const mine = own ? " own" : "";
    svg(root, "line", { class: "limit" + mine, x1: SIDES.left, x2: right, y1: y(value), y2: y(value) });
    svg(root, "text", { class: "limits" + mine, x: right + 6, y: y(value) + 4 }, label);
  }
  positions = points.hour.map((hour, at) => [x(first + hour * AN_HOUR), y(points.value[at])]);
  const strokes = points.levels.map(() => []);
  positions.forEach(([left, top], at) => strokes[points.level[at]].push(`M${left.toFixed(1)} ${top.toFixed(1)}h0`));
  strokes.forEach((stroke, at) => svg(root, "path", { class: points.levels[at], d: stroke.join("") }));
  const marker = svg(root, "circle", { class: "marker", r: 8, visibility: "hidden" });
  root.addEventListener("pointermove", (event) => showDetails(event, marker));
  root.addEventListener("pointerdown", (event) => showDetails(event, marker));
  root.addEventListener("pointerleave", () => { details.hidden = true; marker.setAttribute("visibility", "hidden"); });
}

function showDetails(event, marker) {
  const box = chart.getBoundingClientRect();
  const [left, top] = [event.clientX - box.left, event.clientY - box.top];
  let nearest = -1, shortest = 24;
  positions.forEach(([x, y], at) => {
    const distance = Math.hypot(x - left, y - top) - (points.level[at] ? 4 : 0);
    if (distance < shortest) [nearest, shortest] = [at, distance];
  });
  details.hidden = nearest < 0;
  marker.setAttribute("visibility", nearest < 0 ? "hidden" : "visible");
  if (nearest < 0) return;
  const [x, y] = positions[nearest];
  marker.setAttribute("cx", x);
  marker.setAttribute("cy", y);
  details.replaceChildren(...sentences(nearest).map((sentence) => {
    const line = document.createElement("div");
    const text = line.appendChild(document.createElement("bdi"));
    text.textContent = sentence;
    return line;
  }));
  details.style.left = `${Math.max(0, Math.min(x + 14, box.width - details.offsetWidth))}px`;
  details.style.top = `${y > details.offsetHeight + 20 ? y - details.offsetHeight - 14 : y + 16}px`;
}

function sentences(at) {
  const hour = new Date((points.first + points.hour[at]) * AN_HOUR).toISOString();
  const usual = points.baseline_mean[at] === null ? "what is usual is not known yet" : `usual is ${points.baseline_mean[at]}`;
  const lines = [points.actors[points.actor[at]], `${hour.slice(0, 10)} ${hour.slice(11, 16)} UTC`];
  const ticket = points.shared[at] ? "Ticket of the organisation" : "Ticket";
  if (points.level[at]) lines.push(`${ticket}: ${points.levels[points.level[at]]}`);
  if (points.allowed[at] !== null) lines.push(`Allowed: ${points.reasons[points.allowed[at]]}`);
  if (points.direction < 0) lines.push(`As rare as ${rarity(points.value[at])}`);
  const changes = points.changes[at];
  lines.push(`${changes.toLocaleString("en")} ${changes === 1 ? "change" : "changes"}, ${usual}`);
  if (points.span[at]) lines.push(points.span[at]);
  const more = points.more[at] ? ` and ${points.more[at]} more` : "";
  if (points.types[at].length) lines.push(`New: ${points.types[at].map((type) => points.names[type]).join(", ")}${more}`);
  return lines;
}

function rarity(rate) {
  const round = (number) => Number(number.toPrecision(2)).toLocaleString("en");
  if (rate >= 1) return `${round(rate)} a day`;
  const days = 1 / rate;
  return days < 730 ? `once in ${round(days)} days` : `once in ${round(days / 365)} years`;
}

draw();
addEventListener("resize", draw);
