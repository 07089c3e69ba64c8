import { ApiError, defineFacade, type Connection } from "../facade.ts";
import { ModelWatcher } from "./watching/watcher.ts";

function watcherOf(connection: Connection, id: string): ModelWatcher {
  const watcher = connection.resources.get(id);
  if (watcher instanceof ModelWatcher) return watcher;
  throw new ApiError("not found", "unknown watcher id");
}

/** The deltas of a watcher that Client.WatchAll made. */
defineFacade({
  name: "AllWatcher",
  versions: [3],
  on: "model",
  methods: {
    Next: async (connection, _params, id) => ({ deltas: await watcherOf(connection, id).next() }),
    Stop: (connection, _params, id) => {
      watcherOf(connection, id);
      connection.resources.remove(id);
    },
  },
});
