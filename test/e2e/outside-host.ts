/**
 * A host outside the machines' network: a network namespace of the test's own behind a link of its own, which serves the
 * address that it sees. It has no route back to pods, so only a masqueraded request is answered.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { execa } from "execa";
import { until } from "./cluster.ts";

export interface OutsideHost {
  readonly address: string;
  remove(): Promise<void>;
}

const server = `
import http.server
class Seen(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(self.client_address[0].encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8080), Seen).serve_forever()
`;

export async function outsideHost({
  name = "ct-outside",
  host = "10.90.0.1",
  address = "10.90.0.2",
} = {}): Promise<OutsideHost> {
  const ip = (...argv: string[]) => execa("ip", argv, { timeout: 10_000 });
  let child: ChildProcess | undefined;
  const remove = async (): Promise<void> => {
    child?.kill("SIGKILL");
    await execa("ip", ["link", "del", "ctout0"], { reject: false });
    await execa("ip", ["netns", "del", name], { reject: false });
  };
  await remove();
  try {
    await ip("netns", "add", name);
    await ip("link", "add", "ctout0", "type", "veth", "peer", "name", "eth0", "netns", name);
    await ip("addr", "add", `${host}/30`, "dev", "ctout0");
    await ip("link", "set", "ctout0", "up");
    await ip("-n", name, "addr", "add", `${address}/30`, "dev", "eth0");
    await ip("-n", name, "link", "set", "eth0", "up");
    await ip("-n", name, "link", "set", "lo", "up");
    child = spawn("ip", ["netns", "exec", name, "python3", "-c", server], { stdio: "ignore" });
    const url = `http://${address}:8080/`;
    await until("the outside host answers", async () => (await fetch(url)).ok, {
      timeoutMs: 30_000,
      everyMs: 50,
    });
  } catch (error) {
    await remove();
    throw error;
  }
  return { address, remove };
}
