// A TCP connection for what no well-behaved HTTP client does: partial requests, garbage, vanishing.

import { connect } from "node:net";
import { until } from "./server.mjs";

/** A connection that remembers what came. */
export class Raw {
    received = Buffer.alloc(0);
    ended = false;
    #socket;

    constructor(server) {
        this.#socket = connect(server.port, "127.0.0.1");
        this.#socket.on("data", (data) => (this.received = Buffer.concat([this.received, data])));
        this.#socket.on("close", () => (this.ended = true));
        this.#socket.on("error", () => (this.ended = true));
    }

    write(data) {
        this.#socket.write(data);
        return this;
    }

    /** Ends the writing half. */
    end() {
        this.#socket.end();
        return this;
    }

    pause() {
        this.#socket.pause();
        return this;
    }

    /** Vanishes, with a reset. */
    vanish() {
        this.#socket.resetAndDestroy();
        return this;
    }

    get text() {
        return this.received.toString("latin1");
    }

    /** Waits until `text` has come; an end of the connection before that is an error. */
    async untilHas(what, probe) {
        const has = () => (probe(this) ? "yes" : this.ended && "ended");
        const found = await until(what, has).catch((error) => {
            throw new Error(`${error.message} after ${JSON.stringify(this.text.slice(-300))}`);
        });
        if (found === "ended") throw new Error(`expected ${what}, got an end after ${JSON.stringify(this.text.slice(-300))}`);
        return this;
    }

    /** Waits for the end of the connection. */
    async untilEnded() {
        await until("an end of the connection", () => this.ended);
        return this;
    }
}

/** The head of a GET request. */
export const get = (path, more = "") => `GET ${path} HTTP/1.1\r\nHost: h\r\n${more}\r\n`;
