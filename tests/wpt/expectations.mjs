// What of web-platform-tests fails here, and why. Judged by folder; patterns match a file's path and a test's name.

export const folders = [
    "url", "encoding", "streams", "fetch/api/abort", "fetch/api/basic", "fetch/api/body", "fetch/api/headers",
    "fetch/api/request", "fetch/api/response", "WebCryptoAPI", "compression", "dom/abort", "dom/events",
    "html/webappapis/atob", "html/webappapis/microtask-queuing", "html/webappapis/structured-clone",
    "html/webappapis/timers", "urlpattern", "websockets", "FileAPI/blob", "hr-time",
];

/** Files that are not run. */
export const left = [];

/** [file, test, reason] */
export const expectations = [];
