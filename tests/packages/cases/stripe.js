import Stripe from "stripe";

export const run = async () => {
    let sent;
    const fetch = async (url, init) => {
        sent = [String(url), init.method, String(init.body)];
        return Response.json({ id: "cus_1", object: "customer", email: "a@b.c" });
    };
    const stripe = new Stripe("sk_test_1", { httpClient: Stripe.createFetchHttpClient(fetch) });
    const customer = await stripe.customers.create({ email: "a@b.c", metadata: { k: "v" } });
    const provider = Stripe.createSubtleCryptoProvider();
    const payload = JSON.stringify({ id: "evt_1", object: "event", type: "charge.succeeded" });
    const header = await stripe.webhooks.generateTestHeaderStringAsync({ payload, secret: "whsec", cryptoProvider: provider });
    const event = await stripe.webhooks.constructEventAsync(payload, header, "whsec", undefined, provider);
    const forged = await stripe.webhooks.constructEventAsync(`${payload} `, header, "whsec", undefined, provider).then(() => "taken", (e) => e.type);
    return [customer.id, sent, event.type, forged];
};
export const expected = [
    "cus_1",
    ["https://api.stripe.com/v1/customers", "POST", "email=a%40b.c&metadata[k]=v"],
    "charge.succeeded",
    "StripeSignatureVerificationError",
];
