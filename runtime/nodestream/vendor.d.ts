// Has no types of its own; stream.ts says what it takes of it.
declare module "readable-stream/lib/ours/browser.js";
