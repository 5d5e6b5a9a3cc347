// What the npm package capnweb imports from cloudflare:workers: our classes, so that it knows our stubs and targets as it
// knows those of Workers.

export { RpcTarget } from "../context";
export { Fetcher as ServiceStub, RpcPromise, RpcProperty, RpcStub } from "../rpc/stubs";
