/** Configuration as it holds: what the user set, over what the charm or the model defaults to. */
import { parseDuration } from "./durations.ts";
import { own, put } from "./records.ts";
import type { Application, Charm, ConfigValue, ModelState } from "./state.ts";

export const modelDefaults: Readonly<Record<string, ConfigValue>> = {
  "agent-version": "3.6.11",
  "automatically-retry-hooks": true,
  "default-base": "",
  "default-space": "alpha",
  development: false,
  "egress-subnets": "",
  "firewall-mode": "none",
  "ftp-proxy": "",
  "http-proxy": "",
  "https-proxy": "",
  "juju-ftp-proxy": "",
  "juju-http-proxy": "",
  "juju-https-proxy": "",
  "juju-no-proxy": "127.0.0.1,localhost,::1",
  "logging-config": "<root>=INFO",
  "max-action-results-age": "336h",
  "max-charm-state-size": 2_097_152,
  "max-status-history-age": "336h",
  "max-status-history-size": "5G",
  mode: "requires-prompts",
  "no-proxy": "127.0.0.1,localhost,::1",
  "secret-backend": "auto",
  "test-mode": false,
  type: "iaas",
  "update-status-hook-interval": "5m",
};

/** A value of the model's configuration, its default if it is not set. */
export function modelSetting(state: ModelState, key: string): ConfigValue | undefined {
  return own(state.config, key) ?? own(modelDefaults, key);
}

export function modelDurationMs(state: ModelState, key: string): number {
  const isUsable = (value: unknown): number | undefined => {
    const duration = typeof value === "string" ? parseDuration(value) : undefined;
    return duration !== undefined && duration > 0 ? duration : undefined;
  };
  return isUsable(modelSetting(state, key)) ?? isUsable(modelDefaults[key]) ?? 300_000;
}

/** Options of the application with their values in force; options without one are left out. */
export function effectiveSettings(state: ModelState, application: Application): Record<string, ConfigValue> {
  const settings: Record<string, ConfigValue> = {};
  for (const option of charmOf(state, application)?.config.options ?? []) {
    const value = own(application.settings, option.name) ?? option.default;
    if (value !== undefined) put(settings, option.name, value);
  }
  return settings;
}

export const charmOf = (state: ModelState, { charmUrl }: { charmUrl: string }): Charm | undefined =>
  own(state.charms, charmUrl);
