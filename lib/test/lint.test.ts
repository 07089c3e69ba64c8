import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";

const top = resolve(import.meta.dirname, "../..");
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lint-"));
  symlinkSync(join(top, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: join(top, "tsconfig.json"), include: ["*.ts"] }),
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

const charm = (
  statement: string,
): string => `import { Charm, EventSource, type Framework } from "@cantrip/lib";

export class Tested extends Charm {
  readonly ready = new EventSource<string>("ready");

  constructor(framework: Framework) {
    super(framework);
    framework.observe(this.on.start, () => this.work());
  }

  async work(): Promise<void> {
    const secret = await this.model.secret("mine");
    for (const relation of await this.model.relations("db")) {
      ${statement}
    }
  }
}
`;

/** The rules that this repository's own configuration finds broken, by the line. */
async function findings(source: string): Promise<string[]> {
  writeFileSync(join(folder, "charm.ts"), source);
  const argv = ["-c", join(top, ".oxlintrc.json"), "--format", "json", "charm.ts"];
  const { stdout } = await execa(join(top, "node_modules/.bin/oxlint"), argv, { cwd: folder, reject: false });
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { code: string; labels: { span: { line: number } }[] }[];
  };
  return diagnostics.map(({ code, labels }) => `${code}:${labels[0]?.span.line}`);
}

test.each([
  ["a status", 'this.model.unit.setStatus({ status: "active", message: relation.key + secret.id });'],
  ["a databag", 'relation.set("unit", { secret: secret.id ?? "" });'],
  ["a secret's grant", "secret.grant(relation);"],
  ["an event", "this.framework.emit(this.ready, relation.key + secret.id);"],
])("the linter finds what a charm does not await: %s", async (_, call) => {
  expect(await findings(charm(call))).toEqual(["typescript(no-floating-promises):14"]);
  expect(await findings(charm(`await ${call}`))).toEqual([]);
});
