/** This unit's node, from the package to Ready. */
import { done, wait, type Step, type Track } from "@cantrip/lib";
import {
  awaitDaemon,
  checkNode,
  findNode,
  installPackage,
  labelNode,
  tolerantly,
  watchNode,
} from "@cantrip/charm-node";
import { bootstrap, claimBootstrap } from "./bootstrap.ts";
import type { ControlPlane } from "./control-plane.ts";
import { checkFeatures } from "./features.ts";

const API_PORT = "6443/tcp";

/** Asked first: a hook that opens what is open would be a change to commit. */
const openApiPort: Step<ControlPlane> = {
  name: "open API port",
  async run({ own }) {
    const { unit } = own.charm.model;
    if (!(await unit.openedPorts()).includes(API_PORT)) await unit.openPort(API_PORT);
    return done;
  },
};

export const ownNodeTrack: Track<ControlPlane> = {
  name: "own node",
  steps: tolerantly<ControlPlane>(
    installPackage,
    {
      name: "await peer relation",
      run: ({ facts }) => (facts.peers ? done : wait("the peer relation")),
    },
    awaitDaemon,
    claimBootstrap,
    bootstrap,
    openApiPort,
    watchNode,
    findNode,
    labelNode,
    checkNode,
    checkFeatures,
  ),
};
