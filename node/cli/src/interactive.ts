/** The questions of `bootstrap --interactive`: what a new cluster has, and which addresses are its own. */
import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";
import { problemsOfBootstrap } from "@cantrip/k8sd";
import { FEATURES, type BootstrapConfig, type FeatureName } from "@cantrip/metadata/k8sd";
import { UserError } from "./errors.ts";

const DEFAULTS = { features: "network, dns", pods: "10.1.0.0/16", services: "10.152.183.0/24" } as const;

/** Asks until each answer can be one; an empty answer is the default. @throws UserError when the input ends before */
export async function askForConfig(input: Readable, output: Writable): Promise<BootstrapConfig> {
  const lines = createInterface({ input, output });
  const ended = new Promise<never>((_, reject) =>
    lines.once("close", () =>
      reject(new UserError("The questions were not answered to their end; nothing was changed.")),
    ),
  );
  ended.catch(() => undefined);
  const ask = async (
    question: string,
    fallback: string,
    wrongWith: (answer: string) => string | undefined,
  ) => {
    for (;;) {
      const answer =
        (await Promise.race([lines.question(`${question} [${fallback}]: `), ended])).trim() || fallback;
      const wrong = wrongWith(answer);
      if (wrong === undefined) return answer;
      output.write(`${wrong}\n`);
    }
  };
  try {
    const features = await ask("Which features would you like to enable?", DEFAULTS.features, wrongFeatures);
    const pods = await ask("Please set the Pod CIDR", DEFAULTS.pods, wrongPods);
    const services = await ask("Please set the Service CIDR", DEFAULTS.services, (answer) =>
      wrongServices(pods, answer),
    );
    const enabled = namesIn(features).map((name) => [name, { enabled: true }] as const);
    return { "cluster-config": Object.fromEntries(enabled), "pod-cidr": pods, "service-cidr": services };
  } finally {
    lines.close();
  }
}

const namesIn = (text: string) => text.split(/[\s,]+/).filter(Boolean);

function wrongFeatures(text: string): string | undefined {
  const unknown = namesIn(text).filter(
    (name) => !(FEATURES as readonly string[]).includes(name as FeatureName),
  );
  return unknown.length === 0
    ? undefined
    : `Cannot enable ${unknown.map((name) => JSON.stringify(name)).join(", ")}, must be of: ${FEATURES.join(", ")}`;
}

const problemsOf = (config: BootstrapConfig) => problemsOfBootstrap(config).join("; ") || undefined;

/** A range that lies elsewhere than the usual one of services, which is yet to be asked for. */
const OTHER_SERVICES = "192.168.255.0/24";

function wrongPods(pods: string): string | undefined {
  const [usual, other] = [DEFAULTS.services, OTHER_SERVICES].map((services) => wrongServices(pods, services));
  return usual && other;
}

const wrongServices = (pods: string, services: string) =>
  problemsOf({ "pod-cidr": pods, "service-cidr": services });
