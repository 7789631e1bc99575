// Builds the page and the widget into ../static: `node build.mjs`, with --watch for development, with --check to compare alone.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import * as esbuild from "esbuild";

import { isOfWidget } from "./widget-texts.mjs";

const WEB = fileURLToPath(new URL(".", import.meta.url));
const STATIC = fileURLToPath(new URL("../static/", import.meta.url));
const MOST_SCRIPT = 300_000; // Bytes of a script: the page has one, and a widget has one.
const ALSO_SOURCES = ["build.mjs", "package-lock.json", "package.json", "tsconfig.json", "widget-texts.mjs"]; // Beside src/.

const options = {
  absWorkingDir: WEB,
  outdir: STATIC,
  bundle: true,
  format: "esm", // anywidget imports widget.js, whose default export is {render}.
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  loader: { ".svg": "text" },
  logLevel: "warning",
};

/**
 * Loads the catalogs of texts with those keys that are taken: a notebook keeps the script for each widget, which needs few of them.
 *
 * Quotes and keys are a fourth of a catalog. So each is one text with a line for each key, whose names only the English one has.
 */
function catalogs(isTaken) {
  const read = async (path) => JSON.parse(await readFile(path, "utf8"));
  return {
    name: "catalogs",
    setup: (build) =>
      build.onLoad({ filter: /[\\/]i18n[\\/]\w+\.json$/ }, async ({ path }) => {
        const isEnglish = path.endsWith("en.json");
        const keys = Object.keys(await read(`${WEB}src/i18n/en.json`)).filter(isTaken);
        const texts = await read(path);
        const lines = keys.map((key) => lineOf(path, key, texts[key]));
        const unpack = isEnglish ? unpackOf(keys) : 'import { unpack } from "./en.json";';
        return { contents: `${unpack} export default unpack(${JSON.stringify(lines.join("\n"))});`, loader: "js" };
      }),
  };
}

/** A text as one line. Its plural forms are marked. */
function lineOf(path, key, text) {
  const line = typeof text === "object" ? `=${JSON.stringify(text)}` : text;
  if (line === undefined || line.includes("\n") || (line === text && line.startsWith("=")))
    throw new Error(`${path} has no text for ${key}, or one that cannot be packed`);
  return line;
}

function unpackOf(keys) {
  return `const keys = ${JSON.stringify(keys.join(" "))}.split(" ");
    const textOf = (line) => (line[0] === "=" ? JSON.parse(line.slice(1)) : line);
    export const unpack = (texts) => Object.fromEntries(texts.split("\\n").map((line, place) => [keys[place], textOf(line)]));`;
}

/** What is built: the page, and the widget. */
const PARTS = [
  {
    entryPoints: [
      { in: "src/main.ts", out: "studio" },
      { in: "src/styles/studio.css", out: "studio" },
    ],
    plugins: [catalogs(() => true)],
  },
  {
    entryPoints: [
      { in: "src/widget.ts", out: "widget" },
      { in: "src/styles/widget.css", out: "widget" },
    ],
    plugins: [catalogs(isOfWidget)],
  },
];

/** One digest of all sources: tests/studio/test_built.py makes the same without Node. */
async function digestOfSources() {
  const found = await readdir(`${WEB}src`, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`.slice(WEB.length));
  const names = [...files.map((name) => name.replaceAll("\\", "/")), ...ALSO_SOURCES].sort();
  const lines = await Promise.all(names.map(async (name) => `${name} ${sha256(await readFile(WEB + name))}\n`));
  return sha256(lines.join(""));
}

function sha256(data) {
  return createHash("sha256").update(data).digest("hex");
}

/** The built files by name. Nothing is written. */
async function build() {
  const built = await Promise.all(PARTS.map((part) => esbuild.build({ ...options, ...part, minify: true, write: false })));
  const outputFiles = built.flatMap((each) => each.outputFiles);
  const files = new Map(outputFiles.map((file) => [file.path.slice(STATIC.length), Buffer.from(file.contents)]));
  files.set("index.html", await readFile(`${WEB}src/index.html`));
  const sizes = Object.fromEntries([...files].map(([name, content]) => [name, content.length]).sort());
  files.set("build.json", Buffer.from(JSON.stringify({ sources: await digestOfSources(), sizes }, null, 2) + "\n"));
  return { files, sizes };
}

function checkSizes(sizes) {
  for (const [name, size] of Object.entries(sizes)) console.log(`${name.padEnd(12)} ${(size / 1000).toFixed(1).padStart(7)} kB`);
  for (const [name, size] of Object.entries(sizes)) {
    if (name.endsWith(".js") && size > MOST_SCRIPT) throw new Error(`${name} has ${size} bytes, expected at most ${MOST_SCRIPT}`);
  }
}

async function differing(files) {
  const differs = [];
  for (const [name, content] of files) {
    const there = await readFile(STATIC + name).catch(() => null);
    if (there === null || !content.equals(there)) differs.push(name);
  }
  return differs;
}

async function watch() {
  const page = {
    name: "page",
    setup: (build) => build.onEnd(async () => writeFile(`${STATIC}index.html`, await readFile(`${WEB}src/index.html`))),
  };
  for (const part of PARTS) {
    const plugins = [page, ...part.plugins];
    const context = await esbuild.context({ ...options, ...part, sourcemap: "inline", logLevel: "info", plugins });
    await context.watch();
  }
}

await mkdir(STATIC, { recursive: true });
if (process.argv.includes("--watch")) {
  await watch();
} else {
  const { files, sizes } = await build();
  checkSizes(sizes);
  if (process.argv.includes("--check")) {
    const differs = await differing(files);
    if (differs.length)
      throw new Error(`${differs.join(", ")} in static/ are not of these sources: run "make studio-page" and commit them`);
  } else {
    await Promise.all([...files].map(([name, content]) => writeFile(STATIC + name, content)));
  }
}
