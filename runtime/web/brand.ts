// Names of platform classes. A bundler may rename classes, so each states its public name here, together with the
// accessors that the console shows for its instances (an accessor with side effects, such as `body`, is not shown).

type Class = { prototype: object };

const shown = new WeakMap<object, readonly string[]>();

/** Gives a class its public name and its Symbol.toStringTag. */
export function brand(cls: Class, name: string, accessors: readonly string[] = []): void {
    Object.defineProperty(cls, "name", { value: name, configurable: true });
    Object.defineProperty(cls.prototype, Symbol.toStringTag, { value: name, configurable: true });
    shown.set(cls.prototype, accessors);
}

/** The accessors to show for an instance of a platform class, or undefined for any other object. */
export function shownAccessors(value: object): readonly string[] | undefined {
    let proto: object | null = Object.getPrototypeOf(value);
    while (proto !== null && !shown.has(proto)) {
        proto = Object.getPrototypeOf(proto);
    }
    return proto === null ? undefined : shown.get(proto);
}
