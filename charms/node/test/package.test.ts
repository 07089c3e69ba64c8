/** The node package, with real tars and trees in a folder of the test's own. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  access,
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, onTestFinished, test } from "vitest";
import { TarNodePackage, UnusablePackage, run } from "../src/index.ts";

const digestOf = (bytes: string | Buffer) => createHash("sha256").update(bytes).digest("hex");
let root: string;
let places: { shared: string; own: string; current: string; unit: string };
let nodePackage: TarNodePackage;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "node-package-"));
  onTestFinished(() => rm(root, { recursive: true }));
  const at = (name: string) => join(root, name);
  places = { shared: at("shared"), own: at("own"), current: at("current"), unit: at("k8sd.service") };
  nodePackage = new TarNodePackage({ places });
});

/** Installs as a real package does: the link, and the unit. Counts its runs. */
const installScript = () => `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd -P)
ln -sfn "$here" ${places.current}
touch ${places.unit}
echo >> ${root}/installs
`;
const removeScript = () => `#!/bin/sh\nrm -f ${places.current} ${places.unit}\n`;

async function tree(
  version = "1.36.3+cantrip.1",
): Promise<{ folder: string; digest: string; files: string[] }> {
  const folder = await mkdtemp(join(root, "tree-"));
  const contents = {
    install: installScript(),
    remove: removeScript(),
    "bin/kubelet": "kubelet\n".repeat(500),
  };
  const files = Object.entries(contents).map(([path, text]) => ({
    path,
    mode: 0o755,
    size: text.length,
    sha256: digestOf(text),
  }));
  const manifest = JSON.stringify({
    schema: 1,
    name: "k8s-node",
    version,
    architecture: "amd64",
    files,
    images: [],
  });
  for (const [path, text] of Object.entries({ ...contents, "manifest.json": manifest })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
    await chmod(join(folder, path), 0o755);
  }
  return { folder, digest: digestOf(manifest), files: Object.keys(contents) };
}

async function tar(folder: string, members: string[] = ["."]): Promise<string> {
  const path = join(root, `${Math.random()}.tar`);
  await run(["tar", "-cf", path, "-C", folder, ...members], { timeoutMs: 10_000 });
  return path;
}
const installs = async () => (await readFile(join(root, "installs"), "utf8").catch(() => "")).length;
const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

describe("a whole package", () => {
  test("is unpacked, verified and installed; a second time nothing is done", async () => {
    const { folder, digest } = await tree();
    const resource = await tar(folder);
    const first = await nodePackage.ensure(resource, false);
    deepEqual(
      [first.fresh, first.manifest.kubernetesVersion, first.manifest.digest],
      [true, "1.36.3", digest],
    );
    equal((await nodePackage.ensure(resource, true)).fresh, false);
    equal(await installs(), 1);
    deepEqual(await readdir(places.own), [digest]);
  });

  test("an install that was interrupted is run again", async () => {
    const resource = await tar((await tree()).folder);
    await nodePackage.ensure(resource, false);
    await rm(places.unit);
    equal((await nodePackage.ensure(resource, false)).fresh, true);
    equal(await installs(), 2);
  });

  test("an unpacking that was interrupted leaves nothing that is taken for a package", async () => {
    const { folder, digest } = await tree();
    await mkdir(join(places.own, `${digest}.unpacking`, "bin"), { recursive: true });
    await writeFile(join(places.own, `${digest}.unpacking`, "leftover"), "");
    await nodePackage.ensure(await tar(folder), false);
    deepEqual(await readdir(places.own), [digest]);
  });

  test("another package is refused on a node of a cluster, and installed on one of none", async () => {
    await nodePackage.ensure(await tar((await tree()).folder), false);
    const other = await tar((await tree("1.36.4+cantrip.1")).folder);
    await rejects(
      nodePackage.ensure(other, true),
      /1\.36\.4\+cantrip\.1 .* differs from 1\.36\.3.*upgrades are not available yet/u,
    );
    equal((await nodePackage.ensure(other, false)).manifest.kubernetesVersion, "1.36.4");
  });

  test("is removed with its trees; removing nothing is success", async () => {
    await nodePackage.ensure(await tar((await tree()).folder), false);
    await nodePackage.remove();
    await nodePackage.remove();
    deepEqual([await exists(places.current), await exists(places.own)], [false, false]);
    equal(await nodePackage.installed(), undefined);
  });
});

describe("a package that only refers to one", () => {
  test("is installed from where the host has it, and nothing is unpacked", async () => {
    const { folder, digest } = await tree();
    await mkdir(places.shared);
    await symlink(folder, join(places.shared, digest));
    const { manifest } = await nodePackage.ensure(await tar(folder, ["manifest.json"]), false);
    equal(manifest.digest, digest);
    equal(await exists(places.own), false);
  });

  test("says what to do where the host has it not", async () => {
    const { folder } = await tree();
    const resource = await tar(folder, ["manifest.json"]);
    await rejects(
      nodePackage.ensure(resource, false),
      /only refers to package 1\.36\.3.*attach the whole package/u,
    );
  });

  test("a folder with the name of the digest and another manifest is not it", async () => {
    const { folder, digest } = await tree();
    await mkdir(join(places.shared, digest), { recursive: true });
    await writeFile(join(places.shared, digest, "manifest.json"), "{}");
    await rejects(nodePackage.ensure(await tar(folder, ["manifest.json"]), false), UnusablePackage);
  });
});

describe("what is no package is refused, with what to do", () => {
  const damages: [string, (folder: string) => Promise<void>, RegExp][] = [
    [
      "a file altered",
      (f) => writeFile(join(f, "bin/kubelet"), "kubelxt\n".repeat(500)),
      /"bin\/kubelet" has another SHA-256 sum.*attach it again/u,
    ],
    [
      "a file cut",
      (f) => truncate(join(f, "bin/kubelet"), 10),
      /"bin\/kubelet" has 10 bytes instead of 4000/u,
    ],
    ["a file missing", (f) => rm(join(f, "bin/kubelet")), /"bin\/kubelet" is missing/u],
    ["a file too many", (f) => writeFile(join(f, "bin/extra"), ""), /"bin\/extra" is not in its manifest/u],
    [
      "a link in place of a file",
      async (f) => {
        await rm(join(f, "bin/kubelet"));
        await symlink("/bin/sh", join(f, "bin/kubelet"));
      },
      /"bin\/kubelet" is missing/u,
    ],
    ["no manifest", (f) => rm(join(f, "manifest.json")), /it has no manifest\.json; attach it again/u],
    [
      "a manifest of something else",
      (f) => writeFile(join(f, "manifest.json"), '{"schema":1,"name":"x"}'),
      /its manifest is of x, schema 1; expected k8s-node/u,
    ],
    [
      "a manifest that is none",
      (f) => writeFile(join(f, "manifest.json"), "{"),
      /its manifest is no JSON object/u,
    ],
    [
      "a manifest that leads outside",
      (f) =>
        writeFile(
          join(f, "manifest.json"),
          JSON.stringify({
            schema: 1,
            name: "k8s-node",
            version: "1.36.3",
            architecture: "amd64",
            files: [{ path: "../../etc/passwd", mode: 420, size: 0, sha256: "0".repeat(64) }],
          }),
        ),
      /names a file outside of itself/u,
    ],
  ];
  test.each(damages)("%s", async (_, damage, expected) => {
    const { folder } = await tree();
    await damage(folder);
    await rejects(nodePackage.ensure(await tar(folder), false), (error) => {
      ok(error instanceof UnusablePackage);
      match(error.message, expected);
      return true;
    });
    equal(await installs(), 0);
  });

  const files: [string, string | undefined, RegExp][] = [
    ["no resource", undefined, /node-package is missing: attach it/u],
    ["the empty file of a deployment without resource", "", /node-package is missing: attach it/u],
    ["words", "this is no tar".repeat(100), /node-package is damaged: a header's checksum is wrong/u],
    ["a few bytes", "x", /node-package is damaged: it has no end/u],
  ];
  test.each(files)("%s", async (_, content, expected) => {
    const path = join(root, "resource");
    if (content !== undefined) await writeFile(path, content);
    await rejects(nodePackage.ensure(content === undefined ? undefined : path, false), expected);
  });

  test("a tar that ends early", async () => {
    const { folder } = await tree();
    const resource = await tar(folder, ["bin/kubelet", "manifest.json"]);
    await truncate(resource, 1024);
    await rejects(nodePackage.ensure(resource, false), /node-package is damaged: "bin\/kubelet" is cut off/u);
  });
});
