/* A program that runs a piece of JavaScript it does not trust, and lends it one function.
       cc examples/embed.c -Iinclude -Lbuild -lmayfly -o embed */
#include <mayfly.h>
#include <stdio.h>
#include <string.h>

static const char source[] = "export default async function (name, env) {\n"
                             "    const price = await env.SHOP.price(name);\n"
                             "    return { name, price, forTwelve: price * 12 };\n"
                             "}\n";

/* Answers at once; a shop that takes longer would keep the call and answer it later, on whatever thread. */
static void shop(void *ctx, struct mf_call *call, const char *method, const char *args_json) {
    (void)ctx;
    printf("SHOP.%s%s\n", method, args_json);
    if (strcmp(method, "price") == 0)
        mf_call_return(call, "0.25");
    else
        mf_call_throw(call, "TypeError", "the shop knows prices only");
}

int main(void) {
    struct mf_loader *loader = NULL;
    struct mf_worker *worker = NULL;
    struct mf_error error;
    struct mf_module module = {"main.js", MF_KIND_JS, source, strlen(source)};
    struct mf_capability capability = {"SHOP", shop, NULL};
    struct mf_code code;
    char *json = NULL;
    mf_code_init(&code);
    code.modules = &module, code.modules_len = 1;
    code.capabilities = &capability, code.capabilities_len = 1;
    code.limits.wall_ms = 1000;

    int r = mf_loader_new(NULL, &loader, &error);
    if (r == 0) r = mf_worker_load(loader, &code, &worker, &error);
    if (r == 0) r = mf_worker_call(worker, NULL, "", "[\"apple\"]", &json, &error);
    if (r == 0)
        printf("%s\n", json);
    else
        fprintf(stderr, "%s: %s\n", error.name, error.message);
    mf_free(json);
    mf_worker_free(worker);
    mf_loader_free(loader);
    return r < 0;
}
