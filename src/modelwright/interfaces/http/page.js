"use strict";
document.querySelector("form.key").addEventListener("submit", (event) => event.preventDefault());
function valueOf(field) {
  if (field.value === "") return null;
  if (field.dataset.type === "number") return Number(field.value);
  if (field.dataset.type === "boolean") return field.value === "true";
  return field.value;
}
for (const form of document.querySelectorAll("form[data-path]")) {
  const shown = form.nextElementSibling;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const row = {};
    for (const field of form.querySelectorAll("[data-type]")) row[field.name] = valueOf(field);
    const headers = {"content-type": "application/json"};
    const key = document.getElementById("key").value;
    if (key) headers.authorization = "Bearer " + key;
    shown.hidden = false;
    try {
      const reply = await fetch(form.dataset.path, {method: "POST", headers, body: JSON.stringify({rows: [row]})});
      shown.textContent = reply.status + "\n" + JSON.stringify(await reply.json(), null, 2);
    } catch (error) {
      shown.textContent = "No answer: " + error.message;
    }
  });
}
