// Imports what is not its own: files, built-in modules of other hosts, addresses.

const specifiers = ["/etc/passwd", "file:///etc/passwd", "fs", "node:fs", "node:child_process", "mayfly:runtime", "../run.mjs",
    "https://localhost/x.js", "data:text/javascript,export default 1"];

export default async () => {
    const got = [];
    for (const specifier of specifiers) {
        await import(specifier).then((module) => Object.keys(module).length && got.push(specifier), () => {});
    }
    return got.length > 0 ? got : undefined;
};
