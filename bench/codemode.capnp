# The published executor of Code Mode on workerd; codemode.mjs writes the worker, and says the same to mayfly.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "host", worker = .host) ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "host") ],
);

const host :Workerd.Worker = (
  modules = [ (name = "host.js", esModule = embed "out/codemode/host.js") ],
  compatibilityDate = "2026-01-01",
  compatibilityFlags = ["nodejs_compat"],
  bindings = [ (name = "LOADER", workerLoader = ()) ],
);
