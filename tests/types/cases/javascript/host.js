import { RpcTarget, WorkerEntrypoint, exports } from "cloudflare:workers";

/**
 * @typedef {Object} Book
 * @property {string} title how it is called
 * @property {number} [year]
 * @property {Author[]} authors
 */

/** @typedef {{ name: string, born?: Date }} Author */

/**
 * @callback OnBook
 * @param {Book} book
 * @returns {boolean} whether to go on
 */

/** A shelf of books. */
class Shelf extends RpcTarget {
    /** @type {Map<string, Book>} */
    #books = new Map();
    /** @type {number} */
    get size() {
        return this.#books.size;
    }
    /** @returns {?Book} */
    first() {
        return null;
    }
    /** @private */
    hidden() {}
}

/** The library, in JavaScript. */
export class Library extends WorkerEntrypoint {
    /**
     * Finds books.
     * @param {string} query words of the title
     * @param {object} [options]
     * @param {number} [options.limit=10] so many at most
     * @param {import("./sort.js").Order} options.order
     * @returns {Promise<Array.<Book>>}
     */
    async search(query, { limit, order } = {}) {
        return [];
    }
    /**
     * @template {Book} T
     * @param {T[]} books
     * @param {...string} tags
     * @param {OnBook=} onBook
     * @return {Promise<T>}
     */
    async pick(books, onBook, ...tags) {
        return books[0];
    }
    shelf() {
        return new Shelf();
    }
    untyped(a, b = "x", { c } = {}, ...rest) {
        this.log(a);
    }
    /** @param {Not A Type} x */
    odd(x) {
        return x ? 1 : "one";
    }
    /** All on one line, to a@b {@link odd} and @home. @param {number} n how often @returns {Promise<string[]>} */
    async line(n) {
        return [];
    }
    two(flag) {
        if (flag) return 1;
    }
    /** @deprecated use search */
    old() {
        return new Date();
    }
}

const code = (main) => ({ mainModule: "main.js", modules: { "main.js": main }, env: { LIBRARY: exports.Library({ props: {} }) } });

export default {
    fetch: (request, env) => env.LOADER.load(code("")).getEntrypoint().fetch(request),
};
