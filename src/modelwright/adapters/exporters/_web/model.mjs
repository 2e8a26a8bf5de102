// The exported model in a browser: rows by column name in, answers out. Needs onnxruntime-web's files beside it.
import * as ort from "./ort.wasm.bundle.min.mjs";

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./", import.meta.url).href;

const json = async (name) => (await fetch(new URL(name, import.meta.url))).json();

export async function load() {
  const signature = await json("signature.json");
  const bytes = await (await fetch(new URL("model.onnx", import.meta.url))).arrayBuffer();
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  return { signature, session };
}

// Numbers, booleans and datetimes (microseconds since 1970, UTC) as float64 with NaN for missing; texts as strings.
function feed(signature, rows) {
  const made = {};
  for (const field of signature.inputs) {
    const cells = rows.map((row) => row[field.column] ?? null);
    made[field.tensor] = ["category", "text"].includes(field.type)
      ? new ort.Tensor("string", cells.map((cell) => (cell === null ? "" : String(cell))), [rows.length, 1])
      : new ort.Tensor("float64", Float64Array.from(cells, (cell) => (cell === null ? NaN : Number(cell))), [rows.length, 1]);
  }
  return made;
}

export async function predict({ signature, session }, rows) {
  const found = await session.run(feed(signature, rows));
  if (found.value) return Array.from(found.value.data, (value) => ({ prediction: value }));
  const labels = Array.from(found.label.data, Number);
  if (!found.probabilities) return labels.map((label) => ({ prediction: label }));
  const width = signature.classes.length, shares = found.probabilities.data;
  return labels.map((label, at) => ({
    prediction: signature.classes[label],
    probabilities: Array.from(shares.slice(at * width, (at + 1) * width)),
  }));
}

// The golden rows must have the answers they had when the model was packaged: the largest difference, and how many rows.
export async function check(model) {
  const golden = await json("golden.json");
  const answers = await predict(model, golden.rows);
  let worst = 0;
  answers.forEach((answer, at) => {
    const wanted = golden.probabilities?.[at] ?? (golden.values ? [golden.values[at]] : [golden.labels[at]]);
    const got = answer.probabilities ?? [answer.prediction];
    wanted.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(got[i] - value) / Math.max(1, Math.abs(value)));
    });
  });
  return { rows: answers.length, worst, good: worst <= golden.tolerance };
}
