// Draws hits on an outline of the world: plate carrée, stretched so that distances are true at one latitude.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const root = getComputedStyle(document.documentElement);
  const RADIUS_KM = 6371.0088;
  let colours, ratio = 1, width = 1, height = 1, active = -1;
  // the middle of the view and pixels per degree of latitude; `squeeze` is pixels east per pixel north
  const view = { lon: 0, lat: 0, scale: 1, squeeze: 1 };

  const unpack = (line) => {
    const points = new Float64Array(line.length);
    let x = 0, y = 0;
    for (let n = 0; n < line.length; n += 2) {
      points[n] = (x += line[n]) / 100;
      points[n + 1] = (y += line[n + 1]) / 100;
    }
    return points;
  };
  const land = data.world.land.map(unpack), borders = data.world.borders.map(unpack);

  const images = data.hits.map((hit, n) => {
    if (!hit.quad) return null;
    return document.querySelector(`#h${n} img`);
  });

  const x = (lon) => width / 2 + (lon - view.lon) * view.scale * view.squeeze;
  const y = (lat) => height / 2 - (lat - view.lat) * view.scale;

  // the copies of the world that can be seen: turns of 360 degrees
  const turns = () => {
    const half = width / 2 / (view.scale * view.squeeze);
    const found = [];
    for (let n = Math.floor((view.lon - half + 180) / 360); n <= Math.floor((view.lon + half + 180) / 360); n++) found.push(360 * n);
    return found;
  };

  const trace = (points, turn, close) => {
    pen.moveTo(x(points[0] + turn), y(points[1]));
    for (let n = 2; n < points.length; n += 2) pen.lineTo(x(points[n] + turn), y(points[n + 1]));
    if (close) pen.closePath();
  };

  const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
  const degrees = (value, letters) => {
    const digits = Math.abs(value * 100 - Math.round(value * 100)) > 1e-6 ? 3 : Math.abs(value - Math.round(value)) > 1e-6 ? 2 : 0;
    return Math.abs(value).toFixed(digits) + "°" + (Math.abs(Math.abs(value) - 180) < 1e-9 ? "" : value > 1e-9 ? letters[0] : value < -1e-9 ? letters[1] : "");
  };
  const wrapped = (lon) => ((lon + 180) % 360 + 360) % 360 - 180;

  const graticule = () => {
    const step = steps.find((each) => each * view.scale * view.squeeze > 90) || 30;
    const half = width / 2 / (view.scale * view.squeeze), up = height / 2 / view.scale;
    pen.beginPath();
    const labels = [];
    for (let lon = Math.ceil((view.lon - half) / step) * step; lon <= view.lon + half; lon += step) {
      pen.moveTo(x(lon), y(Math.min(90, view.lat + up)));
      pen.lineTo(x(lon), y(Math.max(-90, view.lat - up)));
      labels.push([degrees(wrapped(lon), "EW"), x(lon) + 3, height - 6]);
    }
    for (let lat = Math.ceil(Math.max(-90, view.lat - up) / step) * step; lat <= Math.min(90, view.lat + up); lat += step) {
      pen.moveTo(0, y(lat));
      pen.lineTo(width, y(lat));
      if (y(lat) < height - 60) labels.push([degrees(lat, "NS"), 56, y(lat) - 3]);
    }
    pen.strokeStyle = colours.grid;
    pen.lineWidth = 0.6;
    pen.stroke();
    pen.fillStyle = colours.quiet;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "left";
    labels.forEach(([text, left, top]) => pen.fillText(text, left, top));
  };

  // a thumbnail on its footprint: three corners of the quad give an affine transform
  const picture = (hit, image, turn) => {
    if (!image || !image.complete || !image.naturalWidth) return;
    const [ul, ur, ll] = hit.quad;
    const across = Math.abs(x(ur[0]) - x(ul[0])), down = Math.abs(y(ll[1]) - y(ul[1]));
    if (across < 12 || down < 12) return;
    const w = image.naturalWidth, h = image.naturalHeight;
    const left = x(ul[0] + turn), top = y(ul[1]);
    pen.save();
    pen.transform((x(ur[0] + turn) - left) / w, (y(ur[1]) - top) / w, (x(ll[0] + turn) - left) / h, (y(ll[1]) - top) / h, left, top);
    pen.drawImage(image, 0, 0);
    pen.restore();
  };

  // the circle of all places some km away, on the sphere
  const circle = (hit) => {
    const phi = hit.at[1] * Math.PI / 180, d = hit.km / RADIUS_KM, points = [];
    let before = hit.at[0];
    for (let n = 0; n <= 90; n++) {
      const bearing = n / 45 * Math.PI;
      const lat = Math.asin(Math.sin(phi) * Math.cos(d) + Math.cos(phi) * Math.sin(d) * Math.cos(bearing));
      let lon = hit.at[0] + Math.atan2(Math.sin(bearing) * Math.sin(d) * Math.cos(phi), Math.cos(d) - Math.sin(phi) * Math.sin(lat)) * 180 / Math.PI;
      lon += 360 * Math.round((before - lon) / 360);
      points.push(before = lon, lat * 180 / Math.PI);
    }
    return points;
  };
  const circles = data.hits.map((hit) => hit.at && hit.km > 0 ? circle(hit) : null);

  const pin = (hit, number, turn) => {
    const left = x(hit.at[0] + turn), top = y(hit.at[1]), on = number === active;
    pen.beginPath();
    pen.arc(left, top, on ? 13 : 10, 0, 2 * Math.PI);
    pen.fillStyle = on ? colours.accent : colours.hit;
    pen.fill();
    pen.lineWidth = 2;
    pen.strokeStyle = colours.card;
    pen.stroke();
    pen.fillStyle = colours.card;
    pen.font = "600 11px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(hit.rank ? String(hit.rank) : "★", left, top + 0.5);  // rank 0: the one best point
    pen.textBaseline = "alphabetic";
  };

  const scaleBar = () => {
    const kmPerPixel = Math.PI / 180 * RADIUS_KM / view.scale;
    const most = 120 * kmPerPixel, power = 10 ** Math.floor(Math.log10(most));
    const km = [5, 2, 1].map((each) => each * power).find((each) => each <= most) || power;
    const long = km / kmPerPixel, left = 12, top = height - 24;
    pen.beginPath();
    pen.moveTo(left, top - 5); pen.lineTo(left, top); pen.lineTo(left + long, top); pen.lineTo(left + long, top - 5);
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.fillStyle = colours.ink;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "left";
    pen.fillText(km >= 1 ? `${km} km` : `${Math.round(km * 1000)} m`, left, top - 8);
  };

  const draw = () => {
    const lowest = Math.min(height / 180, width / 360 / view.squeeze) * 0.8;
    view.scale = Math.max(lowest, Math.min(4e6, view.scale));
    view.lat = Math.max(-90, Math.min(90, view.lat));
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const seen = turns();
    pen.beginPath();
    seen.forEach((turn) => land.forEach((ring) => trace(ring, turn, true)));
    pen.fillStyle = colours.land;
    pen.fill("evenodd");
    pen.strokeStyle = colours.coast;
    pen.lineWidth = 0.8;
    pen.stroke();
    pen.beginPath();
    seen.forEach((turn) => borders.forEach((line) => trace(line, turn, false)));
    pen.strokeStyle = colours.border;
    pen.stroke();
    graticule();
    pen.beginPath();
    seen.forEach((turn) => (data.area || []).forEach((ring) => trace(ring, turn, true)));
    pen.strokeStyle = colours.accent;
    pen.lineWidth = 1.5;
    pen.setLineDash([6, 4]);
    pen.stroke();
    pen.setLineDash([]);
    for (let number = data.hits.length - 1; number >= 0; number--) {
      const hit = data.hits[number];
      if (!hit.at) continue;
      seen.forEach((turn) => {
        if (hit.quad) picture(hit, images[number], turn);
        pen.beginPath();
        hit.rings.forEach((ring) => trace(ring, turn, true));
        if (circles[number]) trace(circles[number], turn, true);
        pen.strokeStyle = number === active ? colours.accent : colours.hit;
        pen.lineWidth = number === active ? 3 : 1.5;
        pen.stroke();
      });
    }
    for (let number = data.hits.length - 1; number >= 0; number--) {
      if (data.hits[number].at) seen.forEach((turn) => pin(data.hits[number], number, turn));
    }
    scaleBar();
    canvas.dataset.view = [view.lon, view.lat, view.scale, view.squeeze].join(",");
  };

  // a region is true at its middle; the world is shown as it usually is
  const suit = () => { view.squeeze = height / view.scale < 40 ? Math.max(0.2, Math.cos(view.lat * Math.PI / 180)) : 1; };

  const fit = (bounds, most) => {
    const [west, south, east, north] = bounds;
    view.lon = (west + east) / 2;
    view.lat = (south + north) / 2;
    const wide = Math.max(60, width - 130), high = Math.max(60, height - 110);  // beside the buttons and the scale
    const scaled = () => Math.min(most, wide / Math.max(1e-9, east - west) / view.squeeze, high / Math.max(1e-9, north - south));
    view.squeeze = 1;
    view.scale = scaled();
    suit();
    view.scale = scaled();
    draw();
  };
  const everything = () => data.bounds ? fit(data.bounds, 4000) : fit([-180, -90, 180, 90], 10);

  const zoom = (factor, left = width / 2, top = height / 2) => {
    const lon = view.lon + (left - width / 2) / (view.scale * view.squeeze), lat = view.lat - (top - height / 2) / view.scale;
    view.scale = Math.max(Math.min(height / 180, width / 360) * 0.8, Math.min(4e6, view.scale * factor));
    view.lat = lat;
    suit();
    view.lon = lon - (left - width / 2) / (view.scale * view.squeeze);
    view.lat = lat + (top - height / 2) / view.scale;
    draw();
  };

  const choose = (number, move) => {
    active = number;
    document.querySelectorAll("li").forEach((each, n) => each.classList.toggle("on", n === number));
    const hit = data.hits[number];
    if (move && hit && hit.at) fit(hit.bounds, 20000);
    draw();
  };

  const nearest = (left, top) => {
    let best = -1, least = 18;
    data.hits.forEach((hit, number) => {
      if (!hit.at) return;
      turns().forEach((turn) => {
        const away = Math.hypot(x(hit.at[0] + turn) - left, y(hit.at[1]) - top);
        if (away < least) { least = away; best = number; }
      });
    });
    return best;
  };

  const resize = () => {
    const box = canvas.getBoundingClientRect();
    ratio = window.devicePixelRatio || 1;
    width = box.width; height = box.height;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  };
  const paint = () => {
    colours = Object.fromEntries(["land", "coast", "border", "grid", "ink", "quiet", "card", "accent", "hit"].map((name) => [name, root.getPropertyValue(`--${name}`).trim()]));
  };

  const fingers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); fingers.set(event.pointerId, [event.offsetX, event.offsetY]); moved = 0; });
  canvas.addEventListener("pointermove", (event) => {
    const lon = wrapped(view.lon + (event.offsetX - width / 2) / (view.scale * view.squeeze)), lat = view.lat - (event.offsetY - height / 2) / view.scale;
    document.querySelector(".where").textContent = Math.abs(lat) <= 90 ? `${lat.toFixed(4)}, ${lon.toFixed(4)}` : "";
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = [event.offsetX, event.offsetY];
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const apart = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      fingers.set(event.pointerId, now);
      zoom(apart(now) / Math.max(1, apart(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      return;
    }
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    view.lon = wrapped(view.lon - (now[0] - before[0]) / (view.scale * view.squeeze));
    view.lat += (now[1] - before[1]) / view.scale;
    fingers.set(event.pointerId, now);
    draw();
  });
  const lift = (event) => {
    fingers.delete(event.pointerId);
    if (event.type !== "pointerup" || moved > 4) return;
    const number = nearest(event.offsetX, event.offsetY);
    choose(number, false);
    const row = number >= 0 && document.getElementById(`h${number}`);
    if (row && window.matchMedia("(min-width: 761px)").matches) row.scrollIntoView({ block: "nearest" });
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY); }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = 60 / view.scale;
    if (event.key === "ArrowLeft") view.lon -= step / view.squeeze;
    else if (event.key === "ArrowRight") view.lon += step / view.squeeze;
    else if (event.key === "ArrowUp") view.lat += step;
    else if (event.key === "ArrowDown") view.lat -= step;
    else if (event.key === "+" || event.key === "=") return zoom(2);
    else if (event.key === "-") return zoom(0.5);
    else if (event.key === "0") return everything();
    else return;
    event.preventDefault();
    draw();
  });
  document.getElementById("in").addEventListener("click", () => zoom(2));
  document.getElementById("out").addEventListener("click", () => zoom(0.5));
  document.getElementById("all").addEventListener("click", everything);
  document.querySelectorAll("li a").forEach((link, number) => link.addEventListener("click", (event) => { event.preventDefault(); choose(number, true); }));
  new ResizeObserver(() => { resize(); draw(); }).observe(canvas);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { paint(); draw(); });
  window.addEventListener("load", draw);
  document.querySelectorAll("li img").forEach((image) => image.addEventListener("load", draw));
  paint();
  resize();
  everything();
})();
