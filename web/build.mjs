// Builds the page's one script and one style sheet into the Python package. `--check` fails if they differ.
import { build } from "esbuild";
import { readFile, writeFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const target = path.join(here, "..", "src", "clearhead", "report", "assets");
const common = { bundle: true, minify: true, write: false, target: "es2022", legalComments: "none", charset: "utf8" };

// The worker travels as text inside the script: a page opened from a file may start workers from blobs only.
const worker = {
  name: "worker-as-text",
  setup(plugins) {
    plugins.onResolve({ filter: /^text:/ }, (args) => ({
      path: path.join(args.resolveDir, args.path.slice("text:".length)),
      namespace: "text",
    }));
    plugins.onLoad({ filter: /.*/, namespace: "text" }, async (args) => {
      const built = await build({ ...common, entryPoints: [args.path], format: "iife" });
      return { contents: built.outputFiles[0].text, loader: "text" };
    });
  },
};

const built = await Promise.all([
  build({
    ...common,
    entryPoints: [path.join(here, "src", "main.tsx")],
    format: "iife",
    jsx: "automatic",
    jsxImportSource: "preact",
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [worker],
  }),
  build({ ...common, entryPoints: [path.join(here, "src", "style", "app.css")] }),
]);

const files = { "app.js": built[0].outputFiles[0].text, "app.css": built[1].outputFiles[0].text };
let stale = false;
await mkdir(target, { recursive: true });
for (const [name, text] of Object.entries(files)) {
  const place = path.join(target, name);
  if (process.argv.includes("--check")) {
    const old = await readFile(place, "utf8").catch(() => "");
    if (old !== text) {
      stale = true;
      console.error(`${name} differs from what its sources build; run: npm --prefix web run build`);
    }
  } else {
    await writeFile(place, text);
    console.log(`${name}: ${text.length} bytes`);
  }
}
process.exit(stale ? 1 : 0);
