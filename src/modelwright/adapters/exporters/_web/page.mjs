// The page around the model: a field per input column, an answer that follows every change.
import { check, load, predict } from "./model.mjs";

const inputs = document.getElementById("inputs");
const answer = document.getElementById("answer");
const state = document.getElementById("state");

function element(kind, parent, text = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  parent.append(made);
  return made;
}

function control(field, label) {
  if (field.categories?.length && field.type === "category") {
    const list = element("select", label);
    for (const category of field.categories) element("option", list, category);
    return list;
  }
  const made = element("input", label);
  if (field.type === "number") {
    made.type = "number";
    made.step = "any";
    if (field.low !== null && field.high !== null) made.value = Number(((field.low + field.high) / 2).toPrecision(3));
  } else if (field.type === "boolean") made.type = "checkbox";
  else if (field.type === "datetime") made.type = "datetime-local";
  return made;
}

function value(field, made) {
  if (field.type === "boolean") return made.checked ? 1 : 0;
  if (made.value === "") return null;
  if (field.type === "datetime") return Date.parse(made.value + "Z") * 1000;
  return field.type === "number" ? Number(made.value) : made.value;
}

function show(found, signature) {
  answer.replaceChildren();
  const number = typeof found.prediction === "number" && !found.probabilities;
  element("strong", answer, number ? found.prediction.toPrecision(6) : String(found.prediction));
  (found.probabilities ?? []).forEach((share, at) => {
    const bar = element("div", answer);
    bar.className = "bar";
    element("span", bar, String(signature.classes[at]));
    element("i", element("span", bar)).style.width = `${100 * share}%`;
    element("span", bar, share.toFixed(4));
  });
}

try {
  const model = await load();
  const fields = model.signature.inputs.map((field) => [field, control(field, element("label", inputs, field.column))]);
  const ask = async () => {
    const row = Object.fromEntries(fields.map(([field, made]) => [field.column, value(field, made)]));
    show((await predict(model, [row]))[0], model.signature);
  };
  inputs.addEventListener("input", ask);
  await ask();
  const found = await check(model);
  const gap = found.worst ? `the largest difference is ${found.worst.toExponential(1)}` : "to the last bit";
  state.textContent = found.good
    ? `${found.rows} golden rows are answered here as they were when the model was packaged: ${gap}.`
    : `This browser answers golden rows differently (by up to ${found.worst.toExponential(1)}): do not use it.`;
  state.dataset.checked = found.good ? "good" : "bad";
} catch (error) {
  answer.textContent = `The model cannot run here: ${error.message}. Are onnxruntime-web's files beside this page?`;
  state.dataset.checked = "failed";
}
