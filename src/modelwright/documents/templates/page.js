(function () {
  "use strict";
  var root = document.documentElement;
  var button = document.querySelector(".toggle");
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  function remember(value) { try { localStorage.setItem("modelwright-theme", value); } catch (e) { return; } }
  function recall() { try { return localStorage.getItem("modelwright-theme"); } catch (e) { return null; } }
  function dark() { return root.dataset.theme ? root.dataset.theme === "dark" : system.matches; }
  function label() { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", "Switch to " + (dark() ? "light" : "dark") + " colours"); }
  var known = recall();
  if (known === "dark" || known === "light") { root.dataset.theme = known; }
  if (button) {
    button.hidden = false;
    label();
    button.addEventListener("click", function () { root.dataset.theme = dark() ? "light" : "dark"; remember(root.dataset.theme); label(); });
    system.addEventListener("change", label);
  }

  document.querySelectorAll("table.sortable").forEach(function (table) {
    table.querySelectorAll("th").forEach(function (head, index) {
      var control = document.createElement("button");
      control.type = "button";
      control.textContent = head.textContent;
      head.textContent = "";
      head.appendChild(control);
      control.addEventListener("click", function () {
        var up = head.getAttribute("aria-sort") !== "ascending";
        table.querySelectorAll("th").forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        var body = table.tBodies[0];
        Array.from(body.rows).sort(function (a, b) {
          var x = a.cells[index].dataset.value, y = b.cells[index].dataset.value;
          var missing = (x === "") - (y === "");
          if (missing) { return missing; }
          var order = head.classList.contains("n") ? Number(x) - Number(y) : x.localeCompare(y);
          return up ? order : -order;
        }).forEach(function (row) { body.appendChild(row); });
      });
    });
  });

  var links = new Map();
  document.querySelectorAll(".nav a").forEach(function (link) { links.set(link.hash.slice(1), link); });
  if (links.size && "IntersectionObserver" in window) {
    var watch = new IntersectionObserver(function (seen) {
      seen.forEach(function (entry) {
        if (!entry.isIntersecting) { return; }
        links.forEach(function (link) { link.removeAttribute("aria-current"); });
        var link = links.get(entry.target.id);
        if (link) { link.setAttribute("aria-current", "true"); }
      });
    }, { rootMargin: "-10% 0px -75% 0px" });
    links.forEach(function (link, id) { var place = document.getElementById(id); if (place) { watch.observe(place); } });
  }
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (part) { part.open = true; });
  });
})();
