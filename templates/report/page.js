"use strict";
(() => {
  const find = (selector) => Array.from(document.querySelectorAll(selector));
  const search = document.getElementById("search");
  const status = document.getElementById("found");
  const tables = find("[data-search]");
  const boxes = new Map();
  for (const box of find(".box")) {
    boxes.set(box.dataset.key, [...(boxes.get(box.dataset.key) || []), box]);
  }
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const table of tables) {
      const text = table.dataset.search;
      const hit = words.every((word) => text.includes(word));
      table.hidden = !hit;
      count += hit ? 1 : 0;
      for (const box of boxes.get(table.dataset.key) || []) {
        box.classList.toggle("dim", !hit);
        box.classList.toggle("hit", hit && words.length > 0);
      }
    }
    status.textContent = `${count} of ${tables.length} tables`;
  };
  if (search) {
    search.addEventListener("input", filter);
    filter();
  }
  for (const tab of find("[data-side]")) {
    tab.addEventListener("click", () => {
      for (const other of find("[data-side]")) {
        other.setAttribute("aria-pressed", String(other === tab));
      }
      for (const picture of find(".picture")) {
        picture.hidden = tab.dataset.side !== "both" && picture.dataset.picture !== tab.dataset.side;
      }
    });
  }
  for (const button of find("[data-zoom]")) {
    button.addEventListener("click", () => {
      const whole = document.body.classList.toggle("full-size");
      button.setAttribute("aria-pressed", String(whole));
    });
  }
  for (const link of find("[data-show]")) {
    link.addEventListener("click", () => {
      const shown = (boxes.get(link.dataset.show) || []).filter((box) => !box.closest("[hidden]"));
      for (const hit of find(".box.hit")) {
        hit.classList.remove("hit");
      }
      for (const box of shown) {
        box.classList.add("hit");
      }
      if (shown.length > 0) {
        shown[0].scrollIntoView({ block: "center", inline: "center" });
      }
    });
  }
})();
