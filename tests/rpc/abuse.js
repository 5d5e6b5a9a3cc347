// What a hostile end says, and that it costs that end its channel and nobody anything else.
//
// The kinds of abuse, and where their cases are; "js" is tests/behaviour/abuse.js, where a real worker tries what
// JavaScript alone can, "stubs" and "capabilities" are beside it.
//
//   keys of Object.prototype     Values, Calls; js: values, names
//   getters, proxies             js: values, arguments
//   cyclic and exponential       Values ("a cycle", "2^100 paths"); js: values, arguments ("handed on")
//   numbers and lengths          Values ("bytes that are not there", "numbers"), Streams ("windows"); js: arguments
//   forged, stale, foreign ids   Ids, Two channels
//   use after disposal           Ids ("given back"); stubs ("a disposed stub", ...); js: calls
//   answered twice               Calls of our own
//   re-entrance                  Calls ("its own callback"), Calls of our own ("while another is read"); js: re-entrance
//   a method named then          Calls of our own ("thenable"), Calls; js: values, calls
//   depth of pipelines           Messages ("a path of 65"), Depth; stubs ("a chain of 64"); js: calls
//   exhaustion of tables         Exhaustion; js: calls; abuse/limits.mjs (openStubs)
//   confusion of channels        Two channels; js: confusion
//   answers after the deadline   Calls of our own ("after the end"); js: deadlines; abuse/limits.mjs (wallMs)
//   one's capability at another  Two channels; js: confusion; stubs ("in the hands of another"); capabilities

import { End, equal, F, log, OwnArguments, runCases, settle } from "./harness.js";

const cases = [];
const nested = (depth, inner = 1) => (depth === 0 ? inner : [[nested(depth - 1, inner)]]);

/** Each of these messages, after the entrypoint was opened, ends the channel. */
function ending(name, ...messages) {
    cases.push([`${name} ends the channel`, async () => {
        for (const message of messages) {
            for (const isOwner of [true, false]) {
                const bystander = new End(isOwner).open();
                const end = new End(isOwner).open();
                const before = log.length;
                end.say(message);
                await settle();
                if (!end.isClosed) throw new Error(`still open after ${JSON.stringify(message)?.slice(0, 100)}`);
                const why = log.slice(before).join();
                if (!/ProtocolError/.test(why)) throw new Error(`ended by ${why}`);
                bystander.call("echo", "alive");
                await settle();
                equal(bystander.answers().at(-1), ["resolve", 2, "alive"]);
            }
        }
    }]);
}

/** What is said after the opening, and what comes back for it; the channel stays. */
function answered(name, say, expected, tail) {
    cases.push([name, async () => {
        const end = new End().open();
        if (typeof say === "function") say(end);
        else for (const message of say) end.frame(F.RPC, 0, 0, message, tail);
        await settle();
        if (end.isClosed) throw new Error(`ended: ${log.at(-1)}`);
        equal(end.answers(), expected);
        equal([{}.polluted, Object.keys(Object.prototype)], [undefined, []]);
    }]);
}

const call = (method, ...args) => ["push", ["pipeline", 1, [method], [args]]];
const echo = (value) => call("echo", value);

// --- Messages --------------------------------------------------------------------------------------------------------

ending("no array", null, 5, "push", {}, true, { 0: "push", length: 2 });
ending("an empty message", []);
ending("an unknown message", ["frobnicate"], ["abort"], ["pull", 1], ["__proto__"], [["push"]], ["PUSH", []]);
ending("a push of nothing", ["push"], ["push", null], ["push", []], ["push", "pipeline"], ["push", { 0: "pipeline" }]);
ending("a push of no call", ["push", ["import", 1]], ["push", ["remap", 1]], ["push", ["pipeline"]], ["push", 7]);
ending("a path that is none", ...["echo", null, 5, {}, [5], [null], [["echo"]], [{}]].map((path) => ["push", ["pipeline", 1, path, [[]]]]));
ending("a path of 65 names", ["push", ["pipeline", 1, Array(65).fill("a"), [[]]]]);
ending("a target that is not there", ...[99, -1, -99, 2, 1.5, "1", null, [1], {}, true, "__proto__", 1e300].map((id) => ["push", ["pipeline", id, ["echo"], [[]]]]));
ending("arguments that are no list", ...[5, "x", {}, ["undefined"], ["map", []], null, ["set", [1]], ["array", 2 ** 32 - 1, []]].map((args) => ["push", ["pipeline", 1, ["echo"], args]]));
ending("another method of the bootstrap", ["push", ["pipeline", 0, ["constructor"], [[]]]], ["push", ["pipeline", 0, [], [[]]]], ["push", ["pipeline", 0, ["getEntrypoint", "x"], [[null]]]]);
ending("an entrypoint's name that is no text", ["push", ["pipeline", 0, ["getEntrypoint"], [[5]]]], ["push", ["pipeline", 0, ["getEntrypoint"], [[{}]]]], ["push", ["pipeline", 0, ["getEntrypoint"]]]);

// --- Ids -------------------------------------------------------------------------------------------------------------

ending("an answer that nobody waits for", ["resolve", 1, 5], ["resolve", 0, 5], ["resolve", -1, 5], ["resolve", "1", 5], ["resolve"], ["reject", 7, 5], ["resolve", null, 1]);
ending("a release of what is not held", ["release", 9], ["release", -1], ["release", 0], ["release", "1"], ["release", null], ["release", [1]], ["release", 1.5]);
ending("a release twice", ["release", 1, 1]);
ending("a release of the call that it rides on", ["push", ["pipeline", 1, ["echo"], [[]]], [2]]);
ending("releases beside a push that are no list", ["push", ["pipeline", 1, ["echo"], [[]]], 5], ["push", ["pipeline", 1, ["echo"], [[]]], { 0: 1 }], ["push", ["pipeline", 1, ["echo"], [[]]], [77]]);
ending("a release that the call beside it needs", ["push", ["pipeline", 1, ["echo"], [[]]], [1]]);
ending("a new stub with an impossible id", ...[0, 1, 5, -1.5, "x", null, -1e300, [], true].map((id) => echo(["export", id])));
ending("two new stubs with one id", echo([[["export", -1], ["export", -1]]]), echo({ a: ["export", -1], b: ["service", -1] }));
ending("a stub that was never given", ...[-1, -2, 1, 0, 99, "x", null, 1.5].map((id) => echo(["import", id])));
ending("an entrypoint as a stub of its own", echo(["import", 1]), echo(["import", 1, "service"]));
ending("a stream with an impossible id", ...[0, -2, 1.5, "2", null, 2 ** 32 + 2, 2 ** 53].flatMap((id) => [echo(["readable", id]), echo(["signal", id])]));
ending("a writer that is none", echo(["writable"]), echo(["writable", "export", 5]), echo(["writable", "writable", -1]), echo(["writable", "import", -4]), echo(["writable", "readable", 2]));

function afterGiving(name, ...messages) {
    cases.push([`${name} ends the channel`, async () => {
        for (const message of messages) {
            const end = new End().open().call("make");
            await settle();
            equal(end.answers().at(-1), ["resolve", 2, ["export", -1]]);
            for (const one of message) end.say(one);
            await settle();
            if (!end.isClosed) throw new Error(`still open after ${JSON.stringify(message)}`);
        }
    }]);
}

afterGiving("a stub that was given back", [["release", -1], ["push", ["pipeline", -1, ["echo"], [[1]]]]], [["release", -1], echo(["import", -1])], [["release", -1], ["release", -1]]);
afterGiving("an answer that was released", [["release", 2], ["push", ["pipeline", 2, ["echo"], [[1]]]]]);
afterGiving("a stub that is taken for a service", [echo(["import", -1, "service"])]);

cases.push(["a request to what is no service ends the channel", async () => {
    for (const target of [-1, 2, 99, "1", null, {}]) {
        const end = new End().open().call("make");
        await settle();
        let threw = false;
        try {
            end.channel.rpc.service(target);
        } catch (error) {
            threw = error.name === "ProtocolError";
        }
        equal(threw, true);
    }
}]);

cases.push(["one's own numbers for streams end the channel", async () => {
    for (const [isOwner, id] of [[true, 2], [false, 3]]) {
        const end = new End(isOwner).open().say(echo(["readable", id]));
        await settle();
        equal(end.isClosed, true);
    }
    const end = new End(true).open().say(echo(["readable", 3]), echo(["readable", 3]));
    equal(end.isClosed, true);
}]);

// --- Calls of our own ------------------------------------------------------------------------------------------------

/** Our end has called something, and the case answers. */
async function called(...answers) {
    const end = new End(true);
    const number = end.channel.rpc.entrypoint("X", undefined);
    const result = end.channel.rpc.push(number, ["m"], undefined);
    const outcome = result.pull().then((value) => ({ value }), (error) => ({ error: `${error.name}: ${error.message}` }));
    end.say(...answers);
    await settle();
    return { end, outcome: await Promise.race([outcome, settle().then(() => "waiting")]) };
}

function answering(name, answers, expected, isClosed) {
    cases.push([name, async () => {
        const { end, outcome } = await called(...answers);
        equal([outcome, end.isClosed], [expected, isClosed]);
    }]);
}

const LOST = { error: "Error: The channel has ended." };
answering("an honest answer", [["resolve", 2, 5]], { value: 5 }, false);
answering("resolved twice", [["resolve", 2, 5], ["resolve", 2, 6]], { value: 5 }, true);
answering("resolved and rejected", [["resolve", 2, 5], ["reject", 2, 6]], { value: 5 }, true);
answering("rejected twice", [["reject", 2, ["error", "TypeError", "no", {}]], ["reject", 2, 1]], { error: "TypeError: no" }, true);
answering("an answer to the bootstrap's push", [["resolve", 1, 5]], LOST, true);
answering("an answer before its call", [["resolve", 3, 5]], LOST, true);
answering("an answer that cannot be read", [["resolve", 2, ["nonsense"]]], LOST, true);
answering("an answer without a value", [["resolve", 2]], { value: undefined }, false);
answering("a rejection with plain words", [["reject", 2, "words"]], { error: "Error: words" }, false);
answering("a thenable, which no promise gives", [["resolve", 2, { then: ["export", -1] }]], LOST, true);
answering("a thenable of ours", [["resolve", 2, { then: ["import", -1] }]], LOST, true);
answering("then as data", [["resolve", 2, { then: 5, catch: [[]] }]], { value: { then: 5, catch: [] } }, false);
answering("a thenable within", [["resolve", 2, { inner: { then: ["export", -1] } }]], { value: { inner: {} } }, false);
answering("an error with a name of its own", [["reject", 2, ["error", "__proto__", "m", { stack: "x", name: "y" }]]], { error: "__proto__: m" }, false);
answering("an answer with a stub of ours that is not there", [["resolve", 2, ["import", -7]]], LOST, true);

cases.push(["an answer after its promise was disposed of is taken once", async () => {
    const end = new End(true);
    const number = end.channel.rpc.entrypoint("X", undefined);
    end.channel.rpc.push(number, ["m"], undefined).dispose();
    end.say(["resolve", 2, [[["export", -1]]]]);
    await settle();
    equal([end.isClosed, end.channel.rpc.held, end.pending], [false, 0, 0]);
    end.say(["resolve", 2, 1]);
    equal(end.isClosed, true);
}]);

cases.push(["answers after the end of the channel change nothing", async () => {
    const { end } = await called(["frobnicate"]);
    const sent = end.sent.length;
    end.say(["resolve", 2, 5], ["push", ["pipeline", 1, ["echo"], [[1]]]]);
    await settle();
    equal([end.sent.length, end.pending, end.channel.rpc.held], [sent, 0, 0]);
}]);

cases.push(["an answer while another is being read", async () => {
    const end = new End(true);
    const number = end.channel.rpc.entrypoint("X", undefined);
    const order = [];
    end.channel.rpc.push(number, ["a"], undefined).pull().then(() => {
        order.push("a");
        end.say(["resolve", 3, 2]);
    });
    end.channel.rpc.push(number, ["b"], undefined).pull().then(() => order.push("b"));
    end.say(["resolve", 2, 1]);
    await settle();
    equal([order, end.isClosed], [["a", "b"], false]);
}]);

cases.push(["calls that are made while their channel ends fail, and nothing else", async () => {
    const end = new End(true);
    const number = end.channel.rpc.entrypoint("X", undefined);
    const order = [];
    const again = (error) => {
        order.push(error.message);
        return end.channel.rpc.push(number, ["b"], undefined).pull().catch((later) => order.push(later.message));
    };
    end.channel.rpc.push(number, ["a"], undefined).pull().catch(again);
    end.say(["frobnicate"]);
    await settle();
    equal(order, ["The channel has ended.", "The channel has ended."]);
}]);

cases.push(["a callback whose caller breaks the protocol in the middle of it", async () => {
    const end = new End().open().say(["push", ["pipeline", 1, ["call"], [[["export", -1], 5]]]]);
    await settle();
    end.say(["resolve", 1, ["nonsense"]]);
    await settle();
    equal([end.isClosed, end.channel.rpc.held, end.pending], [true, 0, 0]);
}]);

// --- Two channels ----------------------------------------------------------------------------------------------------

cases.push(["a stub that one channel was given is none on another", async () => {
    const [one, two] = [new End().open().call("make"), new End().open()];
    await settle();
    two.say(echo(["import", -1]));
    one.say(["push", ["pipeline", -1, ["echo"], [["still mine"]]]]);
    await settle();
    equal([two.isClosed, one.isClosed, one.answers().at(-1)], [true, false, ["resolve", 3, "still mine"]]);
}]);
cases.push(["an answer of one channel is none on another", async () => {
    const [one, two] = [new End().open().call("make"), new End().open()];
    two.say(["push", ["pipeline", 2, ["echo"], [[1]]]]);
    await settle();
    equal([two.isClosed, one.isClosed], [true, false]);
}]);
cases.push(["a call of one channel is not answered by another", async () => {
    const [one, two] = [new End(true), new End(true)];
    const outcome = one.channel.rpc.push(one.channel.rpc.entrypoint("X", undefined), ["m"], undefined).pull();
    two.say(["resolve", 2, "stolen"]);
    equal([two.isClosed, one.isClosed], [true, false]);
    one.say(["resolve", 2, "mine"]);
    equal(await outcome, "mine");
}]);
cases.push(["the same numbers on fifty channels mean each its own", async () => {
    const ends = Array.from({ length: 50 }, () => new End().open());
    for (const [i, end] of ends.entries()) end.say(call("call", ["export", -1], i));
    await settle();
    for (const [i, end] of ends.entries()) equal(end.answers(), [["push", ["pipeline", -1, [], [[i]]]]]);
    for (const [i, end] of ends.toReversed().entries()) end.say(["resolve", 1, 49 - i]);
    await settle();
    for (const [i, end] of ends.entries()) equal(end.answers().slice(1), [["release", -1], ["resolve", 2, i]]);
}]);
cases.push(["the end of one channel takes nothing from its neighbour with the same numbers", async () => {
    const [one, two] = [new End().open().call("keep", ["export", -1]), new End().open().call("keep", ["export", -1])];
    await settle();
    one.say(["frobnicate"]);
    const answer = two.victim.kept(1);
    await settle();
    two.say(["resolve", 1, "alive"]);
    equal([await answer, two.isClosed, two.channel.rpc.held], ["alive", false, 1]);
}]);
cases.push(["streams with the same number on two channels keep their bytes", async () => {
    const [one, two] = [new End(), new End()].map((end) => end.open().call("collect", ["readable", 1]));
    for (const [end, text] of [[one, "one"], [two, "two"], [one, " more"]]) end.frame(F.DATA, 0, 1, undefined, new TextEncoder().encode(text));
    for (const end of [two, one]) end.frame(F.DATA, F.FIN, 1, undefined);
    await settle();
    equal([one.answers().at(-1), two.answers().at(-1)], [["resolve", 2, "one more"], ["resolve", 2, "two"]]);
}]);
cases.push(["a stub that is handed on from one channel to another names no number of its first", async () => {
    const [one, two] = [new End().open().call("keep", ["export", -7]), new End(true)];
    await settle();
    const args = new OwnArguments([one.victim.kept]);
    two.channel.rpc.push(two.channel.rpc.entrypoint("X", undefined), ["m"], args);
    equal(two.answers().at(-1), ["push", ["pipeline", 1, ["m"], [[["export", -1]]]]]);
    two.say(["push", ["pipeline", -1, [], [[1]]]]);
    await settle();
    equal(one.answers().at(-1), ["push", ["pipeline", -7, [], [[1]]]]);
}]);

// --- Streams ---------------------------------------------------------------------------------------------------------

cases.push(["windows beyond all measure end the channel", async () => {
    for (const payload of [[255, 255, 255, 255], [255, 255, 255, 127], [], [1], [0, 0, 1], [0, 0, 0, 0, 1]]) {
        const end = new End().open().call("give");
        await settle();
        const [, , [, stream]] = end.answers().at(-1);
        end.frame(F.WINDOW, 0, stream, undefined, Uint8Array.from(payload));
        equal([end.isClosed, payload], [true, payload]);
    }
}]);
cases.push(["a stream that its reader gives up sends no more", async () => {
    const end = new End().open().call("give");
    await settle();
    const [, , [, stream]] = end.answers().at(-1);
    end.frame(F.STOP, 0, stream);
    end.frame(F.WINDOW, 0, stream, undefined, Uint8Array.from([255, 255, 255, 255])); // of a stream that is over: nothing
    await settle();
    const sent = end.sent.length;
    end.call("echo", 1);
    await settle();
    equal([end.isClosed, end.sent.length], [false, sent + 1]);
}]);

// --- Depth -----------------------------------------------------------------------------------------------------------

cases.push(["30,000 calls that hang on one that never ends, and then the channel's end", async () => {
    const end = new End().open().call("never");
    for (let i = 2; i < 30_000; i++) end.say(["push", ["pipeline", i, ["next"], [[]]]]);
    await settle();
    equal([end.isClosed, end.pending], [false, 29_999]);
    end.say(["frobnicate"]);
    await settle();
    equal([end.isClosed, end.pending], [true, 0]);
}]);
cases.push(["30,000 calls that hang on one that fails", async () => {
    const end = new End().open().call("fail");
    for (let i = 2; i < 30_000; i++) end.say(["push", ["pipeline", i, ["next"], [[]]]]);
    await settle();
    equal([end.isClosed, end.answers().length, end.answers().at(-1)[0]], [false, 29_999, "reject"]);
}]);

// --- Values ----------------------------------------------------------------------------------------------------------

ending("a value of an unknown kind", ...[[], ["nonsense"], ["__proto__"], ["constructor"], ["toString"], [null], [5], [{}], [["a"], ["b"]], ["here", 0]].map(echo));
ending("an array that is none", ...[[-1, []], [2 ** 32, []], [1.5, []], ["1", []], [null, []], [1], [1, {}], [1, [0, 1]], [1, ["length", 5]], [1, [null, 1]]].map((e) => echo(["array", ...e])));
ending("a value that is nested too deep", echo(nested(260)), echo(nested(2000)));
ending("bytes that are not there", ...[["Uint8Array", 0, 1], ["Uint8Array", -1, 1], ["Uint8Array", 0, -1], ["Uint8Array", 1e300, 1], ["Uint8Array", 0.5, 1], ["Uint8Array", 0, 2 ** 53], ["Uint8Array"], ["Uint8Array", null, null], ["Uint8Array", "0", "0"]].map((e) => echo(["bytes", ...e])));
ending("bytes of an unknown kind", ...["Object", "Function", "__proto__", "SharedArrayBuffer", "constructor", 5, null, {}].map((kind) => echo(["bytes", kind, 0, 0])));
ending("a reference to nothing", ...[99, -1, 1.5, "0", "length", "__proto__", null, {}].map((n) => echo(["ref", n])));
ending("a bigint that is none", ...["", "x", "1n", "0x10", "1".repeat(20000), "--1", 5, null, " 1"].map((text) => echo(["bigint", text])));
ending("a regexp that is none", echo(["regexp", "(", ""]), echo(["regexp", "a", "zz"]), echo(["regexp", 5, ""]), echo(["regexp"]), echo(["regexp", "a", null]));
ending("a collection without its list", echo(["map"]), echo(["map", 5]), echo(["set", {}]), echo(["set"]), echo(["map", "ab"]));
ending("an error without its words", echo(["error"]), echo(["error", "E"]), echo(["error", 5, "m"]), echo(["error", "E", {}]));
ending("headers that none may send", echo(["headers"]), echo(["headers", {}]), echo(["headers", [["a\r\nb", "c"]]]), echo(["headers", [["a", "b\r\nc: d"]]]), echo(["headers", [["a"]]]), echo(["headers", [5]]));
ending("a request that makes no sense", echo(["request"]), echo(["request", "no url", "GET", "follow", []]), echo(["request", "http://u/", "CONNECT", "follow", []]), echo(["request", "http://u/", "a b", "follow", []]), echo(["request", "http://u/", "GET", "sideways", []]), echo(["request", "http://u/", "GET", "follow", [["\0", ""]]]));
ending("a response that makes no sense", echo(["response"]), echo(["response", 99, "", []]), echo(["response", 1000, "", []]), echo(["response", "200", "", []]), echo(["response", 200, 5, []]), echo(["response", 200, "", [], 5]), echo(["response", 200, "", [], ["bytes", "Uint8Array", 0, 5]]), echo(["response", 200, "", [], ["export", -1]]));
ending("a blob that makes no sense", echo(["blob"]), echo(["blob", "t", 5]), echo(["blob", 5, ["bytes", "Uint8Array", 0, 0]]), echo(["blob", "t", ["bytes", "Int8Array", 0, 0]]), echo(["file", "n", "x", "t", ["bytes", "Uint8Array", 0, 0]]));

cases.push(["views of half an element end the channel", async () => {
    for (const [kind, size] of [["Uint16Array", 3], ["Float64Array", 12], ["BigInt64Array", 1]]) {
        const end = new End().open();
        end.frame(F.RPC, 0, 0, echo(["bytes", kind, 0, size]), new Uint8Array(16));
        equal(end.isClosed, true);
    }
}]);

answered("keys that are names of Object.prototype are data", [
    ["push", ["pipeline", 1, ["echo"], [[JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"then":2}')]]]],
], [["resolve", 2, JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"then":2}')]]);
answered("an error's own properties are data", [echo(["error", "E", "m", JSON.parse('{"__proto__":{"polluted":1},"toString":1,"code":2}')])],
    [["resolve", 2, ["error", "E", "m", JSON.parse('{"__proto__":{"polluted":1},"toString":1,"code":2}')]]]);
answered("a cycle", [echo({ self: ["ref", 1] })], [["resolve", 2, { self: ["ref", 0] }]]);
answered("a graph of 2^100 paths stays as small as it is", [echo(Array(100).fill(0).reduce((inner, _, i) => (i === 0 ? {} : { a: inner, b: ["ref", 100] }), {}))],
    [["resolve", 2, Array(100).fill(0).reduce((inner, _, i) => (i === 0 ? {} : { a: inner, b: ["ref", 99] }), {})]]);
answered("numbers that JSON does not have", [echo([[["nan"], ["inf"], ["-inf"], ["-0"]]])], [["resolve", 2, [[["nan"], ["inf"], ["-inf"], ["-0"]]]]]);
answered("dates that are none", [echo([[["date", 1e300], ["date", "x"], ["date"], ["date", null], ["date", 8.64e15 + 2]]])],
    [["resolve", 2, [Array(5).fill(["date", null])]]]);
answered("a map of names", [echo(["map", ["__proto__", 1, "constructor", 2, ["undefined"], 3]])], [["resolve", 2, ["map", ["__proto__", 1, "constructor", 2, ["undefined"], 3]]]]);
answered("an odd map", [echo(["map", [1]])], [["resolve", 2, ["map", []]]]);

// --- Calls -----------------------------------------------------------------------------------------------------------

const missing = (name) => ["error", "TypeError", `The RPC receiver does not implement the method "${name}".`, {}];
for (const name of ["__proto__", "hasOwnProperty", "toString", "valueOf", "own", "then", "__defineGetter__", "", "calls", "isPrototypeOf"]) {
    answered(`a call of "${name}" is refused`, [call(name)], [["reject", 2, missing(name)]]);
}
for (const name of ["constructor", "dup"]) {
    answered(`a call of "${name}" is refused`, [call(name)], [["reject", 2, ["error", "TypeError", `'${name}' is a reserved method and cannot be called over RPC.`, {}]]]);
}
answered("a path through a function's properties is refused", [["push", ["pipeline", 1, ["echo", "constructor"], [["return 1"]]]], ["push", ["pipeline", 1, ["value", "constructor", "constructor"], [["x"]]]]],
    [["reject", 2, missing("constructor")], ["reject", 3, missing("constructor")]]);
answered("a path through a prototype is refused", [["push", ["pipeline", 1, ["value", "__proto__", "polluted"], [["x"]]]], ["push", ["pipeline", 1, ["calls", "push"], [["x"]]]]],
    [["reject", 2, missing("__proto__")], ["reject", 3, missing("calls")]]);
answered("a path of 64 names", [["push", ["pipeline", 1, ["value", ...Array(63).fill("a")], [[]]]]], [["reject", 2, missing("a")]]);
answered("the entrypoint itself is no function", [["push", ["pipeline", 1, [], [[]]]]], [["reject", 2, ["error", "TypeError", '"(this)" is not a function.', {}]]]);
answered("a failure and all that hangs on it", (end) => {
    end.call("fail");
    for (let i = 2; i < 40; i++) end.say(["push", ["pipeline", i, ["next"], [[]]]]);
}, Array.from({ length: 39 }, (_, i) => ["reject", i + 2, ["error", "RangeError", "victim", {}]]));
answered("a release before the answer", [call("never"), ["release", 2], echo(1)], [["resolve", 3, 1]]);
answered("a stub that calls back", [call("call", ["export", -1], 5)], [["push", ["pipeline", -1, [], [[5]]]]]);
answered("a call by its own callback", (end) => {
    end.say(call("call", ["export", -1], 1));
    end.say(call("call", ["export", -2], 2));
    end.say(["resolve", 2, "second"], ["resolve", 1, "first"]);
}, [["push", ["pipeline", -1, [], [[1]]]], ["push", ["pipeline", -2, [], [[2]]]], ["release", -1], ["resolve", 2, "first"], ["release", -2], ["resolve", 3, "second"]]);

// --- Exhaustion ------------------------------------------------------------------------------------------------------

cases.push(["65,536 calls that are never released end the channel", async () => {
    const end = new End().open();
    for (let i = 0; i < 65600 && !end.isClosed; i++) end.call("never");
    equal(end.isClosed, true);
}]);
cases.push(["65,537 stubs end the channel", async () => {
    const end = new End().open();
    for (let i = 0; i < 66 && !end.isClosed; i++) {
        end.call("never", [Array.from({ length: 1000 }, (_, k) => ["export", -(i * 1000 + k + 1)])]);
    }
    equal([end.isClosed, end.channel.rpc.held], [true, 0]);
}]);
cases.push(["1,025 streams end the channel of a cell, not that of an owner", async () => {
    for (const isOwner of [true, false]) {
        const end = new End(isOwner).open();
        for (let i = 0; i < 1025; i++) end.call("never", ["readable", 2 * i + (isOwner ? 1 : 2)]);
        equal(end.isClosed, isOwner);
    }
}]);
cases.push(["a stream that sends more than its window ends the channel", async () => {
    const end = new End().open().call("never", ["readable", 1]);
    for (let i = 0; i < 10 && !end.isClosed; i++) end.frame(F.DATA, 0, 1, undefined, new Uint8Array(65536));
    equal(end.isClosed, true);
}]);
cases.push(["frames of streams that are not there change nothing", async () => {
    const end = new End().open();
    for (const type of [F.DATA, F.WINDOW, F.STOP, F.RESET, F.RESPONSE]) end.frame(type, 0, 777, {}, new Uint8Array(4));
    end.call("echo", "alive");
    await settle();
    equal([end.isClosed, end.answers()], [false, [["resolve", 2, "alive"]]]);
}]);
cases.push(["a RESPONSE to a stream ends the channel", async () => {
    const end = new End().open().call("never", ["readable", 1]);
    end.frame(F.RESPONSE, 0, 1, { status: 200 });
    equal(end.isClosed, true);
}]);
cases.push(["the end of a channel gives back what was held", async () => {
    const end = new End().open().call("keep", ["export", -1]);
    await settle();
    equal(end.channel.rpc.held, 1);
    end.say(["frobnicate"]);
    await settle();
    equal([end.isClosed, end.channel.rpc.held], [true, 0]);
    const failed = await end.victim.kept(1).then(() => "answered", (error) => error.message);
    equal(failed, "The channel has ended.");
}]);
cases.push(["20,000 calls leave nothing behind", async () => {
    const end = new End().open();
    for (let i = 0; i < 20000; i++) {
        end.say(["push", ["pipeline", 1, ["echo"], [[i]]], i > 0 ? [i + 1] : []]);
        if (i % 100 === 0) await null;
    }
    await settle();
    equal([end.isClosed, end.answers().length, end.pending], [false, 20000, 0]);
}]);

export const run = () => runCases(cases);
