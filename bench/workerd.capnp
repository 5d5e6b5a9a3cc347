# The benchmark's host worker for workerd; wrangler.jsonc says the same to mayfly.
# The address is a placeholder: the benchmark passes --socket-addr=http=127.0.0.1:PORT.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "host", worker = .host),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "host") ],
);

const host :Workerd.Worker = (
  modules = [
    (name = "host.js", esModule = embed "host.js"),
    (name = "kernels.js", esModule = embed "kernels.js"),
  ],
  compatibilityDate = "2026-01-01",
  bindings = [ (name = "LOADER", workerLoader = ()) ],
);
