/**
 * A host outside the machines' network: a network namespace of the test's own behind a link of its own, which serves the
 * address that it sees. It has no route back to pods, so only a masqueraded request is answered.
 */
import { spawn } from "node:child_process";
import { execa } from "execa";

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
  await execa("ip", ["netns", "del", name], { reject: false });
  await ip("netns", "add", name);
  await ip("link", "add", "ctout0", "type", "veth", "peer", "name", "eth0", "netns", name);
  await ip("addr", "add", `${host}/30`, "dev", "ctout0");
  await ip("link", "set", "ctout0", "up");
  await ip("-n", name, "addr", "add", `${address}/30`, "dev", "eth0");
  await ip("-n", name, "link", "set", "eth0", "up");
  await ip("-n", name, "link", "set", "lo", "up");
  const child = spawn("ip", ["netns", "exec", name, "python3", "-c", server], { stdio: "ignore" });
  return {
    address,
    remove: async () => {
      child.kill("SIGKILL");
      await execa("ip", ["netns", "del", name], { reject: false });
      await execa("ip", ["link", "del", "ctout0"], { reject: false });
    },
  };
}
