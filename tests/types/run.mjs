// `mayfly types` over host workers as they are written: each folder of cases/ has a host worker and `expected.ts`, what is
// to be printed for it; TypeScript's compiler must take that, and refuse what usage.ts marks as wrong. UPDATE=1 writes
// expected.ts anew, to be read before it is believed.

import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CASES = fileURLToPath(new URL("cases", import.meta.url));
const MAYFLY = process.env.MAYFLY ?? join(ROOT, "build/mayfly");
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");
/** What a prompt has room for: a line of declarations costs about ten tokens. */
const CHARACTERS_MAX = 4000;

let passed = 0;
let failed = 0;

function report(name, problem) {
    if (problem === undefined) passed++;
    else failed++;
    console.log(problem === undefined ? `ok types: ${name}` : `not ok types: ${name}: ${problem}`);
}

function expect(name, got, wanted) {
    report(name, got === wanted ? undefined : `expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
}

const mayfly = (...args) => spawnSync(MAYFLY, ["types", ...args], { encoding: "utf8", timeout: 60_000 });

/** The folder itself where it has a configuration. */
function targetOf(folder) {
    const found = ["wrangler.jsonc", "host.ts", "host.js"].find((file) => existsSync(join(folder, file)));
    return found === "wrangler.jsonc" ? folder : join(folder, found);
}

const scratch = mkdtempSync(join(tmpdir(), "mayfly-types-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

const checked = [];
for (const name of readdirSync(CASES)) {
    const folder = join(CASES, name);
    const golden = join(folder, "expected.ts");
    if (!existsSync(golden) && !existsSync(join(folder, "errors.txt")) && !process.env.UPDATE) report(name, "there is no expectation");
    if (existsSync(join(folder, "errors.txt"))) {
        const { status, stdout, stderr } = mayfly(targetOf(folder));
        expect(`${name}: says what is wrong, and where`, `${status} ${stdout}${stderr}`, `1 ${readFileSync(join(folder, "errors.txt"), "utf8")}`);
        continue;
    }
    const { status, stdout, stderr } = mayfly(targetOf(folder));
    if (process.env.UPDATE) writeFileSync(golden, stdout);
    expect(`${name}: ends well and says nothing else`, `${status} ${stderr}`, "0 ");
    expect(`${name}: prints what is expected`, stdout, readFileSync(golden, "utf8"));
    report(`${name}: is short`, stdout.length <= CHARACTERS_MAX ? undefined : `${stdout.length} characters`);
    writeFileSync(join(scratch, `${name}.ts`), stdout);
    checked.push(`${name}.ts`);
    const usage = join(folder, "usage.ts");
    if (existsSync(usage)) {
        writeFileSync(join(scratch, `${name}-usage.ts`), readFileSync(usage, "utf8").replaceAll("./expected", `./${name}`));
        checked.push(`${name}-usage.ts`);
    }
}

const compiled = spawnSync(process.execPath, [TSC, "--noEmit", "--strict", "--target", "es2022", "--allowImportingTsExtensions", ...checked], { cwd: scratch, encoding: "utf8" });
for (const file of checked) {
    const faults = compiled.stdout.split("\n").filter((line) => line.startsWith(`${file}(`));
    report(`tsc takes ${file}`, faults.length === 0 ? undefined : faults.join("; "));
}
report("tsc finds nothing else", compiled.status === 0 || checked.some((file) => compiled.stdout.includes(`${file}(`)) ? undefined : compiled.stdout);

// What cannot be read from: files outside of the project, folders, and links that lead out of it.
cpSync(join(CASES, "broken"), join(scratch, "project"), { recursive: true });
writeFileSync(join(scratch, "outside.ts"), "export type Secret = { found: true };\n");
execFileSync("ln", ["-s", "../outside.ts", join(scratch, "project/link.ts")]);
writeFileSync(
    join(scratch, "project/host.ts"),
    `import { WorkerEntrypoint } from "cloudflare:workers";
import type { Secret } from "../outside.ts";
import type { Secret as Linked } from "./link.ts";
export class Api extends WorkerEntrypoint { a(secret: Secret, linked: Linked): void {} }\n`,
);
expect("reads nothing outside of the project", mayfly(join(scratch, "project/host.ts")).stdout, "export interface Api {\n  a(secret: unknown, linked: unknown): Promise<void>;\n}\n");
writeFileSync(join(scratch, "project/host.ts"), "export class A {\n");
const { status, stderr } = mayfly(join(scratch, "project/host.ts"));
expect("a file that ends too soon", `${status} ${stderr}`, "1 mayfly types: host.ts:2:1: Unexpected token\n");
expect("no argument", mayfly().status, 2);
expect("two arguments", mayfly("a.ts", "b.ts").status, 2);
expect("a file that is not there", mayfly(join(scratch, "absent.ts")).status, 1);

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
