// Looks for what belongs to the runtime, the engine's shell or another program's host.

const names = ["__native", "native", "$vm", "print", "load", "read", "readFile", "run", "gc", "createGlobalObject", "quit",
    "process", "require", "module", "Deno", "Bun", "webkit", "window", "importScripts", "XMLHttpRequest"];

export default () => {
    const found = names.filter((name) => name in globalThis);
    for (let object = globalThis; object; object = Object.getPrototypeOf(object)) {
        for (const key of Reflect.ownKeys(object)) {
            const value = Object.getOwnPropertyDescriptor(object, key)?.value;
            if (value && typeof value === "object" && "wallTime" in value) found.push(String(key));
        }
    }
    return found.length > 0 ? found : undefined;
};
