// What of web-platform-tests fails here, and why. Patterns match a file's path and a test's name.

export const folders = [
    "url", "encoding", "streams", "fetch/api/abort", "fetch/api/basic", "fetch/api/body", "fetch/api/headers",
    "fetch/api/request", "fetch/api/response", "WebCryptoAPI", "compression", "dom/abort", "dom/events",
    "html/webappapis/atob", "html/webappapis/microtask-queuing", "html/webappapis/structured-clone",
    "html/webappapis/timers", "urlpattern", "websockets", "FileAPI/blob", "hr-time",
];

/** Files that are not run: [file, reason]. */
export const left = [
    [/^websockets\/(?!Create-(http|invalid|non-absolute|nonAscii|protocol-with-space|protocols-repeated|url-with-space))/,
        "opens a socket to the server of web-platform-tests, or names it"],
    [/448\.tentative/, "Ed448 and X448 are not in Workers"],
    [/^urlpattern\/.*https\.any\.js/, "the same tests as without https"],
    [/idlharness/, "asks for interfaces of browsers on the global object as Web IDL has them; Workers' are not so"],
    [/owning-type/, "readable streams of type 'owning' are a proposal"],
    [/-h2\.any|h2\.any/, "HTTP/2"],
];

/** [file, test, reason] */
export const expectations = [
    [/^url\/url-(constructor|setters)/, /xn--/i, "older than the standard, which now takes ASCII hosts as they are, Punycode or not"],
    [/^encoding\/(replacement|unsupported)-encodings/, /./, "uses XMLHttpRequest"],
    [/^(encoding|compression)\//, /SharedArrayBuffer|shared Uint8Array/, "there is no SharedArrayBuffer, nor one of WebAssembly.Memory: with a thread, it would be a clock"],
    [/^encoding\/streams\/decode-utf8/, /harness/, "the file makes a SharedArrayBuffer outside of its tests"],
    [/^streams\/piping\/general-addition/, /must not synchronously call write/, "web-streams-polyfill"],
    [/^streams\/readable-streams\/async-iterator/, /correct list of properties/, "web-streams-polyfill"],
    [/^streams\/writable-streams\/general/, /size should not be called as a method/, "web-streams-polyfill"],
    [/^fetch\/api\/basic\/historical/, /getAll/, "Workers keep Headers.getAll() for Set-Cookie"],
    [/^fetch\/api\/basic\/scheme-data/, /is OK/, "a response's type is default, as in Workers"],
    [/^fetch\/api\/basic\/scheme-blob/, /./, "Workers have no createObjectURL()"],
    [/^fetch\/api\/headers\/header-setcookie/, /forbidden response header/, "Workers show Set-Cookie"],
    [/^fetch\/api\/headers\/headers-no-cors/, /./, "Workers have no mode no-cors"],
    [/^fetch\/api\/request\/request-consume-empty/, /FormData/, "an empty form has its closing boundary, as in workerd: servers refuse a multipart body without one"],
    [/^fetch\/api\/request\/request-disturbed/, /not used/, "a body that was not asked for stays with its first request"],
    [/^fetch\/api\/request\/request-(error|structure|init-002|init-priority|keepalive|init-stream)/, /./, "members of Request for browsers alone: mode, credentials, cache, referrer, destination, duplex, window"],
    [/^fetch\/api\/request\/(request-headers|forbidden-method)/, /./, "no header is forbidden to a worker"],
    [/^fetch\/api\/response\/response-consume-empty/, /FormData/, "an empty form has its closing boundary, as in workerd: servers refuse a multipart body without one"],
    [/^fetch\/api\/response\/response-headers-guard/, /./, "the run's fetch() makes responses by the constructor"],
    [/^fetch\/api\/response\/response-stream-with-broken-then/, /./, "Object.prototype.then is the worker's own affair"],
    [/^WebCryptoAPI\/historical/, /./, "every worker is a secure context"],
    [/^WebCryptoAPI\/sign_verify\/eddsa_small_order_points/, /./, "OpenSSL takes keys of small order, as RFC 8032 has it"],
    [/^dom\/events\/Event-isTrusted/, /./, "isTrusted is on the prototype"],
    [/^dom\/events\/Event-constructors/, /3|4/, "timeStamp is 0, as in Workers"],
    [/^html\/webappapis\/structured-clone/, /Growable Shared/, "there is no SharedArrayBuffer: with a thread, it would be a clock"],
    [/^html\/webappapis\/timers\/evil-spec-example/, /./, "setTimeout takes no code"],
    [/^urlpattern\/urlpattern-generate/, /./, "generate() is a proposal"],
    [/^websockets\/Create-non-absolute/, /./, "a worker has no URL that others could be relative to"],
];
