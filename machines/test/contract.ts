/** What every provider of machines must do. A provider's test calls machinesContract with a way to open itself. */
import { mkdtemp, readFile, rm, stat, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  MachineInvalid,
  MachineNotFound,
  MachineNotRunning,
  MachineTimeout,
  type MachineEvent,
  type Machines,
} from "../src/index.ts";
import { patient } from "./patience.ts";

const bound = { timeoutMs: patient(60_000) };

/** What differs between providers and is no part of the contract. */
export interface ContractFacts {
  /** Two addresses that machines of this provider can be given, and the host's own among them. */
  readonly addresses: { readonly one: string; readonly another: string; readonly hosts: string };
}

/** Opens the provider: each call another client of the same machines. */
export function machinesContract(provider: string, open: () => Machines, { addresses }: ContractFacts): void {
  describe(`${provider} machines`, () => {
    const machines = open();
    let scratch = "";

    beforeAll(async () => {
      await machines.prepare();
      scratch = await mkdtemp(join(tmpdir(), "machines-contract-"));
    });

    afterAll(async () => {
      await machines.cleanup();
      await machines.restore();
      await rm(scratch, { recursive: true, force: true });
    });

    async function booted(
      name: string,
      more: Partial<Parameters<Machines["create"]>[0]> = {},
    ): Promise<string> {
      const { address } = await machines.create({ name, ...more });
      await machines.start(name);
      await machines.waitBooted(name, bound);
      return address;
    }

    const out = async (name: string, ...argv: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await machines.exec(name, argv, { timeoutMs: patient(20_000) });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      return stdout.trim();
    };

    describe("one machine", () => {
      beforeAll(async () => {
        await mkdir(join(scratch, "shared"));
        await writeFile(join(scratch, "shared/from-host"), "hello");
        await booted("one", {
          address: addresses.one,
          files: [
            { path: "/etc/greeting", content: "hi\n", mode: 0o600 },
            { path: "/srv/deep/er/tool", content: "#!/bin/sh\necho tool\n", mode: 0o755 },
            { path: "/bin/ours", content: "#!/bin/sh\necho through a link\n", mode: 0o755 },
          ],
          binds: [
            { source: join(scratch, "shared"), target: "/mnt/ro", readOnly: true },
            { source: join(scratch, "shared"), target: "/mnt/rw" },
          ],
        });
      });
      afterAll(() => machines.destroy("one"));

      test("boots with systemd in order and all of its units well", async () => {
        expect(await machines.waitBooted("one", bound)).toEqual({ state: "running", failedUnits: [] });
        expect(await out("one", "cat", "/proc/1/comm")).toBe("systemd");
      });

      test("has its name, its address and an id that list and get know", async () => {
        const machine = await machines.get("one");
        expect(machine).toMatchObject({
          name: "one",
          address: addresses.one,
          state: "running",
          desired: "up",
        });
        expect(await machines.list()).toEqual([machine]);
        expect(await out("one", "hostname")).toBe("one");
        expect(await out("one", "cat", "/etc/machine-id")).toBe(machine?.machineId);
        expect(await out("one", "ip", "-4", "-brief", "address")).toContain(`${addresses.one}/`);
      });

      test("has the files that it was created with", async () => {
        expect(await out("one", "cat", "/etc/greeting")).toBe("hi");
        expect(await out("one", "stat", "--format=%a %U", "/etc/greeting")).toBe("600 root");
        expect(await out("one", "/srv/deep/er/tool")).toBe("tool");
        expect(await out("one", "stat", "--format=%a", "/etc")).toBe("755");
        // /bin is a link to /usr/bin in the image, and still is.
        expect(await out("one", "sh", "-c", "/usr/bin/ours; readlink /bin")).toBe("through a link\nusr/bin");
      });

      test("sees host folders, and writes only where it may", async () => {
        expect(await out("one", "cat", "/mnt/ro/from-host")).toBe("hello");
        expect((await machines.exec("one", ["touch", "/mnt/ro/x"])).exitCode).not.toBe(0);
        await out("one", "sh", "-c", "echo back >/mnt/rw/from-machine");
        expect(await readFile(join(scratch, "shared/from-machine"), "utf8")).toBe("back\n");
      });

      test("is a place where Kubernetes can run", async () => {
        expect(await out("one", "findmnt", "--noheadings", "--output=PROPAGATION", "/")).toBe("shared");
        expect(
          await out("one", "findmnt", "--noheadings", "--output=FSTYPE", "/var/lib/containerd"),
        ).not.toBe("overlay");
        expect(
          await out(
            "one",
            "sh",
            "-c",
            "test -w /proc/sys/net/ipv4/ip_forward && test -c /dev/kmsg && echo yes",
          ),
        ).toBe("yes");
        expect(
          await out(
            "one",
            "sh",
            "-c",
            "sysctl -qw net.ipv4.ip_forward=1 && ip link add vx type vxlan id 7 dstport 8472 && echo yes",
          ),
        ).toBe("yes");
        expect(
          await out(
            "one",
            "sh",
            "-c",
            "d=/sys/fs/cgroup; [ ! -d $d/memory ] || d=$d/memory; mkdir $d/probe && rmdir $d/probe && echo yes",
          ),
        ).toBe("yes");
      });

      test("runs a container with a seccomp profile, started by a unit as a kubelet's would be", async () => {
        const { exitCode, stdout, stderr } = await machines.exec("one", ["sh", "-c", containerScript], {
          timeoutMs: patient(60_000),
        });
        expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "Seccomp:\t2\n", stderr: "" });
      });

      test("cannot set the clock or load modules, which are the host's", async () => {
        const bounds = BigInt(
          `0x${(await out("one", "sed", "-n", "s/^CapBnd:\\s*//p", "/proc/self/status")).trim()}`,
        );
        const inUnit = BigInt(
          `0x${(await out("one", "sed", "-n", "s/^CapBnd:\\s*//p", "/proc/1/status")).trim()}`,
        );
        for (const set of [bounds, inUnit]) expect([set & (1n << 16n), set & (1n << 25n)]).toEqual([0n, 0n]);
        // To the present time: whoever is allowed to, changes nothing.
        const asUnit = ["systemd-run", "--quiet", "--pipe", "--wait", "sh", "-c"];
        for (const argv of [["sh", "-c"], asUnit]) {
          const { exitCode, stderr } = await machines.exec("one", [
            ...argv,
            'date --set "$(date)" >/dev/null',
          ]);
          expect({ exitCode, stderr }).toMatchObject({
            exitCode: 1,
            stderr: expect.stringContaining("set date") as string,
          });
        }
      });

      test("has python, ssh, and a user ubuntu who may do all", async () => {
        expect(await out("one", "python3", "-c", "print(6*7)")).toBe("42");
        expect(
          await out("one", "sh", "-c", "systemctl is-active ssh && ls /etc/ssh/ssh_host_ed25519_key"),
        ).toContain("active");
        const { stdout } = await machines.exec("one", ["sudo", "-n", "sh", "-c", "id -u; echo $SUDO_UID"], {
          user: "ubuntu",
        });
        expect(stdout).toBe("0\n1000\n");
      });
    });

    describe("exec", () => {
      beforeAll(() => booted("run"));
      afterAll(() => machines.destroy("run"));

      test.each([
        [["true"], 0],
        [["sh", "-c", "exit 7"], 7],
        [["no-such-command"], 127],
        [["sh", "-c", "kill -9 $$"], 137],
      ])("%j ends with %i", async (argv, exitCode) => {
        expect((await machines.exec("run", argv)).exitCode).toBe(exitCode);
      });

      test("separates the outputs, and streams them while the command runs", async () => {
        const both = await machines.exec("run", ["sh", "-c", "echo a; echo b >&2"]);
        expect(both).toEqual({ exitCode: 0, stdout: "a\n", stderr: "b\n" });
        const seen: string[] = [];
        const release = join("/tmp", "go-on");
        const done = await machines.exec(
          "run",
          ["sh", "-c", `echo first; while [ ! -e ${release} ]; do sleep 0.02; done; echo last`],
          {
            onStdout: (chunk) => {
              seen.push(chunk.toString().trim());
              // The command ends only because its first line has reached us before its end.
              if (seen.length === 1) void machines.exec("run", ["touch", release]);
            },
            timeoutMs: patient(20_000),
          },
        );
        expect({ done, seen }).toEqual({
          done: { exitCode: 0, stdout: "", stderr: "" },
          seen: ["first", "last"],
        });
      });

      test("passes input, environment, folder and user, and keeps arguments whole", async () => {
        expect((await machines.exec("run", ["cat"], { stdin: "in\n" })).stdout).toBe("in\n");
        expect((await machines.exec("run", ["printenv", "A_B"], { env: { A_B: "c d" } })).stdout).toBe(
          "c d\n",
        );
        expect((await machines.exec("run", ["pwd"], { cwd: "/usr" })).stdout).toBe("/usr\n");
        expect(
          (await machines.exec("run", ["sh", "-c", "id -un; echo $HOME"], { user: "ubuntu" })).stdout,
        ).toBe("ubuntu\n/home/ubuntu\n");
        expect((await machines.exec("run", ["printf", "%s|", "a b", "$x", "'", '"', "é\n"])).stdout).toBe(
          "a b|$x|'|\"|é\n|",
        );
      });

      test("passes a megabyte through in both directions", async () => {
        const data = "0123456789abcdef".repeat(65_536);
        expect((await machines.exec("run", ["cat"], { stdin: data })).stdout === data).toBe(true);
      });

      test("does not outlast its bound, and leaves nothing of the command behind", async () => {
        const asked = machines.exec("run", ["sh", "-c", "sleep 3131 & sleep 3131"], { timeoutMs: 300 });
        await expect(asked).rejects.toThrow(MachineTimeout);
        expect((await machines.exec("run", ["pgrep", "-f", "^sleep 3131"])).stdout).toBe("");
      });

      test("ends when its caller gives it up, and leaves nothing of the command behind", async () => {
        const stop = new AbortController();
        const asked = machines.exec("run", ["sh", "-c", "echo on; sleep 3232"], {
          signal: stop.signal,
          onStdout: () => stop.abort(new Error("enough")),
        });
        await expect(asked).rejects.toThrow("enough");
        const left = async () => (await machines.exec("run", ["pgrep", "-f", "^sleep 3232"])).stdout;
        await expect.poll(left, { timeout: patient(5_000) }).toBe("");
      });

      test("ends with its command, though a daemon that it started holds its output", async () => {
        const { stdout } = await machines.exec("run", ["sh", "-c", "sleep 30 & echo started"], {
          timeoutMs: patient(10_000),
        });
        expect(stdout).toBe("started\n");
      });

      test("runs in the machine's own control groups and process space", async () => {
        const [group, pids] = [
          await out("run", "cat", "/proc/self/cgroup"),
          Number(await out("run", "sh", "-c", "echo $$")),
        ];
        for (const line of group.split("\n")) expect(line).not.toMatch(/\.\.|cantrip/);
        expect(pids).toBeLessThan(10_000);
      });

      test("refuses a name that no shell would hand on as an environment variable", async () => {
        await expect(machines.exec("run", ["env"], { env: { "A-B": "" } })).rejects.toThrow(MachineInvalid);
      });

      test("names the user that the machine does not have", async () => {
        await expect(machines.exec("run", ["true"], { user: "nobody-here" })).rejects.toThrow(
          'machine "run" has no such user',
        );
      });

      test("copies a file and a folder in and out, with their modes", async () => {
        const [file, folder] = [join(scratch, "tool"), join(scratch, "folder")];
        await writeFile(file, "#!/bin/sh\necho copied\n", { mode: 0o755 });
        await mkdir(join(folder, "sub"), { recursive: true });
        await writeFile(join(folder, "sub/x"), "x");
        await machines.copyIn("run", file, "/opt/new/place/tool");
        await machines.copyIn("run", folder, "/opt/folder");
        expect(await out("run", "/opt/new/place/tool")).toBe("copied");
        expect(await out("run", "cat", "/opt/folder/sub/x")).toBe("x");
        await machines.copyOut("run", "/opt/folder", join(scratch, "back"));
        await machines.copyOut("run", "/opt/new/place/tool", join(scratch, "tool-back"));
        expect(await readFile(join(scratch, "back/sub/x"), "utf8")).toBe("x");
        expect((await stat(join(scratch, "tool-back"))).mode & 0o777).toBe(0o755);
        await expect(machines.copyOut("run", "/opt/nothing", join(scratch, "nothing"))).rejects.toThrow(
          "/opt/nothing".slice(5),
        );
      });

      test("shows its console and its journal", async () => {
        await out("run", "logger", "a line of ours");
        await expect
          .poll(async () => (await machines.logs("run")).journal, { timeout: patient(5_000) })
          .toContain("a line of ours");
        expect((await machines.logs("run")).console).toContain("Welcome to");
      });
    });

    describe("a machine's life", () => {
      const events: MachineEvent[] = [];
      let unwatch = () => {};
      beforeAll(async () => {
        await machines.create({ name: "life" });
        unwatch = machines.watch((event) => events.push(event));
        await machines.start("life");
        await machines.waitBooted("life", bound);
      });
      afterAll(async () => {
        unwatch();
        await machines.destroy("life");
      });
      const seen = async (kind: MachineEvent["kind"]): Promise<MachineEvent> => {
        await expect
          .poll(() => events.some((event) => event.kind === kind), { timeout: patient(20_000) })
          .toBe(true);
        const found = events.find((event) => event.kind === kind);
        events.length = 0;
        return found ?? expect.fail();
      };

      test("keeps its disk and its address over a stop", async () => {
        await out("life", "sh", "-c", "echo kept >/root/kept");
        const before = await machines.get("life");
        await out("life", "sh", "-c", "logger a line before the end; journalctl --sync");
        await machines.stop("life");
        expect(await machines.get("life")).toMatchObject({ state: "stopped", desired: "down" });
        expect((await machines.logs("life")).journal).toContain("a line before the end");
        await expect(machines.exec("life", ["true"])).rejects.toThrow(MachineNotRunning);
        expect(await seen("stopped")).toMatchObject({ name: "life", expected: true });
        await machines.start("life");
        await machines.waitBooted("life", bound);
        expect(await out("life", "cat", "/root/kept")).toBe("kept");
        expect(await machines.get("life")).toMatchObject({
          address: before?.address,
          machineId: before?.machineId,
        });
      });

      test("keeps its disk when its power is cut", async () => {
        await out("life", "sh", "-c", "echo cut >/root/cut && sync");
        events.length = 0;
        await machines.kill("life");
        expect(await machines.get("life")).toMatchObject({ state: "stopped" });
        await machines.start("life");
        await machines.waitBooted("life", bound);
        expect(await out("life", "cat", "/root/cut")).toBe("cut");
        // An end and a start between two looks are told as one reboot.
        const isBack = () => events.some(({ kind }) => kind === "started" || kind === "rebooted");
        await expect.poll(isBack, { timeout: patient(20_000) }).toBe(true);
      });

      test("comes back when it is rebooted from inside", async () => {
        const before = await machines.get("life");
        events.length = 0;
        await machines.exec("life", ["systemctl", "reboot"]);
        expect(await seen("rebooted")).toEqual({ kind: "rebooted", name: "life" });
        await machines.waitBooted("life", bound);
        const after = await machines.get("life");
        expect(after).toMatchObject({ state: "running", address: before?.address });
        expect(after?.leaderPid).not.toBe(before?.leaderPid);
      });

      test("is reported when it dies unasked", async () => {
        const { leaderPid } = (await machines.get("life")) ?? {};
        // Never a guess: process 0 is this very group of processes.
        if (leaderPid === undefined) throw new Error("the machine does not run, so it cannot die");
        process.kill(leaderPid, "SIGKILL");
        expect(await seen("stopped")).toMatchObject({ name: "life", expected: false });
        expect(await machines.get("life")).toMatchObject({ state: "stopped", desired: "up" });
        await machines.start("life");
        await machines.waitBooted("life", bound);
      });

      test("starts once, however often it is asked", async () => {
        const [one, two] = await Promise.all([machines.start("life"), open().start("life")]);
        expect(one.leaderPid).toBe(two.leaderPid);
      });
    });

    test("a machine is bounded in memory, processors and tasks, as a whole", async () => {
      await booted("bound", { limits: { memoryBytes: 256 * 2 ** 20, cpus: 0.5, tasks: 300 } });
      const hog = await machines.exec("bound", ["python3", "-c", "x = bytearray(400 * 2**20)"], {
        timeoutMs: patient(60_000),
      });
      expect(hog.exitCode).toBe(137);
      const forks = "import os, time\\nfor _ in range(400):\\n  if os.fork() == 0: time.sleep(60)";
      const many = await machines.exec("bound", ["python3", "-c", forks.replaceAll("\\n", "\n")], {
        timeoutMs: patient(60_000),
      });
      expect(many.stderr).toContain("Resource temporarily unavailable");
      await machines.destroy("bound");
    });

    test("cleanup removes all, or keeps the disks if told", async () => {
      await booted("kept");
      await out("kept", "sh", "-c", "echo kept >/root/kept && sync");
      await machines.cleanup({ keepDisks: true });
      expect(await machines.get("kept")).toMatchObject({ state: "stopped" });
      await machines.prepare();
      await machines.start("kept");
      await machines.waitBooted("kept", bound);
      expect(await out("kept", "cat", "/root/kept")).toBe("kept");
      await expect(machines.restore()).rejects.toThrow("machines kept are running; stop them first");
      await machines.cleanup();
      expect(await machines.list()).toEqual([]);
      await machines.prepare();
    });

    describe("several machines", () => {
      afterAll(() => Promise.all(["a", "b", "c"].map((name) => machines.destroy(name))));

      test("know each other by name, while they run and when they start", async () => {
        const [a, b] = [await booted("a"), await booted("b")];
        expect(a).not.toBe(b);
        expect(await out("a", "getent", "ahostsv4", "b")).toContain(b);
        await out("a", "ping", "-c1", "-W2", "b");
        await out("a", "sh", "-c", "echo 192.0.2.9 mine >>/etc/hosts");
        const { address: c } = await machines.create({ name: "c" });
        expect(await out("b", "getent", "hosts", "c")).toContain(c);
        await machines.destroy("c");
        expect((await machines.exec("b", ["getent", "hosts", "c"])).exitCode).toBe(2);
        expect(await out("a", "getent", "hosts", "mine")).toContain("192.0.2.9");
      });
    });

    describe("what is refused", () => {
      test.each([
        ["../x"],
        ["a/b"],
        [""],
        ["x".repeat(65)],
        ["two words"],
        ["Upper"],
        ["-dash"],
        ["dash-"],
        ["a.b"],
        ["a\nb"],
        [".."],
      ])("the name %j", async (name) => {
        await expect(machines.create({ name })).rejects.toThrow(MachineInvalid);
        await expect(machines.destroy(name)).rejects.toThrow(MachineInvalid);
        await expect(machines.exec(name, ["true"])).rejects.toThrow(MachineInvalid);
        expect(await machines.list()).toEqual([]);
      });

      test.each([
        ["an address outside the range", { address: "10.99.0.1" }],
        ["the host's own address", { address: addresses.hosts }],
        ["an address that is none", { address: "somewhere" }],
        ["a file outside the machine", { files: [{ path: "/../../etc/x", content: "" }] }],
        ["a file by a relative path", { files: [{ path: "etc/x", content: "" }] }],
        ["a bind with an option in it", { binds: [{ source: "/tmp:/etc", target: "/x" }] }],
        ["a limit below one", { limits: { memoryBytes: -1 } }],
      ])("%s", async (_, wrong) => {
        await expect(machines.create({ name: "wrong", ...wrong })).rejects.toThrow(MachineInvalid);
        expect(await machines.list()).toEqual([]);
      });

      test("a second machine of a name or an address, and one that is not there", async () => {
        await machines.create({ name: "first", address: addresses.another });
        await expect(machines.create({ name: "first" })).rejects.toThrow("there is one of that name");
        await expect(machines.create({ name: "second", address: addresses.another })).rejects.toThrow(
          "it is taken",
        );
        await machines.destroy("first");
        await machines.destroy("first");
        await expect(machines.start("first")).rejects.toThrow(MachineNotFound);
        expect(await machines.get("first")).toBeUndefined();
      });
    });
  });
}

/** A root file system of one shell and its libraries, runc's own default configuration, a profile that refuses one call. */
const containerScript = `set -eu
mkdir -p /var/lib/containerd/probe/rootfs/bin && cd /var/lib/containerd/probe
for file in /bin/sh /bin/grep $(ldd /bin/sh /bin/grep | grep -o '/[^ :]* ' | sort -u); do
  mkdir -p "rootfs$(dirname "$file")"
  cp -L "$file" "rootfs$file"
done
runc spec
python3 - <<END
import json
spec = json.load(open("config.json"))
spec["process"].update(terminal=False, args=["grep", "Seccomp:", "/proc/self/status"])
spec["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}
json.dump(spec, open("config.json", "w"))
END
exec systemd-run --quiet --pipe --wait --property=Delegate=yes runc run --bundle "$PWD" probe`;
