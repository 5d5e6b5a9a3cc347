import { WorkerEntrypoint } from "cloudflare:workers";

/** What is to be bought. */
export class Cart extends WorkerEntrypoint {
    add(item: string, count: number): Promise<number> {
        return Promise.resolve(count);
    }
}

export default class extends WorkerEntrypoint<any> {
    fetch(request: Request) {
        const env = { CART: this.env.CART, LIMIT: this.env.LIMIT, TAGS: this.env.TAGS, THEME: this.env.THEME, OTHER: this.env.OTHER };
        return this.env.LOADER.load({ mainModule: "a", modules: {}, env: { CART: this.env.CART, LIMIT: this.env.LIMIT, TAGS: this.env.TAGS, THEME: this.env.THEME, OTHER: this.env.OTHER } });
    }
}
