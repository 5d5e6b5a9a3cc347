// No act: the whole of the engine, of which nothing may need a call that the filter kills for. What lies in files elsewhere
// (time zones, tables of languages), grows large or is collected has to work in here.

export default async () => {
    const failed = [];
    const t = (name, body) => { try { body(); } catch (error) { failed.push(`${name}: ${error}`); } };
    const locales = ["en", "de-CH", "ja-JP-u-ca-japanese", "ar-EG", "zh-Hant-TW", "th", "he-u-ca-hebrew", "xx-YY", "hi-IN-u-nu-deva", "tr"];
    for (const l of locales) {
        t("dtf", () => new Intl.DateTimeFormat(l, { dateStyle: "full", timeStyle: "full", timeZone: "America/New_York" }).format(0));
        t("nf", () => new Intl.NumberFormat(l, { style: "currency", currency: "EUR", currencyDisplay: "name" }).format(1234.5));
        t("unit", () => new Intl.NumberFormat(l, { style: "unit", unit: "kilometer-per-hour", notation: "compact" }).format(12345));
        t("pr", () => new Intl.PluralRules(l, { type: "ordinal" }).select(3));
        t("rtf", () => new Intl.RelativeTimeFormat(l, { numeric: "auto" }).format(-1, "day"));
        t("lf", () => new Intl.ListFormat(l).format(["a", "b", "c"]));
        t("dn", () => new Intl.DisplayNames(l, { type: "region" }).of("US"));
        t("dn2", () => new Intl.DisplayNames(l, { type: "language" }).of("fr"));
        t("col", () => ["z", "ä", "a"].sort(new Intl.Collator(l).compare).join());
        t("seg", () => [...new Intl.Segmenter(l, { granularity: "word" }).segment("hello world. สวัสดีครับ 你好世界")].length);
        t("loc", () => new Intl.Locale(l).maximize());
        t("dur", () => new Intl.DurationFormat(l).format({ hours: 1, minutes: 2 }));
        t("up", () => "iıİ".toLocaleUpperCase(l));
        t("range", () => new Intl.DateTimeFormat(l).formatRange(0, 1e12));
    }
    t("sv", () => Intl.supportedValuesOf("timeZone").length);
    t("cur", () => Intl.supportedValuesOf("currency").length);
    t("cal", () => Intl.supportedValuesOf("calendar").length);
    t("norm", () => "ﬁé".normalize("NFKD"));
    t("date", () => new Date(2020, 5, 1).toString() + new Date().getTimezoneOffset());
    t("parse", () => Date.parse("Tue, 01 Jan 2019 00:00:00 PST"));
    t("re", () => /\p{Script=Greek}/u.test("α") && /\p{RGI_Emoji}/v.test("👍"));
    t("big", () => (123n ** 5000n).toString().length);
    t("sort", () => Array.from({ length: 1e6 }, (_, i) => (i * 7919) % 1e6).sort((a, b) => a - b)[5]);
    t("fsort", () => new Float64Array(1e6).map((_, i) => (i * 7919) % 1e6).sort()[5]);
    t("gc", () => { let x; for (let i = 0; i < 400; i++) x = new Array(1e5).fill({ i }); return x.length; });
    t("buf", () => { let x; for (let i = 0; i < 100; i++) x = new Uint8Array(1 << 22).fill(1); return x.length; });
    t("rec", () => { const f = (n) => 1 + f(n + 1); try { f(0); } catch (e) { return e.name; } });
    t("json", () => JSON.parse(JSON.stringify(Array.from({ length: 1e5 }, (_, i) => ({ i, s: "x" + i })))).length);
    t("math", () => [Math.sin(1), Math.random() < 1, crypto.randomUUID().length]);
    t("weak", () => new WeakRef({}).deref() !== undefined);
    t("jit", () => { let s = 0; for (let i = 0; i < 5e7; i++) s = (s + i * i) | 0; return s; });
    await new Promise((r) => setTimeout(r, 300));
    t("resize", () => { const b = new ArrayBuffer(8, { maxByteLength: 1 << 24 }); b.resize(1 << 24); return b.byteLength; });
    t("wasmmem", () => { const m = new WebAssembly.Memory({ initial: 1, maximum: 1000 }); m.grow(500); return m.buffer.byteLength; });
    return failed.length > 0 ? failed : undefined;
};
