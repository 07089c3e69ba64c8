import { ApiError, defineFacade, type Connection } from "../facade.ts";
import { ProgressWatcher } from "./action/progress.ts";

function watcherOf(connection: Connection, id: string): ProgressWatcher {
  const watcher = connection.resources.get(id);
  if (watcher instanceof ProgressWatcher) return watcher;
  throw new ApiError("not found", "unknown watcher id");
}

/** Watchers of lists of strings: those of Action.WatchActionsProgress. */
defineFacade({
  name: "StringsWatcher",
  versions: [1],
  on: "model",
  methods: {
    Next: async (connection, _params, id) => ({
      "watcher-id": id,
      changes: await watcherOf(connection, id).next(),
    }),
    Stop: (connection, _params, id) => {
      watcherOf(connection, id);
      connection.resources.remove(id);
    },
  },
});
