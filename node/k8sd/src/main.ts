/** The daemon k8sd of one node. */
import type { Server as TlsServer } from "node:https";
import { messageOf } from "./base/errors.ts";
import { sweepTemporaries } from "./base/files.ts";
import type { Identity } from "./base/identity.ts";
import { log } from "./base/log.ts";
import { pathsBelow, ownFolders } from "./base/paths.ts";
import { Daemon } from "./cluster/daemon.ts";
import { ownTls } from "./cluster/peer.ts";
import { retune } from "./node/tuning.ts";
import { close, listenOnSocket, listenOnTls, secureContext } from "./server/listen.ts";
import { routes } from "./server/routes.ts";

const paths = pathsBelow("");
let door: TlsServer | undefined;

/** Other nodes are served while this one belongs to a cluster. */
async function openDoor(identity: Identity | undefined): Promise<void> {
  if (door && !identity) {
    // Not awaited: the request that made this node leave is still to be answered through it.
    void close(door);
    door = undefined;
  }
  if (!identity) return;
  const tls = await ownTls(paths);
  if (door) door.setSecureContext(secureContext(tls));
  else door = await listenOnTls(routes(daemon), identity.address, tls);
}

async function stop(): Promise<void> {
  await daemon.stop();
  process.exit(0);
}

const daemon = new Daemon(paths, openDoor);
process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());
process.on("unhandledRejection", (error) => log.error(`unexpected: ${messageOf(error)}`));
for (const path of await sweepTemporaries(ownFolders(paths)))
  log.info(`${path}: left by a broken write, deleted`);
await retune(paths);
await listenOnSocket(routes(daemon), paths.socket);
log.info(`k8sd serves ${paths.socket}`);
await daemon.load();
