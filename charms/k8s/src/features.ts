/** The features of the cluster: what the options say goes in, what k8sd measures comes out. */
import { blocked, done, wait, type Step, type Track } from "@cantrip/lib";
import { NodeRefused, tolerantly } from "@cantrip/charm-node";
import { configChange, wantedConfig } from "./cluster-config.ts";
import type { ControlPlane } from "./control-plane.ts";

const FEATURES = ["network", "dns"] as const;
/** Nothing announces a feature, so a hook looks again. */
const LOOK_AGAIN_SECONDS = 2;

const applyConfig: Step<ControlPlane> = {
  name: "apply cluster config",
  when: async (unit) => unit.facts.options.ok && (await unit.speaksForCluster()),
  async run(unit) {
    const { options } = unit.facts;
    const stored = await unit.storedConfig();
    const change = options.ok ? configChange(wantedConfig(options.options), stored.status) : undefined;
    if (!change) return done;
    try {
      await unit.own.ports.service.setConfig(change);
      return done;
    } catch (error) {
      if (error instanceof NodeRefused && isAboutTheValue(error))
        return blocked(`k8sd refuses the options: ${error.reason}`);
      throw error;
    }
  },
};

/** k8sd answers 400 for values that it cannot parse, and 500 with these words for those that cannot hold. */
const isAboutTheValue = ({ code, reason }: NodeRefused) =>
  code === 400 || /cannot change|has changed|not valid/iu.test(reason);

export const configurationTrack: Track<ControlPlane> = {
  name: "configuration",
  steps: tolerantly(applyConfig),
};

/** What is enabled must be reported as deployed. */
export const checkFeatures: Step<ControlPlane> = {
  name: "check features",
  async run({ own }) {
    const status = await own.ports.service.clusterStatus();
    const lacking = FEATURES.find((name) => status.config[name]?.enabled && !status[name].enabled);
    if (!lacking) return done;
    own.wakeAfter(LOOK_AGAIN_SECONDS);
    const { message } = status[lacking];
    return wait(`Feature '${lacking}' is not ready${message ? `: ${message}` : ""}`);
  },
};
