// An ONNX file of `ganvas export` in onnxruntime-web: z from N(0, 1) in, pictures in [-1, 1] out.

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs";

const ROWS = 4;
const NUM = ROWS * ROWS;
const page = Object.fromEntries(
  ["file", "draw", "walk", "classes", "label", "pictures", "status"].map((id) => [id, document.getElementById(id)]),
);
let session, zDim, from, to;

// Threads would need headers that a plain file server does not send.
ort.env.wasm.numThreads = 1;

/** Draw one number from N(0, 1) (Box and Muller). */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

function latents() {
  return Float32Array.from({ length: NUM * zDim }, normal);
}

/** Walk from one latent to another on the sphere where most of N(0, 1) lies. */
function between(one, other, share) {
  const angle = (share * Math.PI) / 2;
  return one.map((value, index) => Math.cos(angle) * value + Math.sin(angle) * other[index]);
}

async function open(model) {
  session = await ort.InferenceSession.create(model);
  zDim = session.inputMetadata.find((input) => input.name === "z").shape[1];
  page.classes.hidden = !session.inputNames.includes("label");
  await draw();
}

async function draw() {
  [from, to] = [latents(), latents()];
  page.walk.value = 0;
  await show();
}

async function show() {
  const z = between(from, to, Number(page.walk.value));
  const inputs = { z: new ort.Tensor("float32", z, [NUM, zDim]) };
  if (!page.classes.hidden) {
    const label = new BigInt64Array(NUM).fill(BigInt(page.label.value || 0));
    inputs.label = new ort.Tensor("int64", label, [NUM]);
  }
  const start = performance.now();
  const { images } = await session.run(inputs);
  paint(images);
  const ms = Math.round(performance.now() - start);
  page.status.textContent = `${NUM} pictures of ${images.dims[3]} x ${images.dims[2]} px in ${ms} ms`;
}

/** Lay pictures [b, c, h, w] out row by row. */
function paint({ data, dims: [, channels, height, width] }) {
  [page.pictures.width, page.pictures.height] = [ROWS * width, ROWS * height];
  const canvas = page.pictures.getContext("2d");
  for (let k = 0; k < NUM; k++) {
    const picture = canvas.createImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      for (let colour = 0; colour < 3; colour++) {
        const channel = k * channels + Math.min(colour, channels - 1);
        picture.data[4 * pixel + colour] = (data[channel * width * height + pixel] + 1) * 127.5;
      }
      picture.data[4 * pixel + 3] = 255;
    }
    canvas.putImageData(picture, (k % ROWS) * width, Math.floor(k / ROWS) * height);
  }
}

/** Do it, and say what went wrong in place of the numbers. */
function attempt(work) {
  return (...given) => work(...given).catch((error) => (page.status.textContent = `Failed: ${error.message}`));
}

page.draw.addEventListener("click", attempt(draw));
page.walk.addEventListener("input", attempt(show));
page.label.addEventListener("change", attempt(show));
page.file.addEventListener("change", attempt(async () => open(await page.file.files[0].arrayBuffer())));
attempt(open)("generator.onnx");
