"use strict";
const parts = [...document.querySelectorAll("#log details")];
const field = document.getElementById("find");
const found = document.getElementById("found");
const openAtFirst = new Map(parts.map((part) => [part, part.open]));

function openAt(hash) {
  const line = /^#L\d+$/.test(hash) ? document.getElementById(hash.slice(1)) : null;
  if (!line) return;
  line.closest("details").open = true;
  line.scrollIntoView({ block: "center" });
}

function find() {
  const wanted = field.value.toLowerCase();
  let lines = 0;
  for (const part of parts) {
    let here = 0;
    for (const line of part.querySelectorAll("li")) {
      const code = line.querySelector("code");
      const matches = !wanted || (code !== null && code.textContent.toLowerCase().includes(wanted));
      line.hidden = !matches;
      if (wanted && matches) here += 1;
    }
    part.hidden = wanted !== "" && here === 0;
    part.open = wanted ? here > 0 : openAtFirst.get(part);
    lines += here;
  }
  found.textContent = wanted ? (lines === 1 ? "1 line" : `${lines} lines`) : "";
}

if (field) {
  let waiting = 0;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(find, 120);
  });
}
addEventListener("hashchange", () => openAt(location.hash));
openAt(location.hash);
