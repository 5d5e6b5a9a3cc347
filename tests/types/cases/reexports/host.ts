export * from "./mail.js";
export { Internal as Calendar } from "./calendar";
export { default as Tasks } from "./calendar";
import Mailer from "./mail.js";

export default {
    fetch(request, env, ctx) {
        const table = { MAIL: ctx.exports.Mail({}), CAL: ctx.exports.Calendar({}), EXTRA: ctx.exports.Tasks({}) };
        env.LOADER.get("a", () => ({ mainModule: "a", modules: {}, env: { MAIL: this.ctx.exports.Mail({}) } }));
        return env.LOADER.get("b", async () => ({ mainModule: "a", modules: {}, env: { MAIL: ctx.exports.Mail({}), CAL: ctx.exports.Calendar({}), MAILER: ctx.exports.Nobody({}), KIND: 7 as 7 | 8 } }));
    },
};
