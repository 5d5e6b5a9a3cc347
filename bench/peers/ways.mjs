// The ways. Each resolves with its version and with start(source, stays), which makes a sandbox, runs the source in it and
// resolves with the text of its answer and what ends the sandbox. A way that is not there throws, and says why.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const PACKAGES = fileURLToPath(new URL("../../build/bench-peers/", import.meta.url));
const require = createRequire(PACKAGES);
const versionOf = (name) => require(`${PACKAGES}node_modules/${name}/package.json`).version;

/** A process for each sandbox, which reads its source from stdin. */
function processes(binary, args, env = {}) {
    const options = { stdio: ["pipe", "pipe", "inherit"], env: { PATH: process.env.PATH, ...env } };
    return async (source, stays) => {
        const child = spawn(binary, args, options);
        child.stdin.end(`${source}console.log(answer("hello"));${stays ? "setInterval(() => {}, 1 << 30);" : ""}`);
        const [text] = await Promise.race([
            once(child.stdout, "data"), // one line, written at once
            once(child, "close").then(([code]) => [`ended by itself (${code})`]),
        ]);
        return { text: String(text), end: () => stays && child.kill("SIGKILL") };
    };
}

const versionLine = (binary) => execFileSync(binary, ["--version"], { encoding: "utf8" }).match(/\d+(\.\d+)+/)[0];
const { platform, arch } = process;

export const ways = {
    async "isolated-vm"() {
        const { Isolate } = require("isolated-vm");
        const start = async (source) => {
            const isolate = new Isolate();
            const context = await isolate.createContext();
            const script = await isolate.compileScript(`${source}answer("hello")`);
            return { text: await script.run(context), end: () => isolate.dispose() };
        };
        return { version: versionOf("isolated-vm"), start };
    },

    async "quickjs-emscripten"() {
        const quickjs = await require("quickjs-emscripten").getQuickJS();
        const start = async (source) => {
            const context = quickjs.newContext();
            const answer = context.unwrapResult(context.evalCode(`${source}answer("hello")`));
            return { text: answer.consume(context.dump), end: () => context.dispose() };
        };
        return { version: versionOf("quickjs-emscripten"), start };
    },

    async node() {
        return { version: process.versions.node, start: processes(process.execPath, ["-"]) };
    },

    async deno() {
        const binary = require.resolve(`@deno/${platform}-${arch}-glibc/deno`);
        const env = { DENO_NO_UPDATE_CHECK: "1", DENO_DIR: `${PACKAGES}deno-cache` };
        return { version: versionLine(binary), start: processes(binary, ["run", "--no-prompt", "--no-config", "--no-lock", "-"], env) };
    },

    async bun() {
        const binary = require.resolve(`@oven/bun-${platform}-${arch === "arm64" ? "aarch64" : arch}/bin/bun`);
        return { version: versionLine(binary), start: processes(binary, ["run", "-"]) };
    },

    // What container tools do at least: namespaces of its own, a read-only root, no network, no rights.
    async bubblewrap() {
        const walls = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
            "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"];
        return { version: versionLine("bwrap"), start: processes("bwrap", [...walls, process.execPath, "-"]) };
    },
};
