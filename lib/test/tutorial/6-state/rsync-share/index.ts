/**
 * The `rsync-share` relation interface: files of one application, for another. Start at ShareProvider and ShareRequirer.
 * Never imports a charm, never touches the machine.
 */
export { ShareProvider, type ShareRequest } from "./provider.ts";
export { ShareRequirer } from "./requirer.ts";
export type { Place, Share } from "./share.ts";
