/** This unit's node, from the package to Ready. */
import { done, wait, type Track } from "@cantrip/lib";
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
    {
      name: "open API port",
      run: async ({ own }) => (await own.charm.model.unit.openPort(API_PORT), done),
    },
    watchNode,
    findNode,
    labelNode,
    checkNode,
    checkFeatures,
  ),
};
