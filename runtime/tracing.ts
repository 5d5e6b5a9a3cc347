// `tracing` of cloudflare:workers and of ctx: a worker's own spans. Nobody records them here, as in Workers where tracing
// is off; the callbacks run all the same.

class Span {
    get isTraced(): boolean {
        return false;
    }
    setAttribute(): this {
        return this;
    }
    setAttributes(): this {
        return this;
    }
    end(): void {}
}

type Callback = (span: Span, ...args: unknown[]) => unknown;

export const tracing = Object.freeze({
    Span,
    enterSpan: (_name: string, callback: Callback, ...args: unknown[]) => callback(new Span(), ...args),
    startActiveSpan: (_name: string, callback: Callback, ...args: unknown[]) => callback(new Span(), ...args),
    startSpan: (_name: string) => new Span(),
});
