// Building at first use. A module that is reached only through `lazy(() => require(...))` is kept by the bundler as a
// function that runs once, so a cell that never asks for it pays neither time nor memory.

/** Returns a function that calls `make` at its first call and repeats that answer ever after. */
export function lazy<T>(make: () => T): () => T {
    let made: { value: T } | undefined;
    return () => (made ??= { value: make() }).value;
}

/** Defines a plain property, hidden from enumeration like the globals of browsers. */
export function define(target: object, name: PropertyKey, value: unknown): void {
    Object.defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true });
}

/** Defines a property that `make` fills when it is first read; assignment replaces it unread. */
export function defineLazy(target: object, name: PropertyKey, make: () => unknown): void {
    Object.defineProperty(target, name, {
        enumerable: false,
        configurable: true,
        get() {
            const value = make();
            define(target, name, value);
            return value;
        },
        set(value: unknown) {
            define(target, name, value);
        },
    });
}
