/**
 * Two projects: `unit` runs anywhere in seconds; `system` drives real machines, processes and clusters as root,
 * one file after another, because they share the host's two cores, bridges and cgroups.
 */
import { defineConfig } from "vitest/config";

const everywhere = ["**/node_modules/**", "**/dist/**"];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/test/**/*.test.ts"],
          exclude: [...everywhere, "**/*.system.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "system",
          include: ["**/test/**/*.system.test.ts"],
          exclude: everywhere,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { concurrent: false },
        },
      },
    ],
  },
});
