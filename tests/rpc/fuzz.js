// The decoder of messages against noise, in both roles: transcripts made of the protocol's own grammar with every part
// replaced, cut, repeated or swapped now and then. Whatever comes, an end answers or ends its channel with a ProtocolError,
// lets go of everything, and leaves its cell as it was.

import { End, F, log, settle } from "./harness.js";

let state = 1;

/** xorshift32: the seed alone decides. */
function random(n) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
}

const pick = (list) => list[random(list.length)];
const chance = (n) => random(n) === 0;

const NAMES = ["echo", "call", "make", "never", "keep", "value", "deep", "fail", "constructor", "dup", "__proto__", "then", "toString", "own", "a", "", "kept"];
const LEAVES = [0, 1, -1, 2, -2, 1.5, 2 ** 31, 2 ** 53, -(2 ** 40), 1e300, "", "x", "1", "__proto__", "length", null, true, [], {}, [[]], [[[]]], { a: 1 }];
const TAGS = ["undefined", "nan", "inf", "-inf", "-0", "bigint", "ref", "date", "regexp", "bytes", "array", "map", "set", "boxed", "error", "export", "service", "import",
    "here", "readable", "writable", "signal", "aborted", "headers", "blob", "file", "request", "response", "pipeline", "push", "nonsense", "__proto__"];
const KINDS = ["ArrayBuffer", "DataView", "Uint8Array", "Int16Array", "Float64Array", "BigUint64Array", "Object"];

let nextStub = -1;
let nextStream = 1;

const id = () => pick([() => pick(LEAVES), () => random(8), () => -random(8), () => nextStub, () => random(70000)])();
const list = (n, make) => Array.from({ length: random(n) }, make);
const header = () => [pick(["a", "x-b", "set-cookie", "a b", "", "\r"]), pick(["1", "", "a\nb", "é", "\u0000"])];

/** An expression of the grammar, mostly a right one. */
function value(depth) {
    if (depth <= 0 || chance(4)) return pick(LEAVES);
    const inner = () => value(depth - 1);
    switch (random(21)) {
        case 0: return [list(5, inner)];
        case 1: return Object.fromEntries(list(4, () => [pick(NAMES), inner()]));
        case 19: return ["array", pick([0, 3, 99999, 2 ** 32 - 1, 2 ** 32, -1, 1.5]), list(6, () => (chance(2) ? pick([...NAMES, "0", "7", "99998"]) : inner()))];
        case 2: return ["map", list(6, inner)];
        case 3: return ["set", list(4, inner)];
        case 4: return ["ref", id()];
        case 5: return ["bytes", pick(KINDS), random(20), random(20)];
        case 6: return ["error", pick(["Error", "TypeError", "__proto__", "AbortError"]), "words", Object.fromEntries(list(3, () => [pick(NAMES), inner()])), ...list(2, () => "DOMException")];
        case 7: return [pick(["export", "service"]), chance(3) ? id() : nextStub--];
        case 8: return ["import", id(), ...list(2, () => "service")];
        case 9: return [pick(["readable", "signal"]), chance(3) ? id() : (nextStream += 2)];
        case 10: return ["writable", pick(["export", "import", "service"]), chance(3) ? id() : nextStub--];
        case 11: return ["date", pick(LEAVES)];
        case 12: return ["regexp", pick(["a", "(", "[a-z]+", "(?<n>x)"]), pick(["", "g", "zz", "v"])];
        case 13: return ["bigint", pick(["1", "-5", "", "x", "9".repeat(100)])];
        case 14: return ["boxed", inner()];
        case 15: return ["headers", list(3, header)];
        case 16: return ["request", pick(["http://u/", "u", 5]), pick(["GET", "POST", "TRACE", ""]), pick(["follow", "manual", "x"]), list(2, header), ...list(2, inner)];
        case 17: return ["response", pick([200, 204, 404, 99, 600, "200"]), "", list(2, header), ...list(2, inner)];
        case 18: return pick([["blob", "t", ["bytes", "Uint8Array", 0, random(20)]], ["file", "n", random(9), "t", ["bytes", "Uint8Array", 0, 1]], ["aborted", inner()]]);
        default: return [pick(TAGS), ...list(4, inner)];
    }
}

function message() {
    switch (random(8)) {
        case 0: return ["resolve", id(), value(4)];
        case 1: return ["reject", id(), value(4)];
        case 2: return ["release", ...list(3, id)];
        case 3: return value(3);
        default: {
            const expression = ["pipeline", chance(3) ? id() : 1 + random(3), list(chance(20) ? 80 : 3, () => pick(NAMES))];
            if (!chance(4)) expression.push([list(4, () => value(5))]);
            return ["push", expression, ...list(2, () => list(3, id))];
        }
    }
}

/** Breaks a right thing somewhere. */
function mutate(thing) {
    if (typeof thing !== "object" || thing === null || chance(6)) return pick(LEAVES);
    const copy = Array.isArray(thing) ? [...thing] : { ...thing };
    const keys = Object.keys(copy);
    if (keys.length === 0) return [pick(LEAVES)];
    const key = pick(keys);
    if (Array.isArray(copy) && chance(4)) copy.splice(Number(key), 1, ...list(3, () => copy[key]));
    else copy[key] = mutate(copy[key]);
    return copy;
}

function frame(end) {
    const tail = chance(2) ? new Uint8Array(random(40)) : undefined;
    if (chance(6)) {
        const type = pick([F.DATA, F.WINDOW, F.STOP, F.RESET, F.RESPONSE]);
        return end.frame(type, random(4), chance(2) ? nextStream : random(20), pick([undefined, {}, { name: "E", message: "m" }, { status: 200, headers: [] }]), tail);
    }
    const made = message();
    end.frame(F.RPC, 0, 0, chance(4) ? mutate(made) : made, tail);
}

const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype, Error.prototype, Map.prototype];
const shapes = () => JSON.stringify(PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).map(String)));

/** One transcript; throws when something held is not given back, or an end fails otherwise than it may. */
async function transcript() {
    const end = new End(chance(2)).open();
    nextStub = -1;
    nextStream = chance(2) ? 1 : 2;
    for (let i = random(4); i > 0; i--) end.channel.rpc.push(1, ["m"], undefined).pull().catch(() => {});
    for (let i = 1 + random(12); i > 0 && !end.isClosed; i--) {
        frame(end);
        if (chance(3)) await null;
    }
    await settle();
    if (!end.isClosed) end.say(["frobnicate"]);
    await settle();
    if (!end.isClosed) throw new Error("the channel does not end");
    const { rpc } = end.channel;
    if (rpc.held !== 0 || end.pending !== 0) throw new Error(`${rpc.held} stubs, ${end.pending} calls left`);
}

/** What may end a channel: a breach of RPC's rules or of the exchanges'. */
const HONEST = /ProtocolError|RESPONSE to an exchange|window (exceeded|too large)|WINDOW needs 4 bytes/;

export async function run({ seconds, seed }) {
    state = seed || 1;
    const before = shapes();
    const until = Date.now() + seconds * 1000;
    const failures = [];
    let transcripts = 0;
    while (Date.now() < until && failures.length === 0) {
        const began = state;
        try {
            await transcript();
            const wrong = log.find((line) => !HONEST.test(line));
            if (wrong !== undefined) throw new Error(wrong);
            if (shapes() !== before) throw new Error("a prototype has changed");
        } catch (error) {
            failures.push(`transcript ${transcripts} of seed ${seed} (state ${began}): ${error?.stack ?? ""} ${error}`);
        }
        log.length = 0;
        transcripts++;
        if (transcripts % 200 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return { passed: failures.length === 0 ? [`transcripts of seed ${seed}`] : [], failures, words: `${transcripts} transcripts of seed ${seed}` };
}
