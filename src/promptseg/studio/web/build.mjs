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
 * Keys are a third of a catalog. So only the English one has them; the others have their texts in its order.
 */
function catalogs(isTaken) {
  const read = async (path) => JSON.parse(await readFile(path, "utf8"));
  return {
    name: "catalogs",
    setup: (build) =>
      build.onLoad({ filter: /[\\/]i18n[\\/]\w+\.json$/ }, async ({ path }) => {
        const english = await read(`${WEB}src/i18n/en.json`);
        const keys = Object.keys(english).filter(isTaken);
        const texts = path.endsWith("en.json") ? english : await read(path);
        const missing = keys.filter((key) => texts[key] === undefined);
        if (missing.length) throw new Error(`${path} has no text for ${missing.join(", ")}`);
        if (texts === english)
          return { contents: JSON.stringify(Object.fromEntries(keys.map((key) => [key, english[key]]))), loader: "json" };
        const contents = `import english from "./en.json";
          const texts = ${JSON.stringify(keys.map((key) => texts[key]))};
          export default Object.fromEntries(Object.keys(english).map((key, place) => [key, texts[place]]));`;
        return { contents, loader: "js" };
      }),
  };
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
